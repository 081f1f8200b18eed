//! What can go wrong at the façade: the thing, the expectation, the finding.

use std::path::PathBuf;
use std::sync::Arc;

/// An error of this crate or of one below it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The core or a backend.
    #[error(transparent)]
    Core(#[from] wkv7_core::Error),
    /// A checkpoint or a state file.
    #[error(transparent)]
    File(#[from] wkv7_formats::Error),
    /// [`crate::Model::built_in`] in a build without the feature `built-in`.
    #[error("this build has no built-in model: build it with the feature `built-in`, or open a file")]
    NoBuiltIn,
    /// A vocabulary file that was asked for, or a text that the vocabulary cannot express.
    #[error(transparent)]
    Tokenizer(#[from] wkv7_tokenizer::Error),
    /// The model runs on tokens, but nothing tells which vocabulary its text has.
    #[error("the model has no usable vocabulary: {0}")]
    NoTokenizer(#[source] Arc<wkv7_tokenizer::Error>),
    /// A vocabulary was asked for by name or by file and has more tokens than the model.
    #[error("vocabulary `{tokenizer}` has {found} tokens, the model has only {vocab}")]
    TokenizerTooLarge {
        /// Name of the tokenizer.
        tokenizer: String,
        /// Its size.
        found: usize,
        /// The model's size.
        vocab: usize,
    },
    /// A file offered as initial state is neither a state file of this model nor a tuned state for it.
    #[error("no initial state for this model: as a state file: {as_state}; as a tuned state: {as_tuned}")]
    InitialState {
        /// Why it is no state file.
        as_state: Box<Error>,
        /// Why it is no tuned state.
        as_tuned: Box<Error>,
    },
    /// A file that is no adapter of this model.
    #[error("{}: {problem}", path.display())]
    Adapter {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found.
        problem: String,
    },
    /// Tuning could not begin or go on.
    #[cfg(feature = "tune")]
    #[error(transparent)]
    Tune(#[from] wkv7_train::Error),
    /// A setting outside its range.
    #[error("option `{option}` is {found}, expected {range}")]
    Option {
        /// Name of the setting.
        option: &'static str,
        /// What is allowed.
        range: &'static str,
        /// What was given.
        found: String,
    },
    /// Generation was asked of a session that has seen no token and whose vocabulary has none to begin with.
    #[error("nothing to continue: feed at least one token before generating")]
    NothingFed,
    /// A forward failed in this session earlier, so its state means nothing.
    #[error("an earlier error left this session without a valid state: reset it or restore a saved state")]
    Broken,
    /// A backend panicked while it worked for this model.
    #[error("the model stopped working after a panic in its backend: open it again")]
    Poisoned,
    /// A logit that no sampler can use.
    #[error("the logit of token {token} is {value}, expected a number")]
    BadLogit {
        /// Token id.
        token: usize,
        /// NaN or plus infinity.
        value: f32,
    },
    /// Every token is banned.
    #[error("no token is left to sample: all {vocab} are banned")]
    NothingToSample {
        /// Number of logits.
        vocab: usize,
    },
    /// Two models that were to be compared do not share a vocabulary or sizes.
    #[error(
        "the models cannot be compared: {what} is {candidate} in the candidate, {reference} in the reference"
    )]
    Incomparable {
        /// Which size differs.
        what: &'static str,
        /// In the model under test.
        candidate: usize,
        /// In the model that judges.
        reference: usize,
    },
    /// A line of an evaluation file that cannot be used.
    #[error("item {item}: {problem}")]
    Item {
        /// Counted from 1.
        item: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// An evaluation with too little in it.
    #[error("nothing to evaluate: {0}")]
    Empty(&'static str),
    /// A file with earlier results that belongs to something else or is damaged.
    #[error("{}: {problem}", path.display())]
    Resume {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found.
        problem: String,
    },
    /// Reading a text or writing results failed.
    #[error("{what}: {source}")]
    Io {
        /// The file, or what was being read.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The progress callback asked to stop. What was recorded for resuming stays.
    #[error("cancelled")]
    Cancelled,
}

/// An error and its causes on one line, each thing said once: what a person should read.
#[must_use]
pub fn story(error: &dyn std::error::Error) -> String {
    let mut line = String::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let said = cause.to_string();
        if line.is_empty() {
            line = said;
        } else if !line.contains(&said) {
            line = format!("{line}: {said}");
        }
        next = cause.source();
    }
    line.split('\n').map(str::trim).collect::<Vec<_>>().join(" ")
}
