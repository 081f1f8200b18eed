//! What the fuzz targets do with bytes; each target is one reader with a corpus of its own.

use std::path::Path;

use wkv7_core::Bytes;

/// Reads `data` as a checkpoint and, where that succeeds, touches every tensor.
pub fn checkpoint(data: &[u8]) {
    let Ok(checkpoint) = wkv7_formats::from_bytes(Path::new("fuzz"), Bytes::from(data.to_vec())) else {
        return;
    };
    for (_, tensor) in checkpoint.tensors.iter() {
        let mut row = vec![0.0; tensor.columns()];
        tensor.read_row(tensor.rows() - 1, &mut row);
    }
    if let Some(vocabulary) = &checkpoint.vocabulary {
        let pairs = vocabulary.tokens.iter().zip(vocabulary.types.iter().copied());
        drop(wkv7_tokenizer::from_gguf_tokens(pairs));
    }
    drop(checkpoint.weights());
}
