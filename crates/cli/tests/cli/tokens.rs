//! `tokenize` and `detokenize`.

use crate::run::{folder, model, text, wkv7, world_model};

/// A few kilobytes with no order in them.
fn noise() -> Vec<u8> {
    let mut random = wkv7_testkit::Random::new(1);
    (0..5000).map(|_| random.below(256) as u8).collect()
}

#[test]
fn world_ids_are_the_official_ones() {
    assert_eq!(wkv7(["tokenize", "Hello, world!"]).ok().text(), "33155 45 40213 34\n");
    let json = wkv7(["tokenize", "--json"]).stdin("Hello, world!").ok().json();
    assert_eq!(json.to_string(), r#"{"ids":[33155,45,40213,34]}"#);
    assert_eq!(wkv7(["detokenize", "33155,45", "40213 34"]).ok().text(), "Hello, world!");
}

#[test]
fn any_bytes_survive_a_round_trip() {
    for flags in [&["--vocab", "world"][..], &["--vocab", "bytes"], &["--model", model()], &[]] {
        for json in [&["--json"][..], &[]] {
            let ids = wkv7(["tokenize"]).with(flags).with(json).stdin(noise()).ok();
            let back = wkv7(["detokenize"]).with(flags).stdin(&ids.0.stdout).ok();
            assert!(back.0.stdout == noise(), "{flags:?} {json:?}");
        }
    }
}

#[test]
fn a_text_may_be_empty_or_look_like_a_flag() {
    assert_eq!(wkv7(["tokenize", "--vocab", "bytes", "--", "-x"]).ok().text(), "45 120\n");
    assert!(wkv7(["tokenize", "--jsn"]).fails(2).contains("--json")); // not taken for a text
    assert_eq!(wkv7(["tokenize", ""]).ok().text(), "\n");
    assert_eq!(wkv7(["detokenize"]).ok().text(), "");
}

#[test]
fn a_vocabulary_comes_from_a_file_or_a_model() {
    let folder = folder();
    let vocab = folder.path().join("vocab.txt");
    std::fs::write(&vocab, "1 'a' 1\n2 'ab' 2\n").expect("written");
    assert_eq!(wkv7(["tokenize", "--vocab", &text(&vocab), "aba"]).ok().text(), "2 1\n");
    let world = world_model(folder.path());
    assert_eq!(wkv7(["tokenize", "--vocab", "world", "Hello"]).ok().text(), "33155\n");
    // A vocabulary that lies beside a model is its own.
    assert_eq!(wkv7(["tokenize", "--model", &world, "aba"]).ok().text(), "2 1\n");
}

#[test]
fn ids_that_are_none_are_named() {
    assert!(wkv7(["detokenize", "12,x"]).fails(1).contains("`x` is no token id"));
    assert!(wkv7(["detokenize", "70000"]).fails(1).contains("70000"));
    assert!(wkv7(["tokenize", "--vocab", "/nowhere", "x"]).fails(1).contains("/nowhere"));
    assert!(wkv7(["tokenize", "--vocab", "bytes", "--model", "m", "x"]).fails(2).contains("--vocab"));
}
