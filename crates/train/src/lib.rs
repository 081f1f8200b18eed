//! Training RWKV-7.
//!
//! * [`Layout`]: where every parameter lies in one flat vector of f32.
//! * [`NewModel`], [`init`]: the official initialisation, the same bits from a seed on every machine.
//!
//! Formulas are those of `RWKV-v7/train_temp` in BlinkDL/RWKV-LM.

pub mod error;
pub mod init;
pub mod layout;
mod orthogonal;
mod portable;
pub mod random;

pub use error::Error;
pub use init::{NewModel, default_ranks, initialise};
pub use layout::{Entry, Group, LayerRanges, Layout, Ranges};
pub use random::Random;
