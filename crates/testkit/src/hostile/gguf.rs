//! Every hostile file with the words that its message must hold.

use super::{Case, case};
use crate::files::write_gguf::{Made, Patch, stored};

const KEY: &str = "blk.1.time_mix_key.weight";
const VALUE: &str = "blk.1.time_mix_value.weight";

/// Files whose first numbers, keys or architecture are wrong. `sound` is a sound file.
#[must_use]
pub fn heads(sound: &[u8]) -> Vec<Case> {
    let file = || Patch(sound.to_vec());
    vec![
        case("empty but for the magic", file().cut(4).0, &["version", "found 0"]),
        case("cut in the version", file().cut(6).0, &["version", "found 2"]),
        case("cut in the counts", file().cut(20).0, &["number of metadata entries", "found 4"]),
        case("cut before the entries", file().cut(30).0, &["metadata entries", "found a count of"]),
        case(
            "cut in a key",
            cut_in(sound, "tokenizer.ggml.model", 3),
            &["metadata key", "expected 20 bytes", "found 17"],
        ),
        case(
            "cut in a text",
            cut_in(sound, "rwkv", 1),
            &["`tokenizer.ggml.model`", "expected 4 bytes", "found 3"],
        ),
        case("version 1", file().u32(4, 1).0, &["version 1", "llama.cpp"]),
        case("version 4", file().u32(4, 4).0, &["version 4", "2 and 3"]),
        case("big-endian", file().u32(4, 3u32.swap_bytes()).0, &["big-endian", "gguf-convert-endian"]),
        // CVE-2024-21802, -21825, -21836, -23496, -23605: counts and lengths of the head taken on trust.
        case("CVE-2024-23605: 2^31 tensors", file().u64(8, 1 << 31).0, &["tensors", "count of 2147483648"]),
        case("2^32 - 1 tensors", file().u64(8, u32::MAX.into()).0, &["tensors", "count of 4294967295"]),
        case("2^63 tensors", file().u64(8, 1 << 63).0, &["tensors", "count of 9223372036854775808"]),
        case("2^64 - 1 tensors", file().u64(8, u64::MAX).0, &["tensors", "count of 18446744073709551615"]),
        case(
            "llama.cpp 15711: a million tensors claimed",
            file().u64(8, 1_000_000).0,
            &["tensors", "count of 1000000"],
        ),
        case("CVE-2024-21802: 2^31 entries", file().u64(16, 1 << 31).0, &["metadata entries", "2147483648"]),
        case("2^32 - 1 entries", file().u64(16, u32::MAX.into()).0, &["metadata entries", "4294967295"]),
        case(
            "CVE-2024-21825: 2^63 entries",
            file().u64(16, 1 << 63).0,
            &["metadata entries", "9223372036854775808"],
        ),
        case(
            "CVE-2024-23496: a key of 2^63 bytes",
            file().u64(24, 1 << 63).0,
            &["metadata key 0", "9223372036854775808"],
        ),
        case(
            "a key of 2^64 - 1 bytes",
            file().u64(24, u64::MAX).0,
            &["metadata key 0", "18446744073709551615"],
        ),
        case("a key that is no text", file().put(32, b"\xff\xfe").0, &["metadata key 0", "UTF-8", r"\xff"]),
        case("a key twice", file().rename("general.type", "general.name").0, &["`general.name`", "twice"]),
        case("a type of 13", file().kind("general.file_type", 13).0, &["general.file_type", "found 13"]),
        case("no architecture", Made(Vec::new(), 0).file(), &["general.architecture", "none"]),
        case("a transformer", Made::new("llama").file(), &["`llama`", "only `rwkv7`"]),
        case("a hybrid", Made::new("arwkv7").file(), &["`arwkv7`", "transformer", "only `rwkv7`"]),
        case("an older RWKV", Made::new("rwkv6").file(), &["`rwkv6`", "older", "only `rwkv7`"]),
        case("an architecture of two lines", Made::new("a\nb").file(), &[r"`a\nb`"]),
        case("a split file", Made::new("rwkv7").number("split.count", 2).file(), &["split", "--merge"]),
        case(
            "one token shift",
            Made::new("rwkv7").number("rwkv7.token_shift_count", 1).file(),
            &["token_shift_count"],
        ),
        case("no tensors", Made::new("rwkv7").file(), &["no tensors"]),
        case("a million tensors", million_tensors(), &["tensors", "262144", "1000000"]),
    ]
}

/// Really there, 48 MB of them: an entry without name and dimension takes 24 bytes, one with both 48.
fn million_tensors() -> Vec<u8> {
    let mut file = Made::new("rwkv7").claiming(1_000_000, 2);
    for n in 0..1_000_000u64 {
        file.extend(stored(format!("{n:08x}").as_bytes()));
        file.extend(1u32.to_le_bytes());
        file.extend(8u64.to_le_bytes());
        file.extend(0u32.to_le_bytes());
        file.extend((n * 32).to_le_bytes());
    }
    file
}

/// Ends `missing` bytes before the end of a stored text.
fn cut_in(sound: &[u8], text: &str, missing: usize) -> Vec<u8> {
    let file = Patch(sound.to_vec());
    let end = file.after(text);
    file.cut(end - missing).0
}

/// Values of wrong types, sizes and lengths, and sizes that contradict the tensors. `sound` is a sound file.
#[must_use]
pub fn metadata(sound: &[u8]) -> Vec<Case> {
    let file = || Patch(sound.to_vec());
    let aligned =
        |value| file().rename("general.file_type", "general.alignment").key("general.alignment", value).0;
    let mistyped =
        |kind| file().rename("general.file_type", "general.alignment").kind("general.alignment", kind).0;
    let made = || Made::new("rwkv7");
    let nested = 9u32.to_le_bytes();
    vec![
        // llama.cpp issues 24997 and 26318: alignments of absurd values and types.
        case("alignment 0", aligned(0), &["general.alignment", "power of two", "found 0"]),
        case("alignment 3", aligned(3), &["general.alignment", "power of two", "found 3"]),
        case(
            "llama.cpp 24997: alignment 2^31",
            aligned(1 << 31),
            &["general.alignment", "65536", "found 2147483648"],
        ),
        case(
            "llama.cpp 26318: alignment as i32",
            mistyped(5),
            &["general.alignment", "expected u32, found i32"],
        ),
        case("alignment as f32", mistyped(6), &["general.alignment", "expected u32, found f32"]),
        case("head size 0", file().key("rwkv7.wkv.head_size", 0).0, &["head_size", "found 0"]),
        case("head size 48", file().key("rwkv7.wkv.head_size", 48).0, &["head size 48", "64"]),
        case(
            "another width",
            file().key("rwkv7.embedding_length", 128).0,
            &["embedding_length", "64", "128"],
        ),
        case("another depth", file().key("rwkv7.block_count", 3).0, &["block_count", "2", "3"]),
        case(
            "another rank",
            file().key("rwkv7.attention.iclr_lora_rank", 9).0,
            &["iclr_lora_rank", "8", "9"],
        ),
        case("another FFN", file().key("rwkv7.feed_forward_length", 1).0, &["feed_forward_length", "160"]),
        case(
            "an epsilon of 0",
            file().key("rwkv7.attention.layer_norm_epsilon", 0).0,
            &["layer_norm_epsilon", "found 0"],
        ),
        case(
            "an epsilon that is no number",
            file().key("rwkv7.attention.layer_norm_epsilon", f32::NAN.to_bits()).0,
            &["layer_norm_epsilon", "NaN"],
        ),
        case(
            "a text of 2^63 bytes",
            made().raw("x", 8, &(1u64 << 63).to_le_bytes()).file(),
            &["`x`", "found 0"],
        ),
        case("a bool of 2", made().raw("x", 7, &[2]).file(), &["`x`", "bool", "found 2"]),
        case(
            "CVE-2024-21836: an array of 2^61 u64",
            made().array("x", 10, 1 << 61, &[0; 64]).file(),
            &["array `x`", "found a count"],
        ),
        case(
            "an array of 2^63 texts",
            made().array("x", 8, 1 << 63, &[0; 64]).file(),
            &["array `x`", "found a count"],
        ),
        case(
            "an array of 2^32 - 1 bytes",
            made().array("x", 0, u32::MAX.into(), &[0; 64]).file(),
            &["array `x`"],
        ),
        case("an array in an array", made().array("x", 9, 1, &nested).file(), &["`x`", "arrays in an array"]),
        case("an array of an unknown type", made().array("x", 77, 1, &[0; 8]).file(), &["`x`", "found 77"]),
        case(
            "a text in an array reaching out",
            made().array("x", 8, 1, &u64::MAX.to_le_bytes()).file(),
            &["element 0 of array `x`", "18446744073709551615"],
        ),
        case(
            "llama.cpp 19856: a million entries",
            million_entries(),
            &["metadata entries", "65536", "1000000"],
        ),
    ]
}

/// Really there, 21 MB of them.
fn million_entries() -> Vec<u8> {
    let mut made = Made(Vec::new(), 0);
    for n in 0..1_000_000 {
        made = made.raw(&format!("{n:08}"), 0, &[0]);
    }
    made.file()
}

/// Vocabularies that would overrun or mislead a tokenizer. `sound` is a sound file.
#[must_use]
pub fn vocabularies(sound: &[u8]) -> Vec<Case> {
    let made = |tokens: &[(&[u8], i32)]| Made::new("rwkv7").vocabulary(tokens).file();
    let long = vec![b'a'; 20_000];
    vec![
        // llama.cpp issue 25969: a byte below zero became an index.
        case(
            "llama.cpp 25969: byte token -1",
            made(&[(b"<0x00>", 6), (b"<0x-1>", 6)]),
            &["token 1", "<0x00> to <0xFF>", "`<0x-1>`"],
        ),
        case("byte token of three digits", made(&[(b"<0x100>", 6)]), &["token 0", "`<0x100>`"]),
        // CVE-2025-49847: the length of a token.
        case(
            "CVE-2025-49847: a token of 20 000 bytes",
            made(&[(&long, 1)]),
            &["token 0", "16384", "found 20000"],
        ),
        case(
            "40 MB of tokens",
            made(&vec![(&long[..16_000], 1); 2_500]),
            &["tokenizer.ggml.tokens", "33554432 bytes in all", "40020000"],
        ),
        case("a token of type 7", made(&[(b"a", 7)]), &["token 0", "found 7"]),
        case("a token of type -1", made(&[(b"a", -1)]), &["token 0", "found -1"]),
        case(
            "fewer types than tokens",
            Made::new("rwkv7")
                .text("tokenizer.ggml.model", "rwkv")
                .array("tokenizer.ggml.tokens", 8, 1, &stored(b"a"))
                .array("tokenizer.ggml.token_type", 5, 0, &[])
                .file(),
            &["token_type", "expected 1", "found 0"],
        ),
        case(
            "types as u32",
            Made::new("rwkv7").array("tokenizer.ggml.token_type", 4, 1, &[0; 4]).file(),
            &["token_type", "an array of i32", "an array of 1 u32"],
        ),
        case(
            "a chat template of 2 MB",
            Made::new("rwkv7").text("tokenizer.chat_template", &"x".repeat(2 << 20)).file(),
            &["chat_template", "1048576"],
        ),
        case("fewer tokens than rows", fewer_rows(sound), &["expected 60 tokens", "found 61"]),
    ]
}

/// The embedding loses a row, which its neighbours do not mind.
fn fewer_rows(sound: &[u8]) -> Vec<u8> {
    Patch(sound.to_vec()).dimension("token_embd.weight", 1, 60).0
}

/// Entries of the table of tensors that do not fit the data or the model. `sound` is a sound file.
#[must_use]
pub fn tensors(sound: &[u8]) -> Vec<Case> {
    let file = || Patch(sound.to_vec());
    let data = file().0.len() as u64;
    let table = file().after(KEY);
    let dimensions = |count| file().u32(table, count).0;
    vec![
        case("cut in the table", file().cut(table + 10).0, &[KEY, "shape"]),
        case(
            "cut before the data",
            file().cut(file().after("output.weight") + 32).0,
            &["token_embd.weight", "data"],
        ),
        case("cut in the data", file().cut(data as usize - 100).0, &["output.weight", "data"]),
        case("no dimension", dimensions(0), &[KEY, "found 0"]),
        case("5 dimensions", dimensions(5), &[KEY, "found 5"]),
        case("2^32 - 1 dimensions", dimensions(u32::MAX), &[KEY, "found 4294967295"]),
        case("a dimension of 0", file().dimension(KEY, 0, 0).0, &[KEY, "above zero"]),
        // CVE-2026-33298: dimensions whose product wraps; llama.cpp issue 18674 for 2^42 + 1.
        case("a product of 2^64", file().dimension(KEY, 0, 1 << 58).0, &[KEY, "larger than any memory"]),
        case(
            "CVE-2026-33298: a product that wraps to 64",
            file().dimension(KEY, 0, (1 << 58) + 1).0,
            &[KEY, "larger than any memory"],
        ),
        case(
            "llama.cpp 18674: a dimension of 2^42 + 1",
            file().dimension(KEY, 1, (1 << 42) + 1).0,
            &[KEY, "bytes of data"],
        ),
        case("a dimension of 2^63", file().dimension(KEY, 1, 1 << 63).0, &[KEY, "larger than any memory"]),
        // CVE-2026-7482: a tensor said to be larger than what the file holds.
        case(
            "CVE-2026-7482: more than the file holds",
            file().dimension("output.weight", 1, 1 << 20).0,
            &["output.weight", "data"],
        ),
        case("an offset outside", file().offset(KEY, 1 << 40).0, &[KEY, "1099511627776"]),
        // CVE-2025-53630 and its bypass CVE-2026-27940: sums of offsets and sizes that wrap.
        case(
            "CVE-2025-53630, CVE-2026-27940: an offset that wraps",
            file().offset(KEY, u64::MAX - 31).0,
            &[KEY, "18446744073709551584"],
        ),
        case("an offset of 1", file().offset(KEY, 1).0, &[KEY, "multiple of 32", "found 1"]),
        case("on another tensor", file().offset(KEY, 0).0, &[KEY, "token_embd.weight", "overlap"]),
        case("a type of 4", file().dtype(KEY, 4).0, &[KEY, "type 4"]),
        case("a type of 39", file().dtype(KEY, 39).0, &[KEY, "type 39", "Q4_K"]),
        case("rows of half a block", file().dtype(KEY, 12).0, &[KEY, "whole Q4_K blocks", "64"]),
        case(
            "a name twice",
            file().rename(KEY, "blk.0.time_mix_key.weight").0,
            &["blk.0.time_mix_key.weight", "twice"],
        ),
        case(
            "a stranger",
            file().rename(KEY, "blk.1.time_mix_kez.weight").0,
            &["`blk.1.time_mix_kez.weight`", "rwkv7"],
        ),
        case("a name of two lines", file().rename(KEY, "blk.1.time_mix\nkey.weight").0, &[r"time_mix\nkey"]),
        case("a layer too high", file().rename(KEY, "blk.9.time_mix_key.weight").0, &["block_count", "10"]),
        case(
            "a layer written 01",
            file().rename("blk.0.time_mix_w0.weight", "blk.01time_mix_w0.weight").0,
            &["01time"],
        ),
        case("one tensor too few", fewer_tensors(sound), &["`head.weight`", "missing"]),
        case(
            "turned",
            file().dimension(VALUE, 0, 32).dimension(VALUE, 1, 128).0,
            &["att.value", "[128, 32]", "[64, 64]"],
        ),
        case(
            "fused shifts of another shape",
            fused(sound),
            &["lerp_fused", "[6, 1, 1, channels]", "[6, 1, 2, 32]"],
        ),
    ]
}

/// The last tensor's entry becomes padding.
fn fewer_tensors(sound: &[u8]) -> Vec<u8> {
    let file = Patch(sound.to_vec());
    let count = u64::from_le_bytes(file.0[8..16].try_into().expect("eight"));
    let at = file.after("output.weight") - "output.weight".len() - 8;
    // The data move: cut out the entry and pad up to where they must begin.
    let end = file.after("output.weight") + 4 + 16 + 4 + 8;
    let data = end.next_multiple_of(32);
    let mut bytes = file.u64(8, count - 1).0;
    let tail = bytes.split_off(data);
    bytes.truncate(at);
    bytes.resize(at.next_multiple_of(32), 0);
    bytes.extend(tail);
    bytes
}

fn fused(sound: &[u8]) -> Vec<u8> {
    let file = Patch(sound.to_vec());
    let name = "blk.0.time_mix_lerp_fused.weight";
    file.dimension(name, 0, 32).dimension(name, 1, 2).0
}
