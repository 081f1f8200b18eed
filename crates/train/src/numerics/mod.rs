//! The numerics of training: a whole model forward and backward, over batches of sequences of equal length.
//!
//! | file | what |
//! |---|---|
//! | `product`, `pack`, `terms`, `tiled` | products of matrices |
//! | `norm`, `shift` | layer norms and token shifts, with their gradients |
//! | `recurrence` | the recurrent memory of one head and its gradient |
//! | `wkv`, `lines` | all that a time mix does head by head; its loops over one vector |
//! | `layer` | a layer: both blocks, forward and backward |
//! | `head` | the loss |
//! | `batch`, `group` | what goes through the model and how; a part of it on its way |
//! | `model` | the whole |
//! | `source` | where parameters come from |
//! | `rows` | sharing rows out among threads |
//!
//! Everything is generic over [`wkv7_cpu::math::Math`]: in f32 it is compiled for the instruction sets of the CPU backend,
//! in f64 the same lines are checked against finite differences. No sum depends on the number of threads.

mod batch;
mod group;
mod head;
mod lanes;
mod layer;
mod lines;
mod model;
mod norm;
mod pack;
mod product;
mod recurrence;
mod rows;
mod shift;
mod source;
mod terms;
mod tiled;
mod wkv;

pub use batch::{Batch, Options};
pub use head::{IGNORED, Score};
pub use model::{Engine, Numerics};
pub use source::Frozen;
pub(crate) use source::numbers;
pub use wkv7_cpu::math::Precision;

#[cfg(test)]
mod tests;
