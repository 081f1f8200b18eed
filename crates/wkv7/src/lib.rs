//! An embeddable RWKV-7 engine: open a model, feed text, generate.
//!
//! placeholder doc

pub use wkv7_core as core;
pub use wkv7_formats as formats;
pub use wkv7_tokenizer as tokenizer;

mod backends;
mod error;
mod generate;
mod hold;
mod model;
mod options;
mod sampler;
mod session;
mod softmax;
mod vocabulary;

pub mod chat;

pub use wkv7_core::{Config, Dtype, Fingerprint, ModelInfo, State, Want, Weights};

pub use backends::backends;
pub use error::Error;
pub use generate::{Generate, Generation, Piece, StopReason};
pub use model::{Model, SessionStep, Source};
pub use options::{BackendChoice, Options, TokenizerChoice};
pub use sampler::{Sampler, SamplerOptions};
pub use session::Session;
