//! What can be wrong with data: every error about a file names it.

use std::io;
use std::path::{Path, PathBuf};

/// Why data cannot be read, written or sampled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be mapped or written; it names the file.
    #[error(transparent)]
    File(#[from] wkv7_formats::Error),
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A pair of files that breaks the rules of its format.
    #[error("{}: broken binidx pair: {what}", path.display())]
    Broken {
        /// The file at fault.
        path: PathBuf,
        /// Which part, what was expected, what was found.
        what: String,
    },
    /// A line of text or JSON that cannot be used.
    #[error("{}, line {line}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What was expected, what was found.
        what: String,
    },
    /// A document that the vocabulary cannot encode.
    #[error("{}, line {line}: {source}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// Where the document begins, from 1.
        line: u64,
        /// What the tokenizer said.
        source: wkv7_tokenizer::Error,
    },
    /// A token that the model does not have.
    #[error("{name}: token {at} is {id}, expected an id below {vocab}")]
    Vocabulary {
        /// Where the tokens come from.
        name: String,
        /// Which token of the stream, from 0.
        at: u64,
        /// Its id.
        id: i64,
        /// The vocabulary's size.
        vocab: u64,
    },
    /// A setting out of its range.
    #[error("{what}")]
    Setting {
        /// The setting, what was expected, what was found.
        what: String,
    },
    /// Fewer tokens than what is asked for takes.
    #[error("{name}: {found} tokens, expected at least {expected} {why}")]
    TooFew {
        /// Where the tokens come from.
        name: String,
        /// How many there are.
        found: u64,
        /// How many it takes.
        expected: u64,
        /// For what; and the way out.
        why: String,
    },
    /// The caller's progress callback asked to stop; nothing was left behind.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// `what` of the pair's file at `path` breaks the format.
    pub(super) fn broken(path: &Path, what: impl Into<String>) -> Self {
        Self::Broken { path: path.into(), what: what.into() }
    }

    /// Makes an error of the system one about the file at `path`.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.into(), source }
    }
}
