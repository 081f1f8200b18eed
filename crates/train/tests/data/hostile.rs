//! Pairs from strangers: an error that names file, expectation and finding, never a panic.

use proptest::prelude::*;
use wkv7_train::data::BinIdx;

use crate::pair::index;
use crate::{folder, write};

/// A sound pair of u16: three items of six tokens.
fn sound() -> (Vec<u8>, Vec<u8>) {
    ((0..12).collect(), index(8, 2, 0, &[1, 2, 3], &[0, 1, 2, 3]))
}

/// What opening the pair says.
fn said(bin: &[u8], idx: &[u8]) -> String {
    let folder = folder();
    write(&folder, "t.bin", bin);
    write(&folder, "t.idx", idx);
    BinIdx::open(folder.path().join("t")).expect_err("broken").to_string()
}

/// `idx` with `bytes` in place of those at `at`.
fn with(idx: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut idx = idx.to_vec();
    idx[at..at + bytes.len()].copy_from_slice(bytes);
    idx
}

#[test]
fn every_lie_is_named() {
    let (bin, idx) = sound();
    let (sizes, pointers, documents) = (34, 34 + 12, 34 + 36);
    let cases: [(&str, Vec<u8>, &str); 18] = [
        ("magic", with(&idx, 0, b"TNTIDX"), "begin with MMIDIDX"),
        ("cut head", idx[..20].to_vec(), "head of 34 bytes, found 20"),
        ("version", with(&idx, 9, &[2]), "expected version 1, found 2"),
        ("element", with(&idx, 17, &[7]), "found 7"),
        ("no element", with(&idx, 17, &[0]), "found 0"),
        ("items", with(&idx, 18, &[2]), "expected 90 bytes for 2 items and 4 documents, found 102"),
        ("absurd items", with(&idx, 18, &[255; 8]), "far more bytes"),
        ("absurd documents", with(&idx, 26, &u64::MAX.to_le_bytes()), "far more bytes"),
        ("cut", idx[..101].to_vec(), "expected 102 bytes"),
        ("longer", [&idx[..], &[0]].concat(), "found 103"),
        ("no items", index(8, 2, 0, &[], &[0]), "at least one item"),
        ("negative size", with(&idx, sizes + 4, &(-2_i32).to_le_bytes()), "item 1 has -2 tokens"),
        ("size", with(&idx, sizes, &[2]), "item 1 begins at byte 2, expected 4"),
        ("large size", with(&idx, sizes + 8, &i32::MAX.to_le_bytes()), "item 2 ends at byte 4294967300"),
        ("negative pointer", with(&idx, pointers, &(-2_i64).to_le_bytes()), "item 0 begins at byte -2"),
        ("far pointer", with(&idx, pointers + 16, &i64::MAX.to_le_bytes()), "expected 6, where"),
        ("first document", with(&idx, documents, &[1]), "document 0 begins at item 1, expected 0..=0"),
        ("documents fall", with(&idx, documents + 16, &[0]), "document 2 begins at item 0, expected 1..=3"),
    ];
    for (case, idx, expected) in cases {
        let said = said(&bin, &idx);
        assert!(said.contains("t.idx: broken binidx pair: ") && said.contains(expected), "{case}: {said}");
    }
    let beyond = with(&idx, documents + 24, &[4]);
    assert!(said(&bin, &beyond).contains("document 3 begins at item 4, expected 2..=3"));
    let short = with(&idx, documents + 24, &[2]);
    assert!(said(&bin, &short).contains("the last document ends at item 2, expected 3"));
}

#[test]
fn tokens_and_index_must_fit() {
    let (bin, idx) = sound();
    let longer = said(&[&bin[..], &[0, 0]].concat(), &idx);
    assert!(
        longer.contains("t.bin: broken binidx pair: expected 12 bytes") && longer.contains("found 14"),
        "{longer}"
    );
    assert!(said(&bin[..11], &idx).contains("item 2 ends at byte 12, expected at most the 11"));
    assert!(said(&[], &idx).contains("t.bin: the file is empty"));
    assert!(said(&bin, &index(8, 2, 12, &[0, 0], &[0, 1, 2])).contains("at least one token"));
    assert!(said(&bin, &[]).contains("t.idx: the file is empty"));
    let folder = folder();
    write(&folder, "t.idx", idx);
    let said = BinIdx::open(folder.path().join("t")).expect_err("no tokens").to_string();
    assert!(said.contains("t.bin"), "{said}");
    assert!(BinIdx::open(folder.path()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_byte_brings_it_down(at in 0..102_usize, byte: u8, cut in 0..=102_usize, bin in 0..20_usize) {
        let folder = folder();
        let mut idx = sound().1;
        idx[at] = byte;
        idx.truncate(cut.max(60) + 20); // mostly whole
        write(&folder, "t.idx", idx);
        write(&folder, "t.bin", vec![7; bin]);
        if let Ok(pair) = BinIdx::open(folder.path().join("t")) {
            let mut tokens = Vec::new();
            let _ = pair.read(0..pair.tokens(), usize::MAX, &mut tokens);
            let starts: Vec<usize> = (0..=pair.documents()).map(|document| pair.start(document)).collect();
            prop_assert!(starts.is_sorted() && starts[0] == 0 && starts[pair.documents()] == pair.tokens());
        }
    }

    #[test]
    fn what_is_written_is_read(documents in prop::collection::vec(prop::collection::vec(0..70_000_u32, 0..9), 1..9)) {
        let folder = folder();
        let mut writer = wkv7_train::data::Writer::create(folder.path().join("t"), 70_000).expect("a place");
        documents.iter().for_each(|document| writer.push(document).expect("written"));
        let all = documents.concat();
        prop_assume!(!all.is_empty());
        writer.finish().expect("finished");
        let pair = BinIdx::open(folder.path().join("t")).expect("sound");
        prop_assert_eq!(pair.documents(), documents.len());
        for (index, document) in documents.iter().enumerate() {
            let mut tokens = Vec::new();
            pair.read(pair.start(index)..pair.start(index + 1), 70_000, &mut tokens).expect("read");
            prop_assert_eq!(&tokens, document);
        }
    }
}
