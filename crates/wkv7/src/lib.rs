//! An embeddable RWKV-7 engine: open a model, feed text, generate.
//!
//! ```
//! use wkv7::{Generate, Model, Options};
//!
//! # fn tiny() -> Result<Model, wkv7::Error> {
//! #     let weights = wkv7_testkit::TinyModel { vocab: 256, ..Default::default() }.weights();
//! #     Model::from_weights(weights, None, &Options::default())
//! # }
//! # fn main() -> Result<(), wkv7::Error> {
//! # let _ = |_: ()| -> Result<Model, wkv7::Error> {
//! let model = Model::open("model.safetensors", &Options::default())?;
//! # Ok(model) };
//! # let model = tiny()?; // the same from here on, without a file
//! let mut session = model.session()?;
//! session.feed_text("User: hello\n\nAssistant:")?;
//! for piece in session.generate(Generate { max_tokens: 20, ..Generate::default() }) {
//!     print!("{}", piece?.text);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! * [`Model`]: opened once from any supported file, shared by many [`Session`]s; [`Model::built_in`] needs no file.
//! * [`Session`]: one sequence; feed it, generate from it, fork, save and restore it.
//! * [`Sampler`]: the official sampling pipeline and a few cuts more, repeatable by its seed.
//! * [`chat`]: the exact prompt strings of World and G1 models.
//! * [`eval`], [`verify()`]: what a model is worth, and whether two agree.
//! * [`adapters`]: LoRA files, added to the weights when a model is opened.
//!
//! Below lie [`core`] (weights, states, backends), [`formats`] (files) and [`tokenizer`].

pub use wkv7_core as core;
pub use wkv7_formats as formats;
pub use wkv7_tokenizer as tokenizer;

mod answers;
mod backends;
mod built_in;
mod cancel;
mod devices;
mod error;
mod exp;
mod generate;
mod generator;
mod hold;
mod model;
mod options;
mod sampler;
mod session;
mod softmax;
mod vocabulary;

pub mod adapters;
pub mod chat;
pub mod eval;
#[cfg(feature = "tune")]
pub mod tune;
pub mod verify;

pub use wkv7_core::{Config, DeviceCeiling, Dtype, Fingerprint, ModelInfo, State, Top, Want, Weights};
pub use wkv7_cpu::Ceiling;

pub use adapters::Adapter;
pub use answers::Answers;
pub use backends::backends;
pub use built_in::{BUILT_IN, built_in};
pub use cancel::Cancel;
pub use devices::{Device, devices};
pub use error::{Error, story};
pub use generate::{Generate, Generation, Piece, StopReason};
pub use generator::Generator;
pub use model::{Model, SessionStep, Source};
pub use options::{BackendChoice, Options, TokenizerChoice};
pub use sampler::{Sampler, SamplerOptions};
pub use session::Session;
pub use verify::verify;
pub use vocabulary::{gguf_vocabulary, open_tokenizer};
