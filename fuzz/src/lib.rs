//! What the fuzz targets do with bytes. The ordinary tests replay the corpus through these very functions
//! (`tests/tests/fuzz_corpus.rs`).

use std::path::Path;

use wkv7_core::Bytes;
use wkv7_formats::state_file::StateFile;
use wkv7_tokenizer::{Tokenizer as _, World};
use wkv7_train::data::BinIdx;

/// Reads `data` as a checkpoint and, where that succeeds, touches every tensor.
pub fn checkpoint(data: &[u8]) {
    let read = wkv7_formats::from_bytes(Path::new("fuzz"), Bytes::from(data.to_vec()));
    let Some(checkpoint) = passed(read) else { return };
    for (_, tensor) in checkpoint.tensors.iter() {
        let mut row = vec![0.0; tensor.columns()];
        tensor.read_row(tensor.rows() - 1, &mut row);
    }
    if let Some(vocabulary) = &checkpoint.vocabulary {
        let pairs = vocabulary.tokens.iter().zip(vocabulary.types.iter().copied());
        drop(passed(wkv7_tokenizer::from_gguf_tokens(pairs)));
    }
    drop(passed(checkpoint.weights()));
}

/// Reads `data` as a state file.
pub fn state_file(data: &[u8]) {
    drop(passed(StateFile::from_bytes(data)));
}

/// Reads a vocabulary file, which ends at the first NUL, and takes the bytes behind it there and back.
pub fn vocabulary(data: &[u8]) {
    let (vocabulary, text) = data.split_at(data.iter().position(|&b| b == 0).unwrap_or(data.len()));
    let Some(world) = passed(World::from_vocab_file(vocabulary)) else { return };
    let mut ids = Vec::new();
    if world.encode(text, &mut ids).is_ok() {
        assert_eq!(world.decode(&ids).expect("its own ids"), text);
    }
}

/// Reads the pair of files that a trainer's data are: an index, whose length the first two bytes say, and tokens.
pub fn binidx(data: &[u8]) {
    let Some((length, files)) = data.split_first_chunk::<2>() else { return };
    let (idx, bin) = files.split_at(usize::from(u16::from_le_bytes(*length)).min(files.len()));
    let [idx, bin] = [idx, bin].map(|file| Bytes::from(file.to_vec()));
    let Some(data) = passed(BinIdx::from_bytes("fuzz", &idx, &bin)) else { return };
    let mut tokens = Vec::new();
    for document in 0..data.documents() {
        let range = data.start(document)..data.start(document + 1);
        assert!(range.start <= range.end && range.end <= data.tokens(), "{range:?} of {}", data.tokens());
        let before = tokens.len();
        if passed(data.read(range.clone(), 1 << 16, &mut tokens)).is_some() {
            assert_eq!(tokens.len(), before + range.len());
        }
    }
    let extremes = passed(data.extremes(&mut |_, _| true)).expect("not cancelled");
    assert!(data.tokens() == 0 || extremes.0 >= extremes.1, "{extremes:?}");
}

/// What came of it; an error must be one line that a terminal may show.
fn passed<T, E: std::fmt::Display>(result: Result<T, E>) -> Option<T> {
    result
        .map_err(|error| {
            let message = error.to_string();
            assert!(!message.chars().any(char::is_control), "{message:?}");
        })
        .ok()
}
