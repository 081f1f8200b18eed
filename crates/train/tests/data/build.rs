//! Pairs made of text.

use std::path::PathBuf;

use tempfile::TempDir;
use wkv7_tokenizer::Bytes;
use wkv7_train::data::{BinIdx, Build, Element, Error, Summary, build};

use crate::{folder, names, write};

fn inputs(folder: &TempDir) -> Vec<PathBuf> {
    let lines: String = (0..50).map(|n| format!("{{\"text\":\"line {n}\"}}\n")).collect();
    vec![write(folder, "a.jsonl", lines), write(folder, "b.txt", "a text\n")]
}

fn run(folder: &TempDir, wanted: &Build) -> Result<Summary, Error> {
    let (inputs, mut heard) = (inputs(folder), (0, 1));
    let made = build(&inputs, &folder.path().join("out"), &Bytes, wanted, &mut |done, total| {
        heard = (done, total);
        true
    });
    assert_eq!(heard.0, heard.1); // to the end
    made
}

/// The documents of the pair, as text.
fn documents(folder: &TempDir) -> Vec<String> {
    let pair = BinIdx::open(folder.path().join("out")).expect("sound");
    let document = |index| {
        let mut tokens = Vec::new();
        pair.read(pair.start(index)..pair.start(index + 1), 256, &mut tokens).expect("read");
        assert_eq!(tokens.pop(), Some(0));
        String::from_utf8(tokens.into_iter().map(|id| id as u8).collect()).expect("text")
    };
    (0..pair.documents()).map(document).collect()
}

fn sorted(documents: &[String]) -> Vec<String> {
    let mut sorted = documents.to_vec();
    sorted.sort_unstable();
    sorted
}

#[test]
fn documents_stay_in_order() {
    let folder = folder();
    let summary = run(&folder, &Build::default()).expect("built");
    let documents = documents(&folder);
    assert_eq!((summary.documents, summary.element), (51, Element::U16));
    assert_eq!(summary.tokens, documents.iter().map(|text| text.len() as u64 + 1).sum::<u64>());
    assert_eq!([&documents[0], &documents[49], &documents[50]], ["line 0", "line 49", "a text\n"]);
    assert_eq!(names(&folder), ["a.jsonl", "b.txt", "out.bin", "out.idx"]);
}

#[test]
fn every_round_is_shuffled_anew_and_a_seed_repeats_it() {
    let (plain, folder) = (folder(), folder());
    run(&plain, &Build::default()).expect("built");
    let mut wanted = Build::default();
    (wanted.shuffle_seed, wanted.repeat) = (Some(5), 2);
    run(&folder, &wanted).expect("built");
    let (once, twice) = (documents(&plain), documents(&folder));
    let (first, second) = twice.split_at(51);
    assert!(first != once && second != once && first != second);
    assert_eq!([sorted(first), sorted(second)], [sorted(&once), sorted(&once)]);
    assert_eq!(names(&folder), ["a.jsonl", "b.txt", "out.bin", "out.idx"]);
    run(&folder, &wanted).expect("built over the other");
    assert_eq!(documents(&folder), twice);
    (wanted.shuffle_seed, wanted.repeat) = (None, 3);
    run(&folder, &wanted).expect("built");
    assert_eq!(documents(&folder), [&once[..], &once, &once].concat());
}

#[test]
fn nothing_is_left_when_it_fails() {
    let folder = folder();
    let mut inputs = inputs(&folder);
    let before = names(&folder);
    let out = folder.path().join("out");
    let mut shuffled = Build::default();
    shuffled.shuffle_seed = Some(1);
    let mut none = Build::default();
    none.repeat = 0;
    for wanted in [&Build::default(), &shuffled] {
        let stopped = build(&inputs, &out, &Bytes, wanted, &mut |_, _| false);
        assert!(matches!(stopped, Err(Error::Cancelled)));
    }
    // Stopped in the second pass.
    let mut calls = 0;
    let stopped = build(&inputs, &out, &Bytes, &shuffled, &mut |_, _| {
        calls += 1;
        calls < 2
    });
    assert!(calls == 2 && matches!(stopped, Err(Error::Cancelled)));
    assert!(matches!(build(&inputs, &out, &Bytes, &none, &mut |_, _| true), Err(Error::Setting { .. })));
    assert!(matches!(build(&[], &out, &Bytes, &shuffled, &mut |_, _| true), Err(Error::TooFew { .. })));
    inputs.push(folder.path().join("missing.txt"));
    let said = build(&inputs, &out, &Bytes, &shuffled, &mut |_, _| true).expect_err("missing").to_string();
    assert!(said.contains("missing.txt"), "{said}");
    assert_eq!(names(&folder), before);
}
