//! Tokens of a text of any length, in constant memory.

use std::io::Read;
use std::sync::Arc;

use wkv7_tokenizer::Tokenizer;

use crate::Error;

/// Bytes read at a time.
const BLOCK: usize = 64 << 10;
/// Bytes that must follow a token before it is certain: no World token is longer than 128.
const MARGIN: usize = 1024;

/// Reads a text and makes its tokens block by block.
///
/// A block ends between two of its tokens, well before its own end, so the World vocabulary and bytes give
/// exactly the tokens of the whole text. A `tokenizer.json` looks further than that; there a block ends
/// after a line where it can, and the tokens may differ from those of the whole text at block ends.
pub(super) struct Tokens<R> {
    text: R,
    tokenizer: Arc<dyn Tokenizer>,
    rest: Vec<u8>,
    ended: bool,
}

impl<R: Read> Tokens<R> {
    pub fn new(text: R, tokenizer: Arc<dyn Tokenizer>) -> Self {
        Self { text, tokenizer, rest: Vec::new(), ended: false }
    }

    /// The next tokens and the number of bytes they stand for; `None` at the end.
    pub fn next(&mut self) -> Result<Option<(Vec<u32>, usize)>, Error> {
        if !self.ended {
            let block = (&mut self.text).take(BLOCK as u64).read_to_end(&mut self.rest);
            self.ended =
                block.map_err(|source| Error::Io { what: "reading the text".to_owned(), source })? == 0;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let whole = if self.ended { self.rest.len() } else { whole_characters(&self.rest) };
        let mut tokens = Vec::new();
        self.tokenizer.encode(&self.rest[..whole], &mut tokens)?;
        let mut bytes = whole;
        if !self.ended {
            (tokens, bytes) = self.certain(tokens, whole)?;
        }
        self.rest.drain(..bytes);
        Ok(Some((tokens, bytes)))
    }

    /// The tokens that what follows the first `whole` bytes cannot change, and their bytes.
    fn certain(&self, mut tokens: Vec<u32>, whole: usize) -> Result<(Vec<u32>, usize), Error> {
        let lengths = tokens.iter().map(|id| self.tokenizer.token_bytes(*id).map_or(0, <[u8]>::len));
        let ends: Vec<usize> = lengths
            .scan(0, |end, length| {
                *end += length;
                Some(*end)
            })
            .collect();
        let limit = whole.saturating_sub(MARGIN);
        if ends.last() != Some(&whole) {
            // The vocabulary normalises text, so its tokens do not tell where they end: cut after a line.
            let cut = self.rest[..whole].iter().rposition(|byte| *byte == b'\n').map_or(whole, |at| at + 1);
            tokens.clear();
            self.tokenizer.encode(&self.rest[..cut], &mut tokens)?;
            return Ok((tokens, cut));
        }
        let count = ends.partition_point(|end| *end <= limit);
        let line = ends[..count].iter().rposition(|end| self.rest[..*end].ends_with(b"\n"));
        let count = line.map_or(count, |at| at + 1);
        tokens.truncate(count);
        Ok((tokens, count.checked_sub(1).map_or(0, |last| ends[last])))
    }
}

/// Length without a character that is cut off at the end.
fn whole_characters(bytes: &[u8]) -> usize {
    let starts = |byte: &u8| *byte & 0xc0 != 0x80;
    let Some(back) = bytes.iter().rev().take(4).position(starts) else { return bytes.len() };
    let start = bytes.len() - back - 1;
    match std::str::from_utf8(&bytes[start..]) {
        Err(error) if error.error_len().is_none() => start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, as a pipe does.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let count = out.len().min(self.0.len()).min(4093);
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn blocks_give_the_tokens_of_the_whole() {
        let tokenizer: Arc<dyn Tokenizer> = match wkv7_tokenizer::guess(65_536) {
            Ok(world) => world,
            Err(_) => Arc::new(wkv7_tokenizer::Bytes),
        };
        for line in ["The quick brown fox, 1234567890 times.\n", "ein langer Absatz ohne Ende — 日本語 🙂 "]
        {
            let text = line.repeat(200_000 / line.len());
            let mut whole = Vec::new();
            tokenizer.encode(text.as_bytes(), &mut whole).expect("any text");
            let mut stream = Tokens::new(Drip(text.as_bytes()), Arc::clone(&tokenizer));
            let (mut joined, mut total) = (Vec::new(), 0);
            while let Some((tokens, bytes)) = stream.next().expect("any text") {
                joined.extend(tokens);
                total += bytes;
            }
            assert_eq!(total, text.len());
            assert!(joined == whole, "{} tokens, expected {}", joined.len(), whole.len());
        }
    }

    #[test]
    fn characters_are_not_cut() {
        assert_eq!(whole_characters("aé".as_bytes()), 3);
        assert_eq!(whole_characters(&"aé".as_bytes()[..2]), 1);
        assert_eq!(whole_characters(&"a🙂".as_bytes()[..4]), 1);
        assert_eq!(whole_characters(b"a\xff"), 2);
        assert_eq!(whole_characters(b"\x80\x80\x80\x80\x80"), 5);
    }
}
