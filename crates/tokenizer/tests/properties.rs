//! What must hold for any bytes.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use wkv7_tokenizer::{Bytes, StreamDecoder, Tokenizer, World, unescape_token};

fn encode(tokenizer: &dyn Tokenizer, text: &[u8]) -> Vec<u32> {
    let mut ids = Vec::new();
    tokenizer.encode(text, &mut ids).expect("every byte has a token");
    ids
}

/// The obvious longest match: try every token at every position.
fn naive(tokens: &[Vec<u8>], text: &[u8]) -> Vec<u32> {
    let mut ids = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let matching =
            (0..).zip(tokens).filter(|(_, token)| !token.is_empty() && text[at..].starts_with(token));
        // The first of the longest: the smaller id where two are the same.
        let (id, token) = matching
            .reduce(|best, other| if other.1.len() > best.1.len() { other } else { best })
            .expect("every byte has a token");
        ids.push(id);
        at += token.len();
    }
    ids
}

/// Bytes of few kinds, so that tokens share prefixes and texts hit them; or any bytes.
fn dense(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0), Just(0xff)], len.clone()),
        vec(any::<u8>(), len)
    ]
}

/// Characters of every length, whole or cut, among arbitrary bytes.
fn broken_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<char>().prop_map(|c| c.to_string().into_bytes()),
        (any::<char>(), 0usize..4).prop_map(|(c, cut)| {
            let bytes = c.to_string().into_bytes();
            bytes[..cut.min(bytes.len())].to_vec()
        }),
        vec(0x80u8..=0xff, 0..3),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn bytes_survive_a_round_trip(text in vec(any::<u8>(), 0..300)) {
        let ids = encode(&Bytes, &text);
        prop_assert_eq!(ids.len(), text.len());
        prop_assert_eq!(Bytes.decode(&ids).expect("known ids"), text);
    }

    #[test]
    fn any_vocabulary_matches_the_naive_twin(
        longer in vec(dense(0..7), 0..60),
        texts in vec(dense(0..60), 4),
    ) {
        let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        tokens.extend(longer);
        let tokenizer = World::from_tokens(tokens.iter().cloned().map(Some).collect()).expect("a vocabulary");
        for text in texts {
            let ids = encode(&tokenizer, &text);
            prop_assert_eq!(&ids, &naive(&tokens, &text));
            prop_assert_eq!(tokenizer.decode(&ids).expect("known ids"), text);
        }
    }

    #[test]
    fn streaming_equals_the_whole(text in broken_text(), cuts in vec(1usize..6, 1..40)) {
        let mut stream = StreamDecoder::new(Arc::new(Bytes));
        let mut out = String::new();
        let (mut rest, mut cuts) = (text.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let cut = cuts.next().map_or(1, |&cut| cut.min(rest.len()));
            out += &stream.push_bytes(&rest[..cut]);
            rest = &rest[cut..];
            prop_assert!(stream.pending().len() <= 3);
            // What is held back is the end of what came, and nothing else is missing.
            let came = &text[..text.len() - rest.len()];
            let certain = &came[..came.len() - stream.pending().len()];
            prop_assert_eq!(stream.pending(), &came[certain.len()..]);
            prop_assert_eq!(&out, &String::from_utf8_lossy(certain));
        }
        out += &stream.finish();
        prop_assert_eq!(out, String::from_utf8_lossy(&text));
        prop_assert_eq!(stream.finish(), "");
    }

    #[test]
    fn hexadecimal_escapes_are_undone(bytes in vec(any::<u8>(), 0..40)) {
        let escaped: String = bytes.iter().map(|byte| format!(r"\x{byte:02x}")).collect();
        prop_assert_eq!(unescape_token(escaped.as_bytes()).expect("sound escapes"), bytes);
    }

    #[test]
    fn no_vocabulary_text_panics(text in "([0-9]{1,8} b?['\"][ -~é]{0,6}['\"] [0-9]{1,2}[\r\n ]{0,2}){0,5}") {
        let _ = World::from_vocab_file(text.as_bytes());
    }

    #[test]
    fn no_gguf_vocabulary_panics(tokens in vec((vec(any::<u8>(), 0..8), -2i32..9), 0..8)) {
        let _ = wkv7_tokenizer::from_gguf_tokens(tokens);
    }
}

#[cfg(feature = "world")]
proptest! {
    #[test]
    fn world_survives_a_round_trip(text in prop_oneof![vec(any::<u8>(), 0..300), broken_text()]) {
        let world = wkv7_tokenizer::world();
        let ids = encode(&*world, &text);
        prop_assert_eq!(world.decode(&ids).expect("known ids"), text);
    }

    #[test]
    fn world_matches_a_longest_match_by_lookup(text in prop_oneof![
        "[a-z ,.'\n]{0,120}".prop_map(String::into_bytes),
        "\\PC{0,40}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..60),
    ]) {
        let world = wkv7_tokenizer::world();
        let ids_of = by_bytes();
        let mut expected = Vec::new();
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            let len = (1..=rest.len().min(128)).rev().find(|&len| ids_of.contains_key(&rest[..len]))
                .expect("every byte has a token");
            expected.push(ids_of[&rest[..len]]);
            rest = &rest[len..];
        }
        prop_assert_eq!(encode(&*world, &text), expected);
    }

    #[test]
    fn tokens_stream_as_their_bytes_do(ids in vec(1u32..65530, 0..40)) {
        let world = wkv7_tokenizer::world();
        let mut stream = world.decoder();
        let mut out = String::new();
        for &id in &ids {
            out += &stream.push(id).expect("a known id");
        }
        out += &stream.finish();
        let whole = world.decode(&ids).expect("known ids");
        prop_assert_eq!(out, String::from_utf8_lossy(&whole));
    }
}

/// id by bytes, for the twin of World.
#[cfg(feature = "world")]
fn by_bytes() -> &'static std::collections::HashMap<Vec<u8>, u32> {
    static MAP: std::sync::LazyLock<std::collections::HashMap<Vec<u8>, u32>> =
        std::sync::LazyLock::new(|| {
            let world = wkv7_tokenizer::world();
            (1..65530).map(|id| (world.token_bytes(id).expect("no gaps").to_vec(), id)).collect()
        });
    &MAP
}
