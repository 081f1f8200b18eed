//! What wkv7's tests share: random tiny models, golden data, comparison, and the suite of every backend.
//!
//! * [`TinyModel`]: random weights of any shape and element type, made in memory in milliseconds.
//! * [`close`], [`compare_states`], [`compare_logits`]: distances by a norm, judged by a [`Tolerance`] that is
//!   named after its cause, with failures that say where.
//! * [`Golden`], [`fixtures`], [`formula`]: recorded inputs and outputs, and a model whose weights are a rule.
//! * [`files`], [`hostile`]: plain writers of every format, and tables of files that lie.
//! * [`conformance`](conformance()): one suite for every [`Backend`](wkv7_core::Backend).

pub mod adapter;
pub mod blocks;
pub mod compare;
pub mod conformance;
pub mod files;
pub mod formula;
pub mod golden;
pub mod hostile;
pub mod model;
pub mod play;
pub mod random;

pub use adapter::software_adapter;
pub use compare::{Comparison, Comparisons, Mismatch, Tolerance, close, compare_logits, compare_states};
pub use conformance::conformance;
pub use golden::{Golden, fixtures};
pub use model::TinyModel;
pub use play::{Played, play};
pub use random::Random;
