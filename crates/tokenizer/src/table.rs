//! id → bytes, for any vocabulary whose tokens have fixed bytes.

use crate::Error;

/// Ids a vocabulary from a file may have: 16 times World's. Bounds what one line of a file can make us allocate.
pub(crate) const MAX_VOCAB: usize = 1 << 20;
/// Bytes in one token; the longest World token has 128.
pub(crate) const MAX_TOKEN: usize = 4096;
/// Bytes in all tokens together; World has 373 358.
pub(crate) const MAX_BYTES: usize = 8 << 20;

/// Tokens are copied this many bytes at a time, whatever their length: 99.5 % of World's tokens take one such copy.
const STRIDE: usize = 16;

/// Where a token lies in `Table::bytes`. `len` is `UNKNOWN` for an id not in use.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

const UNKNOWN: u32 = u32::MAX;

/// The bytes of every token, in one buffer.
pub(crate) struct Table {
    /// All tokens, then `STRIDE` zeros so that a whole stride can be read from any token's start.
    bytes: Vec<u8>,
    /// [vocab]
    spans: Vec<Span>,
}

/// Fills a [`Table`] in any order of ids.
pub(crate) struct TableBuilder(Table);

impl TableBuilder {
    /// A builder for the ids below `vocab`, none in use yet.
    pub(crate) fn new(vocab: usize) -> Result<Self, Error> {
        check("token ids", vocab, MAX_VOCAB)?;
        Ok(Self(Table { bytes: Vec::new(), spans: vec![Span { start: 0, len: UNKNOWN }; vocab] }))
    }

    /// Gives `id` (below `vocab`) its bytes.
    pub(crate) fn set(&mut self, id: u32, token: &[u8]) -> Result<(), Error> {
        let Table { bytes, spans } = &mut self.0;
        check("bytes in one token", token.len(), MAX_TOKEN)?;
        check("bytes in all tokens", bytes.len() + token.len(), MAX_BYTES)?;
        let vocab = spans.len();
        let span = spans.get_mut(id as usize).ok_or(Error::TooLarge {
            what: "token ids",
            limit: vocab,
            found: id as usize + 1,
        })?;
        // Both fit: they are below MAX_BYTES.
        *span = Span { start: bytes.len() as u32, len: token.len() as u32 };
        bytes.extend_from_slice(token);
        Ok(())
    }

    /// The finished table.
    pub(crate) fn finish(mut self) -> Table {
        self.0.bytes.extend_from_slice(&[0; STRIDE]);
        self.0.bytes.shrink_to_fit();
        self.0
    }
}

fn check(what: &'static str, found: usize, limit: usize) -> Result<(), Error> {
    if found > limit { Err(Error::TooLarge { what, limit, found }) } else { Ok(()) }
}

impl Table {
    /// Number of ids, in use or not.
    pub(crate) fn vocab(&self) -> usize {
        self.spans.len()
    }

    /// The bytes of `id`, `None` where it is not in use.
    pub(crate) fn get(&self, id: u32) -> Option<&[u8]> {
        let span = self.spans.get(id as usize).filter(|span| span.len != UNKNOWN)?;
        self.bytes.get(span.start as usize..)?.get(..span.len as usize)
    }

    /// Concatenates the bytes of `ids`; `name` is for the error.
    pub(crate) fn decode(&self, name: &str, ids: &[u32]) -> Result<Vec<u8>, Error> {
        // First pass: every id is in use, and the exact length is known.
        let mut total = 0usize;
        for &id in ids {
            match self.spans.get(id as usize) {
                Some(span) if span.len != UNKNOWN => total += span.len as usize,
                _ => return Err(Error::UnknownId { id, tokenizer: name.into(), vocab: self.vocab() }),
            }
        }
        // Second pass: copy whole strides, each next token overwriting the surplus of the one before.
        let mut out = vec![0; total + STRIDE];
        let mut at = 0;
        for &id in ids {
            let Span { start, len } = self.spans[id as usize];
            let (start, len) = (start as usize, len as usize);
            out[at..at + STRIDE].copy_from_slice(&self.bytes[start..start + STRIDE]);
            if len > STRIDE {
                out[at + STRIDE..at + len].copy_from_slice(&self.bytes[start + STRIDE..start + len]);
            }
            at += len;
        }
        out.truncate(total);
        Ok(out)
    }
}
