//! What can go wrong with parameters, each with the thing, the expectation and the finding.

/// An error of the parameters: their sizes, their files, their schedule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Sizes that make no model.
    #[error("no model has these sizes: {0}")]
    Sizes(String),
    /// A vector that does not belong to the layout.
    #[error("the {what} hold {found} numbers, this model's layout has {want}")]
    WrongLength {
        /// `parameters`, `gradients`, `moments`, ...
        what: &'static str,
        /// Numbers of the layout, padding included.
        want: usize,
        /// Numbers given.
        found: usize,
    },
    /// Weights of another model.
    #[error(transparent)]
    Model(#[from] wkv7_core::Error),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] wkv7_formats::Error),
    /// A learning rate schedule that cannot be followed.
    #[error("learning rate: {0}")]
    Schedule(String),
    /// A matrix of random numbers could not be made orthogonal: they are not independent.
    #[error("tensor `{name}`: its random numbers give no orthogonal matrix")]
    NotOrthogonal {
        /// Official tensor name.
        name: String,
    },
    /// A batch that the model cannot take.
    #[error("no batch for this model: {0}")]
    Batch(String),
    /// A synthetic task that cannot be run.
    #[error("task: {0}")]
    Task(String),
    /// The system gives no threads.
    #[error("threads cannot be started: {0}")]
    Threads(String),
    /// A setting of a run that cannot be used.
    #[error("{0}")]
    Setting(String),
    /// Another process trains in the folder.
    #[error("{}: another process is training here", folder.display())]
    Busy {
        /// The folder of the run.
        folder: std::path::PathBuf,
    },
    /// Training that has gone astray.
    #[error(
        "loss or gradient norm of the last {steps} steps, to step {step}, is not finite, so that they changed nothing: go on from \
         an earlier checkpoint, or begin again, with a lower learning rate"
    )]
    Hopeless {
        /// Steps that changed nothing.
        steps: u32,
        /// The last of them.
        step: u64,
    },
    /// A prompt or an answer that the vocabulary cannot encode.
    #[error("pair {pair}: {source}")]
    Text {
        /// Which of the pairs, from 1.
        pair: usize,
        /// What the tokenizer said.
        source: wkv7_tokenizer::Error,
    },
    /// Nothing to tune with, or a setting out of its range.
    #[error("{0}")]
    Tuning(String),
    /// Data that cannot be read or trained on.
    #[error(transparent)]
    Data(#[from] crate::data::Error),
}
