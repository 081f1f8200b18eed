//! Text as documents.

use wkv7_tokenizer::{Bytes, World};
use wkv7_train::data::Error;
use wkv7_train::data::text::{Encoded, Reading};

use crate::{folder, write};

/// The documents of a file, as text without the token that ends each.
fn documents(name: &str, content: impl AsRef<[u8]>, separator: Option<&str>) -> Result<Vec<String>, Error> {
    let folder = folder();
    let path = write(&folder, name, content);
    let reading = Reading { separator: separator.map(str::to_owned) };
    let encoded = Encoded::open(&path, &reading, &Bytes)?;
    let text = |tokens: Vec<u32>| {
        let (end, text) = tokens.split_last().expect("an end");
        assert_eq!(*end, 0);
        String::from_utf8(text.iter().map(|&id| id as u8).collect()).expect("text")
    };
    encoded.map(|document| document.map(text)).collect()
}

fn refused(content: &str) -> String {
    documents("a.jsonl", content, None).expect_err("refused").to_string()
}

#[test]
fn lines_of_json_hold_text_or_tokens() {
    let lines = "{\"text\": \"one\\ntwo\", \"meta\": {\"a\": [1]}}\n\n  \r\n{\"tokens\":[104,105]}\r\n{\"text\":\"\"}";
    assert_eq!(documents("a.jsonl", lines, None).expect("sound"), ["one\ntwo", "hi", ""]);
    assert_eq!(documents("a.ndjson", "", None).expect("sound"), [""; 0]);
}

#[test]
fn a_bad_line_is_named() {
    for (line, expected) in [
        ("{\"text\": \"b\"", "column"),
        ("{\"txt\": 1}", "found neither"),
        ("{\"text\": \"b\", \"tokens\": []}", "found both"),
        ("{\"text\": 5}", "expected a string"),
        ("{\"tokens\": [1, -2]}", "invalid value"),
        ("{\"tokens\": [256]}", "token 256, expected an id below 256"),
        ("[1]", "column"),
        ("text", "column 2"),
    ] {
        let said = refused(&format!("{{\"text\":\"a\"}}\n\n{line}\n"));
        assert!(said.contains("a.jsonl, line 3: ") && said.contains(expected), "{line}: {said}");
        assert!(!said.contains("line 1"), "{said}");
    }
}

#[test]
fn nothing_follows_an_error() {
    let folder = folder();
    let path = write(&folder, "a.jsonl", "no\n{\"text\":\"a\"}\n");
    let reading = Reading::default();
    let mut encoded = Encoded::open(&path, &reading, &Bytes).expect("opened");
    assert!(encoded.next().is_some_and(|document| document.is_err()) && encoded.next().is_none());
    assert_eq!(encoded.bytes(), 3);
    assert!(
        Encoded::open(&folder.path().join("none"), &reading, &Bytes)
            .err()
            .expect("missing")
            .to_string()
            .contains("none")
    );
}

#[test]
fn plain_text_is_one_document_as_it_is() {
    assert_eq!(documents("a.txt", "\n one\n\ntwo\n", None).expect("sound"), ["\n one\n\ntwo\n"]);
    assert_eq!(documents("a", "", None).expect("sound"), [""; 0]);
}

#[test]
fn lines_may_separate_documents() {
    let text = "<end>\none\r\n\r\ntwo\r\n<end>\r\n<end>\n\n three <end>\n<end>";
    assert_eq!(documents("a.txt", text, Some("<end>")).expect("sound"), ["one\r\n\r\ntwo", " three <end>"]);
    let text = "one\nmore\n\n\n\ntwo\n";
    assert_eq!(documents("a.txt", text, Some("")).expect("sound"), ["one\nmore", "two"]);
    assert_eq!(documents("a.txt", "\n\n", Some("")).expect("sound"), [""; 0]);
    // In JSON lines separate anyway.
    assert_eq!(documents("a.jsonl", "{\"text\":\"a\\n\\nb\"}", Some("")).expect("sound"), ["a\n\nb"]);
}

#[test]
fn a_document_that_cannot_be_encoded_is_named() {
    let folder = folder();
    let path = write(&folder, "a.txt", "a\na\n\n\na\nb\n");
    let vocabulary = World::from_vocab_file(b"1 'a' 1\n2 '\\n' 1\n").expect("sound");
    let reading = Reading { separator: Some(String::new()) };
    let mut encoded = Encoded::open(&path, &reading, &vocabulary).expect("opened");
    assert_eq!(encoded.next().expect("one").expect("encoded"), [1, 2, 1, 0]);
    let said = encoded.next().expect("two").expect_err("b").to_string();
    assert!(said.contains("a.txt, line 5: byte 0x62"), "{said}");
}
