//! rwkv.cpp files that lie.

use super::{Case, case};
use crate::files::toy::Toy;
use crate::files::write::{rwkv_cpp, rwkv_cpp_header, rwkv_cpp_record as record, rwkv_cpp_toys};

/// A good header and then `records`.
fn file(records: &[Vec<u8>]) -> Vec<u8> {
    [rwkv_cpp_header(101, 10, 8, 2), records.concat()].concat()
}

/// A record's three numbers, and nothing sound behind them.
fn numbers(dimensions: u32, name: u32, kind: u32) -> Vec<u8> {
    file(&[[dimensions, name, kind].map(u32::to_le_bytes).concat(), vec![1; 64]])
}

fn shaped(dimensions: &[u32]) -> Vec<u8> {
    file(&[record("x", 0, dimensions, &[0; 64])])
}

fn header(version: u32, vocab: u32, channels: u32, layers: u32) -> Vec<u8> {
    let good = rwkv_cpp(&rwkv_cpp_toys());
    [rwkv_cpp_header(version, vocab, channels, layers), good[24..].to_vec()].concat()
}

fn changed(change: impl FnOnce(&mut Vec<Toy>)) -> Vec<u8> {
    let mut toys = rwkv_cpp_toys();
    change(&mut toys);
    rwkv_cpp(&toys)
}

/// Headers and records that are not what they say.
#[must_use]
pub fn files_that_lie() -> Vec<Case> {
    let all = u32::MAX;
    vec![
        case("magic alone", b"fmgg".to_vec(), &["version", "offset 4"]),
        case("version 99", header(99, 10, 8, 2), &["version 99, expected 100 or 101"]),
        case("version 2^32-1", header(all, 10, 8, 2), &["version 4294967295"]),
        case("vocabulary", header(101, 11, 8, 2), &["`n_vocab` 11, the tensors have 10"]),
        case("channels", header(101, 10, all, 2), &["`n_embed` 4294967295, the tensors have 8"]),
        case("layers", header(101, 10, 8, 1 << 31), &["`n_layer` 2147483648, the tensors have 2"]),
        case("no tensors", file(&[]), &["no tensors"]),
        case("0 dimensions", numbers(0, 1, 0), &["offset 24", "0 dimensions, expected 1 to 3"]),
        case("4 dimensions", numbers(4, 1, 0), &["4 dimensions"]),
        case("2^31 dimensions", numbers(1 << 31, 1, 0), &["2147483648 dimensions"]),
        case("2^32-1 dimensions", numbers(all, 1, 0), &["4294967295 dimensions"]),
        case("no name", numbers(1, 0, 0), &["a name of 0 bytes"]),
        case("a name of 2^31 bytes", numbers(1, 1 << 31, 0), &["a name of 2147483648 bytes"]),
        case("a name of 2^32-1 bytes", numbers(1, all, 0), &["a name of 4294967295 bytes"]),
        case("a name past the end", numbers(1, 500, 0), &["name of the tensor at offset 24", "500 bytes"]),
        case(
            "a name not UTF-8",
            file(&[[1, 1, 0, 1].map(u32::to_le_bytes).concat(), vec![0xff, 0, 0, 0, 0]]),
            &["UTF-8"],
        ),
        case("a name with a line end", file(&[record("a\nb", 0, &[1], &[0; 4])]), &["`a\\nb`"]),
        case("a removed type", file(&[record("x", 4, &[32], &[0; 64])]), &["tensor `x` has data type 4"]),
        case("type 2^32-1", file(&[record("x", all, &[32], &[0; 64])]), &["data type 4294967295"]),
        case(
            "blocks of version 100",
            [rwkv_cpp_header(100, 10, 8, 2), record("x", 2, &[32], &[0; 18])].concat(),
            &["tensor `x` is Q4_0", "version 100"],
        ),
        case(
            "half a block",
            file(&[record("x", 2, &[33], &[0; 64])]),
            &["tensor `x` of Q4_0 cannot have shape [33]"],
        ),
        case("2^31 numbers", shaped(&[1 << 31]), &["tensor `x`", "expected 8589934592 bytes", "found 64"]),
        case("2^64 numbers", shaped(&[1 << 31, 1 << 31, 4]), &["tensor `x`", "cannot have shape"]),
        case("bytes that wrap", shaped(&[all, all, 3]), &["tensor `x`", "cannot have shape"]),
        case("bytes that almost wrap", shaped(&[1 << 31, 1 << 30]), &["expected 9223372036854775808 bytes"]),
        case("0 numbers", file(&[record("x", 0, &[0], &[])]), &["`x`", "no number at all"]),
        case("twice", changed(|toys| toys.push(toys[0].clone())), &["`emb.weight` appears twice"]),
        case(
            "missing",
            changed(|toys| toys.retain(|toy| toy.name != "ln_out.bias")),
            &["`ln_out.bias` is missing"],
        ),
        case("extra", file(&[record("x", 0, &[1], &[0; 4])]), &["not an RWKV-7 model", "`x`"]),
        case(
            "five token shifts",
            changed(|toys| {
                let fused = toys.iter_mut().find(|toy| toy.name.ends_with("x_rwkvag")).expect("fused");
                fused.shape = vec![5, 1, 8];
                fused.values.truncate(40);
            }),
            &["x_rwkvag", "[6, channels]"],
        ),
        case("100001 tensors", many(100_001), &["more than 100000 tensors"]),
        case("10^6 tensors", many(1_000_000), &["more than 100000 tensors"]),
    ]
}

fn many(count: usize) -> Vec<u8> {
    let one = record("x", 0, &[1], &[0; 4]);
    [rwkv_cpp_header(101, 10, 8, 2), one.repeat(count)].concat()
}
