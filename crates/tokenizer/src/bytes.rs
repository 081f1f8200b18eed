//! Raw bytes as tokens.

use crate::{Error, Tokenizer};

/// The vocabulary of byte-level models: 256 tokens, the id is the byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes;

/// Every byte once, so that a token's bytes can be borrowed.
static ALL: [u8; 256] = {
    let mut all = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        all[byte] = byte as u8;
        byte += 1;
    }
    all
};

impl Tokenizer for Bytes {
    fn name(&self) -> &str {
        "bytes"
    }

    fn vocab(&self) -> usize {
        ALL.len()
    }

    fn encode(&self, text: &[u8], ids: &mut Vec<u32>) -> Result<(), Error> {
        ids.extend(text.iter().map(|&byte| u32::from(byte)));
        Ok(())
    }

    fn token_bytes(&self, id: u32) -> Option<&[u8]> {
        ALL.get(id as usize).map(std::slice::from_ref)
    }

    fn end_of_text(&self) -> Option<u32> {
        None
    }
}
