//! Safetensors files that lie.

use serde_json::{Value, json};

use super::{Case, case};
use crate::files::toy::{self, Toy};
use crate::files::write::{entry, safetensors, with_header};

/// A file with one tensor `x` of that entry over 16 bytes of data.
fn one(entry: Value) -> Vec<u8> {
    with_header(&json!({ "x": entry }).to_string(), &[0; 16])
}

fn header_length(length: u64) -> Vec<u8> {
    let mut bytes = safetensors(&toy::model());
    bytes[..8].copy_from_slice(&length.to_le_bytes());
    bytes
}

fn offsets(from: u64, to: u64) -> Vec<u8> {
    one(json!({ "dtype": "F32", "shape": [4], "data_offsets": [from, to] }))
}

fn shape(shape: Value) -> Vec<u8> {
    one(json!({ "dtype": "F32", "shape": shape, "data_offsets": [0, 16] }))
}

/// A million tensors, in a header of the longest length that is looked at and of the true one.
fn many(count: usize) -> Vec<u8> {
    let entry = r#"{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#;
    let entries: Vec<String> = (0..count).map(|n| format!("\"{n}\":{entry}")).collect();
    with_header(&format!("{{{}}}", entries.join(",")), &[])
}

/// Headers whose length or JSON is not what they say.
#[must_use]
pub fn headers_that_lie() -> Vec<Case> {
    vec![
        case("length 0", header_length(0), &["safetensors", "header"]),
        case("length 2^31", header_length(1 << 31), &["header length is 2147483648 bytes", "at most"]),
        case("length 2^32-1", header_length(u64::from(u32::MAX)), &["header length is 4294967295 bytes"]),
        case("length 2^63", header_length(1 << 63), &["header length is 9223372036854775808 bytes"]),
        case("length 2^64-1", header_length(u64::MAX), &["header length is 18446744073709551615 bytes"]),
        case("length past the end", header_length(8_000_000), &["header length is 8000000 bytes", "found"]),
        case("not JSON", with_header("{nonsense", &[]), &["header", "line 1"]),
        case("not UTF-8", [&[3, 0, 0, 0, 0, 0, 0, 0][..], b"{\"\xff"].concat(), &["UTF-8"]),
        case("an array inside", with_header(r#"{"x": []}"#, &[]), &["tensor `x`"]),
        case(
            "no shape",
            with_header(r#"{"x": {"dtype": "F32", "data_offsets": [0, 0]}}"#, &[]),
            &["`shape`"],
        ),
        case("deep", with_header(&format!("{{\"x\":{}", "[".repeat(100_000)), &[]), &["tensor `x`"]),
        case(
            "metadata of numbers",
            with_header(r#"{"__metadata__": {"a": 1}}"#, &[]),
            &["expected a string"],
        ),
        case("no tensors", with_header("{}", &[]), &["not an RWKV-7 model", "no tensors"]),
        case("header bloating: metadata", metadata(700_000), &["more than 65536 entries of `__metadata__`"]),
        case("header bloating: 100001 tensors", many(100_001), &["more than 100000 tensors"]),
        case("10^6 tensors", many(1_000_000), &["header length", "at most 8388608"]),
        twice(),
    ]
}

/// A header of metadata alone, each entry as short as its key allows.
fn metadata(count: usize) -> Vec<u8> {
    let entries: Vec<String> = (0..count).map(|n| format!("\"{n:x}\":\"\"")).collect();
    with_header(&format!("{{\"__metadata__\":{{{}}}}}", entries.join(",")), &[])
}

fn twice() -> Case {
    let header = format!(r#"{{"x": {e}, "x": {e}}}"#, e = entry("F32", &[4], 0, 16));
    case("a name twice", with_header(&header, &[0; 16]), &["tensor `x` appears twice"])
}

/// Tensors whose type, shape and place do not fit each other or the file.
#[must_use]
pub fn entries_that_lie() -> Vec<Case> {
    vec![
        case("past the end", offsets(0, 17), &["tensor `x`", "0..17", "16 bytes"]),
        case("backwards", offsets(16, 0), &["tensor `x`", "16..0"]),
        case("at 2^31", offsets(1 << 31, (1 << 31) + 16), &["tensor `x`", "2147483648"]),
        case("at 2^63", offsets(1 << 63, (1 << 63) + 16), &["tensor `x`", "9223372036854775808"]),
        case("to 2^64-1", offsets(0, u64::MAX), &["tensor `x`", "18446744073709551615"]),
        case("negative", shape(json!([-4])), &["tensor `x`", "-4"]),
        case("fraction", shape(json!([4.5])), &["tensor `x`", "4.5"]),
        case("2^64", shape(json!([18446744073709551616.0])), &["tensor `x`"]),
        case("text", shape(json!("4")), &["tensor `x`", "expected a sequence"]),
        case("too large a shape", shape(json!([5])), &["tensor `x`", "20 bytes", "16"]),
        case("2^31 numbers", shape(json!([1u64 << 31])), &["tensor `x`", "8589934592 bytes"]),
        case("product 2^64", shape(json!([1u64 << 32, 1u64 << 32])), &["tensor `x`", "more than any memory"]),
        // 4 * 2^62 wraps to 0, and (2^42 + 1) * 2^22 * 4 to 2^24: the product must not be trusted.
        case("bytes wrap to 0", shape(json!([1u64 << 62])), &["tensor `x`", "more than any memory"]),
        case("dimension 2^42+1", shape(json!([(1u64 << 42) + 1, 1u64 << 22])), &["more than any memory"]),
        case("nine dimensions", shape(json!([4, 1, 1, 1, 1, 1, 1, 1, 1])), &["9 dimensions"]),
        case("empty tensor", one(entry("F32", &[0], 0, 0)), &["tensors take 0 bytes", "16"]),
        case("integers", one(entry("I64", &[2], 0, 16)), &["tensor `x`", "`I64`", "expected F64"]),
        case("unknown type", one(entry("Q9", &[2], 0, 16)), &["tensor `x`", "`Q9`"]),
        case(
            "control characters",
            with_header(&json!({ "a\nb": entry("F32", &[4], 0, 16) }).to_string(), &[0; 16]),
            &["`a\\nb`"],
        ),
        case(
            "long name",
            with_header(&json!({ "a".repeat(600): entry("F32", &[4], 0, 16) }).to_string(), &[0; 16]),
            &["600 bytes"],
        ),
        case("trailing bytes", [safetensors(&toy::model()), vec![0; 4]].concat(), &["the file has"]),
        gap(8, "overlaps the tensor before it"),
        gap(12, "overlaps"),
        gap(20, "leaves a gap"),
    ]
}

/// Two tensors of 16 bytes, the second at `from`.
fn gap(from: usize, word: &'static str) -> Case {
    let header = json!({ "x": entry("F32", &[4], 0, 16), "y": entry("F32", &[4], from, from + 16) });
    let words: &'static [&'static str] = match word {
        "overlaps" => &["tensor `y` overlaps", "expected offset 16"],
        "leaves a gap" => &["tensor `y` leaves a gap", "expected offset 16, found 20"],
        _ => &["tensor `y` overlaps the tensor before it"],
    };
    case(
        "tensors that do not follow each other",
        with_header(&header.to_string(), &vec![0; from + 16]),
        words,
    )
}

/// A tuned state of two heads of that size.
fn time_state(layer: usize, head_size: usize) -> Toy {
    let shape = vec![2, head_size, head_size];
    Toy { name: format!("blocks.{layer}.att.time_state"), values: vec![0.5; shape.iter().product()], shape }
}

/// The model after `change`.
fn changed(change: impl FnOnce(&mut Vec<Toy>)) -> Vec<u8> {
    let mut toys = toy::model();
    change(&mut toys);
    safetensors(&toys)
}

fn reshaped(name: &str, shape: &[usize]) -> Vec<u8> {
    changed(|toys| {
        let toy = toys.iter_mut().find(|toy| toy.name == name).expect("in the toy");
        toy.shape = shape.to_vec();
        toy.values.resize(shape.iter().product(), 0.5);
    })
}

fn without(name: &str) -> Vec<u8> {
    changed(|toys| toys.retain(|toy| toy.name != name))
}

/// Files that keep the rules of the format and hold no consistent model.
#[must_use]
pub fn sound_files_with_wrong_models() -> Vec<Case> {
    let extra = |name: &str| {
        let name = name.to_owned();
        changed(|toys| toys.push(Toy { name, shape: vec![1], values: vec![0.5] }))
    };
    vec![
        case("no head", without("head.weight"), &["`head.weight` is missing"]),
        case("no r_k in layer 1", without("blocks.1.att.r_k"), &["`blocks.1.att.r_k` is missing"]),
        case("no r_k at all", without("blocks.0.att.r_k"), &["not an RWKV-7 model", "`blocks.0.att.r_k`"]),
        case("no v0", without("blocks.1.att.v0"), &["`blocks.1.att.v0` is missing"]),
        case("extra tensor", extra("blocks.0.att.extra"), &["`blocks.0.att.extra`", "does not belong"]),
        case("block 2^64-1", extra("blocks.18446744073709551615.att.x_r"), &["beyond any model"]),
        case(
            "a tuned state in one layer",
            changed(|toys| toys.push(time_state(0, 4))),
            &["`blocks.1.att.time_state` is missing"],
        ),
        case(
            "a tuned state in the last layer",
            changed(|toys| toys.push(time_state(1, 4))),
            &["`blocks.0.att.time_state` is missing"],
        ),
        case(
            "tuned states of another head size",
            changed(|toys| toys.extend([time_state(0, 2), time_state(1, 2)])),
            &["`blocks.0.att.time_state`", "[2, 4, 4]"],
        ),
        case("a layer written 01", extra("blocks.01.att.x_r"), &["`blocks.01.att.x_r`", "does not belong"]),
        case("a layer written +1", extra("blocks.+1.att.x_r"), &["`blocks.+1.att.x_r`", "does not belong"]),
        case("a layer without number", extra("blocks.x.att.x_r"), &["`blocks.x.att.x_r`"]),
        case("text turned round", extra("a\u{202e}b"), &["`a\\u{202e}b`"]),
        case("RWKV-6", extra("blocks.0.att.time_maa_x"), &["RWKV-6"]),
        case("transformer", extra("model.layers.0.self_attn.q_proj.weight"), &["a transformer"]),
        case(
            "narrow key",
            reshaped("blocks.1.att.key.weight", &[8, 7]),
            &["`blocks.1.att.key.weight`", "[8, 7]", "[8, 8]"],
        ),
        case("long norm", reshaped("blocks.0.ln1.bias", &[9]), &["`blocks.0.ln1.bias`", "[9]", "[8]"]),
        case(
            "heads that do not multiply",
            reshaped("blocks.0.att.r_k", &[2, 3]),
            &["`blocks.0.att.r_k`", "8"],
        ),
        case(
            "other heads in layer 1",
            reshaped("blocks.1.att.r_k", &[4, 2]),
            &["`blocks.1.att.r_k`", "[2, 4]"],
        ),
        case(
            "another FFN width",
            reshaped("blocks.1.ffn.key.weight", &[13, 8]),
            &["`blocks.1.ffn.key.weight`"],
        ),
        case("a cube", reshaped("emb.weight", &[2, 5, 8]), &["`emb.weight`", "more than two dimensions"]),
        case("a scalar", reshaped("emb.weight", &[]), &["`emb.weight`"]),
        case(
            "two orientations",
            reshaped("blocks.0.att.w1", &[2, 8]),
            &["two orientations", "`blocks.0.att.w1`"],
        ),
        case(
            "fused shifts of five",
            changed(|toys| {
                toys.push(Toy {
                    name: "blocks.0.att.x_x".to_owned(),
                    shape: vec![5, 8],
                    values: vec![0.5; 40],
                })
            }),
            &["`blocks.0.att.x_x`", "[6, channels]"],
        ),
        case(
            "one name under two wrappers",
            extra("_forward_module.emb.weight"),
            &["`emb.weight` appears twice"],
        ),
    ]
}
