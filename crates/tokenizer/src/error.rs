//! Everything that can go wrong here.

use std::path::PathBuf;

pub use crate::vocab_file::LineError;

/// Why a vocabulary could not be used, or a text or id not translated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An id that the vocabulary does not have.
    #[error("token {id} is not in the vocabulary `{tokenizer}`, expected an id below {vocab} that is in use")]
    UnknownId {
        /// The id.
        id: u32,
        /// Name of the tokenizer.
        tokenizer: String,
        /// Its `vocab()`.
        vocab: usize,
    },
    /// A byte that no token starts with: the vocabulary lacks some of the 256 single bytes.
    #[error("byte {byte:#04x} at offset {offset} starts no token of the vocabulary `{tokenizer}`")]
    NoToken {
        /// The byte.
        byte: u8,
        /// Where it stands in the text.
        offset: usize,
        /// Name of the tokenizer.
        tokenizer: String,
    },
    /// Text for a tokenizer that takes only UTF-8.
    #[error("the text is not UTF-8 at offset {offset}, and the vocabulary `{tokenizer}` takes only UTF-8")]
    NotUtf8 {
        /// First byte that is not.
        offset: usize,
        /// Name of the tokenizer.
        tokenizer: String,
    },
    /// A bad line in a vocabulary file.
    #[error("vocabulary file: {0}")]
    Line(#[from] LineError),
    /// A bad entry of the vocabulary inside a GGUF.
    #[error("vocabulary of the GGUF: token {id} has {found}, expected {expected}")]
    GgufToken {
        /// Index of the token.
        id: usize,
        /// What should have stood there.
        expected: &'static str,
        /// What stood there.
        found: String,
    },
    /// A vocabulary beyond what is accepted from a file.
    #[error("the vocabulary has {found} {what}, expected at most {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        limit: usize,
        /// How much there is.
        found: usize,
    },
    /// A vocabulary with no token in it.
    #[error("the vocabulary has no token, expected at least one")]
    Empty,
    /// A `tokenizer.json` that cannot be used.
    #[error("tokenizer.json: {0}")]
    Json(String),
    /// A file that could not be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A vocabulary file with something wrong inside.
    #[error("`{path}`: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<Error>,
    },
    /// Nothing tells which vocabulary a model of this size was trained with.
    #[error(
        "no known vocabulary has {vocab} tokens (65536 is World, 256 is bytes): \
         put the model's tokenizer.json beside it or name a file with --vocab"
    )]
    NoVocabulary {
        /// The model's vocabulary size.
        vocab: usize,
    },
    /// This build leaves out what the model needs.
    #[error("this build leaves out {what} (feature `{feature}`): {way_out}")]
    LeftOut {
        /// What is missing.
        what: &'static str,
        /// The feature that brings it.
        feature: &'static str,
        /// What to do instead.
        way_out: &'static str,
    },
}
