//! Bytes to token ids and back, for every vocabulary an RWKV-7 model comes with.
//!
//! - [`world()`]: the World vocabulary, embedded (feature `world`); [`World`] reads others of its kind from the official
//!   text form, from a list of tokens, or from a GGUF ([`from_gguf_tokens`]).
//! - [`Bytes`]: the id is the byte.
//! - `Json`: `tokenizer.json` through the `tokenizers` library (feature `hf`).
//!
//! [`open`] chooses by a file's content and [`guess`] by a model's size. [`StreamDecoder`] makes text of tokens as they
//! are sampled.
//!
//! Tokens are bytes, not text: a token may end inside a character, and every byte string survives a round trip through
//! [`Bytes`] and World.
//!
//! ```
//! # #[cfg(feature = "world")] {
//! let world = wkv7_tokenizer::world();
//! let mut ids = Vec::new();
//! world.encode(b"Hello, world!", &mut ids)?;
//! assert_eq!(ids, [33155, 45, 40213, 34]);
//! assert_eq!(world.decode(&ids)?, b"Hello, world!");
//! # }
//! # Ok::<(), wkv7_tokenizer::Error>(())
//! ```

use std::fmt;
use std::sync::Arc;

mod bytes;
#[cfg(feature = "world")]
mod embedded;
mod error;
mod gguf;
#[cfg(feature = "hf")]
mod json;
#[cfg(feature = "hf")]
mod json_screen;
mod open;
mod space;
mod stream;
mod table;
mod trie;
mod vocab_file;
mod world;

pub use bytes::Bytes;
#[cfg(feature = "world")]
pub use embedded::world;
pub use error::{Error, LineError};
pub use gguf::{from_gguf_tokens, unescape_token};
#[cfg(feature = "hf")]
pub use json::Json;
pub use open::{guess, open};
pub use stream::StreamDecoder;
pub use world::World;

/// A vocabulary: bytes to ids and back. Cheap to share, never changes.
pub trait Tokenizer: Send + Sync + fmt::Debug {
    /// Where the vocabulary comes from: "world", "bytes", "tokenizer.json" or "gguf".
    fn name(&self) -> &str;

    /// One more than the largest id it can produce or decode; a model's own count may be larger.
    fn vocab(&self) -> usize;

    /// Appends the ids of `text` to `ids`. Nothing is normalised, added or stripped except what a `tokenizer.json` asks.
    ///
    /// The ids of two texts, one after the other, are in general not those of the texts joined.
    ///
    /// # Errors
    /// A byte for which the vocabulary has no token; text that is not UTF-8 where only that is accepted. `ids` is then
    /// as it was.
    fn encode(&self, text: &[u8], ids: &mut Vec<u32>) -> Result<(), Error>;

    /// The bytes that `id` stands for: none at all for a special token, `None` for an unknown id.
    fn token_bytes(&self, id: u32) -> Option<&[u8]>;

    /// The bytes of `ids`, joined.
    ///
    /// # Errors
    /// [`Error::UnknownId`], naming the first.
    fn decode(&self, ids: &[u32]) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(ids.len() * 4);
        for &id in ids {
            let token = self.token_bytes(id).ok_or_else(|| Error::UnknownId {
                id,
                tokenizer: self.name().into(),
                vocab: self.vocab(),
            })?;
            bytes.extend_from_slice(token);
        }
        Ok(bytes)
    }

    /// Whether `id` is known and stands for no text: the end of text, control and unused tokens.
    fn is_special(&self, id: u32) -> bool {
        self.token_bytes(id).is_some_and(<[u8]>::is_empty)
    }

    /// The id that ends a document, where there is one.
    fn end_of_text(&self) -> Option<u32>;
}

impl dyn Tokenizer {
    /// A streaming decoder at the start of a text.
    pub fn decoder(self: &Arc<Self>) -> StreamDecoder {
        StreamDecoder::new(self.clone())
    }
}
