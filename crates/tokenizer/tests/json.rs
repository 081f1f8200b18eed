//! `tokenizer.json` files made here, small but of the kinds in use.
#![cfg(feature = "hf")]

use serde_json::{Value, json};
use wkv7_tokenizer::{Json, Tokenizer};

/// GPT-2's character for each byte, by its own rule: printable ones stay, the others follow from U+0100 on.
fn alphabet() -> Vec<char> {
    let stays = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut others = 0x100..;
    let character = |byte: u8| {
        if stays(byte) {
            char::from(byte)
        } else {
            others.next().and_then(char::from_u32).expect("68 characters")
        }
    };
    (0..=255).map(character).collect()
}

/// A byte-level BPE: ids 0..256 are the bytes, 256 and 257 two merges, then added tokens.
fn byte_level() -> Value {
    let alphabet = alphabet();
    let mut vocab: serde_json::Map<String, Value> =
        (0..).zip(&alphabet).map(|(id, c): (u32, _)| (c.to_string(), id.into())).collect();
    vocab.insert("th".into(), 256.into());
    vocab.insert("Ġth".into(), 257.into());
    let added = |id: u32, content: &str, special: bool| {
        json!({"id": id, "content": content, "special": special,
               "single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
    };
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        "padding": null,
        "added_tokens": [added(258, "<|endoftext|>", true), added(259, "é é", false)],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
                  "vocab": vocab, "merges": ["t h", "Ġ th"]}
    })
}

fn read(value: &Value) -> Json {
    Json::from_json(value.to_string().as_bytes()).expect("a good tokenizer.json")
}

fn encode(tokenizer: &Json, text: &str) -> Vec<u32> {
    let mut ids = Vec::new();
    tokenizer.encode(text.as_bytes(), &mut ids).expect("UTF-8");
    ids
}

#[test]
fn byte_level_loses_no_byte() {
    let tokenizer = read(&byte_level());
    assert_eq!((tokenizer.name(), tokenizer.vocab()), ("tokenizer.json", 260));
    assert_eq!(tokenizer.end_of_text(), Some(258));
    for byte in 0..=255u8 {
        assert_eq!(tokenizer.token_bytes(u32::from(byte)), Some(&[byte][..]), "byte {byte:#04x}");
    }
    assert_eq!(tokenizer.token_bytes(257), Some(&b" th"[..]));
    assert_eq!(tokenizer.token_bytes(260), None);
    let text = "the thé 🙂\n\t é é";
    let ids = encode(&tokenizer, text);
    assert_eq!(ids[..5], [256, 101, 257, 0xc3, 0xa9]);
    assert_eq!(
        ids.last(),
        Some(&259),
        "an added token is matched whole, and its content is not in the alphabet"
    );
    assert_eq!(tokenizer.decode(&ids).expect("known ids"), text.as_bytes());
    assert_eq!(tokenizer.decode(&[0xc3, 0x80, 0xff]).expect("known ids"), b"\xc3\x80\xff");
}

#[test]
fn special_tokens_are_recognised_and_silent() {
    let tokenizer = read(&byte_level());
    assert_eq!(encode(&tokenizer, "a<|endoftext|>b"), [97, 258, 98]);
    assert!(tokenizer.is_special(258) && !tokenizer.is_special(259));
    assert_eq!(tokenizer.decode(&[97, 258, 98]).expect("known ids"), b"ab");
}

#[test]
fn only_utf8_is_taken() {
    let mut ids = vec![1];
    let message = read(&byte_level()).encode(b"ab\xff", &mut ids).expect_err("not UTF-8").to_string();
    assert!(message.contains("offset 2"), "{message}");
    assert_eq!(ids, [1]);
}

/// A vocabulary with byte fallback, as sentencepiece's converter writes it.
fn byte_fallback() -> Value {
    let mut value = byte_level();
    value["added_tokens"] = json!([]);
    value["pre_tokenizer"] = Value::Null;
    value["normalizer"] = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    value["decoder"] = json!({"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]});
    value["model"]["byte_fallback"] = true.into();
    value["model"]["vocab"] = json!({"<0xC3>": 0, "<0xA9>": 1, "▁": 2, "a": 3, "▁a": 4, "<0x-1>": 5});
    value["model"]["merges"] = json!(["▁ a"]);
    value
}

#[test]
fn byte_fallback_gives_raw_bytes() {
    let tokenizer = read(&byte_fallback());
    assert_eq!(tokenizer.token_bytes(0), Some(&[0xc3][..]));
    assert_eq!(tokenizer.token_bytes(4), Some(&b" a"[..]));
    assert_eq!(tokenizer.token_bytes(5), Some(&b"<0x-1>"[..]), "not a byte");
    let ids = encode(&tokenizer, "a aé");
    assert_eq!(ids, [3, 4, 0, 1]);
    assert_eq!(tokenizer.decode(&ids).expect("known ids"), "a aé".as_bytes());
}

#[test]
fn bad_files_are_refused() {
    let mut far = byte_level();
    far["model"]["vocab"]["zz"] = u32::MAX.into();
    let mut ctc = byte_level();
    ctc["decoder"] = json!({"type": "CTC", "pad_token": "x", "word_delimiter_token": "|", "cleanup": true});
    let mut merge = byte_level();
    merge["model"]["merges"] = json!(["q nothing"]);
    for (bad, part) in [
        (far.to_string(), "expected at most 1048576"),
        (ctc.to_string(), "token by token"),
        (merge.to_string(), "tokenizer.json"),
        ("{}".into(), "tokenizer.json"),
        ("{\"model\": 1".into(), "tokenizer.json"),
        ("[".repeat(100_000), "tokenizer.json"),
        (String::new(), "tokenizer.json"),
    ] {
        let message = Json::from_json(bad.as_bytes()).expect_err("a bad file").to_string();
        assert!(message.contains(part), "{message}");
    }
}

/// Parts that make the library panic, or allocate what they claim.
#[test]
fn what_the_library_does_not_survive_is_refused() {
    let with = |part: &str, value: Value| {
        let mut file = byte_level();
        file[part] = value;
        file.to_string()
    };
    let precompiled = |map: &str| json!({"type": "Precompiled", "precompiled_charsmap": map});
    let sequence = |key: &str, value: Value| json!({"type": "Sequence", key: [value]});
    let strip =
        |start: u64, stop: u64| json!({"type": "Strip", "content": " ", "start": start, "stop": stop});
    let depth = 120;
    let deep = "{\"type\":\"Sequence\",\"decoders\":[".repeat(depth) + &"]}".repeat(depth);
    let cases = [
        (with("normalizer", precompiled("")), "`Precompiled` normalizer"),
        (with("normalizer", precompiled("////f2FhYWE=")), "`Precompiled` normalizer"),
        (with("normalizer", sequence("normalizers", precompiled("YWJj"))), "`Precompiled` normalizer"),
        (with("normalizer", json!({"precompiled_charsmap": "////f2FhYWE="})), "`Precompiled` normalizer"),
        (with("pre_tokenizer", json!({"type": "FixedLength", "length": 0})), "length 0"),
        (
            with("pre_tokenizer", sequence("pretokenizers", json!({"type": "FixedLength", "length": 0}))),
            "length 0",
        ),
        (with("decoder", strip(0, 1)), "`stop` to be 0"),
        (with("decoder", sequence("decoders", strip(4_000_000_000, 4_000_000_000))), "`stop` to be 0"),
        (format!("{{\"version\": \"1.0\", \"decoder\": {deep}, \"model\": null}}"), "recursion limit"),
        ("{\"decoder\":[".repeat(100_000), "recursion limit"),
        ("{".into(), "EOF"),
    ];
    for (text, part) in cases {
        let message = Json::from_json(text.as_bytes()).expect_err("hostile").to_string();
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
    Json::from_json(with("decoder", sequence("decoders", strip(1, 0))).as_bytes()).expect("in use");
}
