//! How a model is opened: backend, vocabulary, limits, initial state.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use wkv7_core::LoadOptions;

use crate::Adapter;

/// How to open a model. The default suits most.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Which backend runs it.
    pub backend: BackendChoice,
    /// Which vocabulary translates its text.
    pub tokenizer: TokenizerChoice,
    /// Slots, tokens per forward, threads, progress of loading.
    pub load: LoadOptions,
    /// Adapters to add to the weights, in this order; the model is another one then, and so is its fingerprint.
    pub adapters: Vec<Adapter>,
    /// A tuned state (`blocks.N.att.time_state` tensors) or a state file that every session starts from, in
    /// place of the one inside the checkpoint, if any.
    pub initial_state: Option<PathBuf>,
    /// The tuned state, in [`Options::initial_state`] or inside the checkpoint, is stored as (key, value), the
    /// other way round than trainers write it: web-rwkv's converter does so, and content alone does not tell.
    /// A state file knows its order and is not affected.
    pub tuned_state_transposed: bool,
}

/// Which backend runs a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BackendChoice {
    /// The best graphics card, where this build and this machine have one; else the cpu.
    #[default]
    Auto,
    /// One of [`crate::backends`]; `wgpu` may be followed by a colon and a device of [`crate::devices`], by its index
    /// or by a part of its name: `wgpu:1`, `wgpu:radeon`. Without, it is the best that is no software.
    Named(String),
}

impl FromStr for BackendChoice {
    type Err = Infallible;

    /// `auto`, or the name of a backend, which is looked up when the model is opened.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "auto" { Self::Auto } else { Self::Named(text.to_owned()) })
    }
}

impl fmt::Display for BackendChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Named(name) => name,
        })
    }
}

/// Which vocabulary translates a model's text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TokenizerChoice {
    /// The one inside the checkpoint, else one beside it that fits (`rwkv_vocab*.txt`, `tokenizer.json`,
    /// `*vocab*.txt`), else by the model's vocabulary size.
    #[default]
    Auto,
    /// The World vocabulary.
    World,
    /// Bytes: the id is the byte.
    Bytes,
    /// A file: the official text form or a `tokenizer.json`, told by content.
    File(PathBuf),
}

impl FromStr for TokenizerChoice {
    type Err = Infallible;

    /// `auto`, `world`, `bytes`, or the path of a vocabulary file.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => Self::Auto,
            "world" => Self::World,
            "bytes" => Self::Bytes,
            path => Self::File(PathBuf::from(path)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_from_text() {
        assert_eq!("auto".parse(), Ok(BackendChoice::Auto));
        assert_eq!("cpu".parse(), Ok(BackendChoice::Named("cpu".to_owned())));
        assert_eq!(BackendChoice::Named("cpu".to_owned()).to_string(), "cpu");
        assert_eq!("bytes".parse(), Ok(TokenizerChoice::Bytes));
        assert_eq!("x/vocab.txt".parse(), Ok(TokenizerChoice::File("x/vocab.txt".into())));
    }
}
