//! Decoding one token at a time into whole characters.

use std::sync::Arc;

use crate::{Error, Tokenizer};

/// Turns tokens into text as they come; nothing is emitted twice, lost or cut inside a character.
///
/// Held back is only the start of a character whose rest may still come: at most 3 bytes. Bytes that can no longer
/// become a character are emitted as U+FFFD, one for each maximal piece, so that all that is emitted together equals
/// `String::from_utf8_lossy` of the whole, however it was split.
///
/// ```
/// use std::sync::Arc;
/// use wkv7_tokenizer::{Bytes, StreamDecoder};
///
/// let mut stream = StreamDecoder::new(Arc::new(Bytes));
/// assert_eq!(stream.push(0xc3)?, ""); // the first half of é
/// assert_eq!(stream.push(0xa9)?, "é");
/// assert_eq!(stream.finish(), "");
/// # Ok::<(), wkv7_tokenizer::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct StreamDecoder {
    tokenizer: Arc<dyn Tokenizer>,
    /// An incomplete character, at most 3 bytes.
    tail: Vec<u8>,
}

impl StreamDecoder {
    /// A decoder at the start of a text.
    pub fn new(tokenizer: Arc<dyn Tokenizer>) -> Self {
        Self { tokenizer, tail: Vec::new() }
    }

    /// Takes the next token; returns the text that is now certain, often empty.
    ///
    /// # Errors
    /// [`Error::UnknownId`]; what was held back stays so.
    pub fn push(&mut self, id: u32) -> Result<String, Error> {
        let mut text = String::new();
        self.push_into(id, &mut text)?;
        Ok(text)
    }

    /// As [`StreamDecoder::push`], but appends the text to `text`, which takes no memory where there is room.
    ///
    /// # Errors
    /// Those of [`StreamDecoder::push`].
    pub fn push_into(&mut self, id: u32, text: &mut String) -> Result<(), Error> {
        let bytes = self.tokenizer.token_bytes(id).ok_or_else(|| Error::UnknownId {
            id,
            tokenizer: self.tokenizer.name().into(),
            vocab: self.tokenizer.vocab(),
        })?;
        advance(&mut self.tail, bytes, text);
        Ok(())
    }

    /// Takes bytes instead of a token.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> String {
        let mut text = String::new();
        advance(&mut self.tail, bytes, &mut text);
        text
    }

    /// The bytes held back: the start of a character, at most 3 bytes.
    pub fn pending(&self) -> &[u8] {
        &self.tail
    }

    /// Ends the text: what was held back becomes one U+FFFD. The decoder is then as new.
    pub fn finish(&mut self) -> String {
        let text = if self.tail.is_empty() { String::new() } else { char::REPLACEMENT_CHARACTER.to_string() };
        self.tail.clear();
        text
    }
}

/// Appends `bytes` to `tail`, moves all that is certain to `text` and leaves an incomplete character, if any.
fn advance(tail: &mut Vec<u8>, bytes: &[u8], text: &mut String) {
    tail.extend_from_slice(bytes);
    let mut rest = tail.as_slice();
    let held = loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                break 0;
            }
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                // Valid by the error's own word, so this never replaces anything.
                text.push_str(&String::from_utf8_lossy(valid));
                match error.error_len() {
                    Some(broken) => {
                        text.push(char::REPLACEMENT_CHARACTER);
                        rest = &after[broken..];
                    }
                    None => break after.len(),
                }
            }
        }
    };
    tail.drain(..tail.len() - held);
}
