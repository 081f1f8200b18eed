//! The embedded World vocabulary against recorded and known ids.
#![cfg(feature = "world")]

use std::path::PathBuf;
use std::sync::Arc;

use wkv7_tokenizer::{Tokenizer, World, guess, open, world};

fn encode(tokenizer: &dyn Tokenizer, text: &[u8]) -> Vec<u32> {
    let mut ids = Vec::new();
    tokenizer.encode(text, &mut ids).expect("World encodes any bytes");
    ids
}

/// A file of the shared fixtures folder, where that is present.
fn fixture(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: the shared fixtures folder has no {name}");
    None
}

#[test]
fn known_texts_have_known_ids() {
    let cases: [(&str, &[u32]); 8] = [
        (
            "User: hi\n\nAssistant: <think>\n</think>",
            &[24281, 59, 4571, 261, 5585, 41693, 59, 295, 35762, 63, 11, 754, 35762, 63],
        ),
        (
            "The Eiffel tower is in the city of",
            &[6699, 304, 25740, 109, 39990, 4600, 4596, 22590, 30449, 4706],
        ),
        (
            "埃菲尔铁塔在哪个城市？\r\n",
            &[11514, 16081, 11979, 17571, 11559, 11454, 11187, 10283, 11517, 12154, 19156, 263],
        ),
        (
            "🙂🙃 naïve — “quotes” \t\0",
            &[3319, 2417, 3319, 154, 132, 46644, 22898, 22903, 35478, 116, 9823, 264, 1],
        ),
        (" A", &[300]),
        (r#"it's "ok" \ path\n"#, &[1956, 460, 269, 2095, 35, 327, 31637, 93, 111]),
        (" Assistant", &[58683]),
        ("", &[]),
    ];
    let world = world();
    for (text, ids) in cases {
        assert_eq!(encode(&*world, text.as_bytes()), ids, "ids of {text:?}");
        assert_eq!(world.decode(ids).expect("known ids"), text.as_bytes(), "bytes of {ids:?}");
    }
}

#[test]
fn every_recorded_text_has_its_ids_both_ways() {
    let Some(path) = fixture("world-tokenizer.json") else { return };
    let recorded: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).expect("a readable file")).expect("JSON");
    let texts = recorded["texts"].as_array().expect("texts").iter();
    let texts = texts.map(|case| (case["text"].as_str().expect("a text").as_bytes().to_vec(), &case["ids"]));
    let raw = recorded["bytes"].as_array().expect("bytes").iter();
    let raw = raw.map(|case| (unhex(case["hex"].as_str().expect("hex")), &case["ids"]));
    let world = world();
    let mut compared = 0;
    for (text, ids) in texts.chain(raw) {
        let ids: Vec<u32> = serde_json::from_value(ids.clone()).expect("ids");
        assert_eq!(encode(&*world, &text), ids, "ids of {:?}", text.escape_ascii().to_string());
        assert_eq!(world.decode(&ids).expect("known ids"), text);
        compared += 1;
    }
    assert!(compared > 20, "only {compared} recorded texts");
}

fn unhex(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn the_embedded_vocabulary_is_the_official_file() {
    let Some(path) = fixture("rwkv_vocab_v20230424.txt") else { return };
    let file = open(&path).expect("the official file");
    let world = world();
    assert_eq!(file.vocab(), world.vocab());
    assert_eq!(file.end_of_text(), Some(0));
    for id in 0..world.vocab() as u32 {
        assert_eq!(file.token_bytes(id), world.token_bytes(id), "token {id}");
    }
}

#[test]
fn every_token_encodes_to_itself() {
    let world = world();
    for id in 1..world.vocab() as u32 {
        let bytes = world.token_bytes(id).expect("no gaps");
        assert_eq!(encode(&*world, bytes), [id]);
    }
}

#[test]
fn the_edges_of_the_vocabulary() {
    let world = world();
    assert_eq!((world.name(), world.vocab(), world.end_of_text()), ("world", 65530, Some(0)));
    assert_eq!(world.token_bytes(0), Some(&b""[..]));
    assert!(world.is_special(0) && !world.is_special(1) && !world.is_special(65530));
    assert_eq!(world.token_bytes(65529).map(<[u8]>::is_empty), Some(false));
    for id in [65530, 65535, u32::MAX] {
        assert_eq!(world.token_bytes(id), None);
        let message = world.decode(&[33, id]).expect_err("an unused id").to_string();
        assert!(message.contains(&id.to_string()) && message.contains("world"), "{message}");
    }
    for byte in 0..=255 {
        assert_eq!(encode(&*world, &[byte]), [u32::from(byte) + 1]);
    }
}

#[test]
fn a_model_s_size_chooses() {
    assert_eq!(guess(65536).expect("World").name(), "world");
    assert_eq!(guess(256).expect("bytes").name(), "bytes");
    for vocab in [0, 50304, 65535, usize::MAX] {
        let message = guess(vocab).expect_err("no such vocabulary").to_string();
        assert!(message.contains("--vocab") && message.contains("tokenizer.json"), "{message}");
        assert!(message.contains(&vocab.to_string()), "{message}");
    }
}

#[test]
fn the_world_is_built_once() {
    assert!(Arc::ptr_eq(&world(), &world()));
}

#[test]
fn the_world_survives_its_own_list() {
    let world = world();
    let tokens = (0..65530).map(|id| world.token_bytes(id).map(<[u8]>::to_vec)).collect();
    let again = World::from_tokens(tokens).expect("the same tokens");
    assert_eq!(again.end_of_text(), Some(0));
    let text = "Une petite vérification, 検証 🙂".as_bytes();
    assert_eq!(encode(&again, text), encode(&*world, text));
}
