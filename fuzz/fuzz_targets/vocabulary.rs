#![no_main]
use wkv7_tokenizer::{Tokenizer as _, World};

// A vocabulary file, a NUL, and bytes to encode with it.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (vocabulary, text) = data.split_at(data.iter().position(|&b| b == 0).unwrap_or(data.len()));
    if let Ok(world) = World::from_vocab_file(vocabulary) {
        let mut ids = Vec::new();
        if world.encode(text, &mut ids).is_ok() {
            assert_eq!(world.decode(&ids).expect("its own ids"), text);
        }
    }
});
