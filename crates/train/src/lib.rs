//! Training RWKV-7.
//!
//! * [`Layout`]: where every parameter lies in one flat vector of f32.
//! * [`init`]: the official initialisation, the same bits from a seed on every machine.
//!
//! Formulas are those of `RWKV-v7/train_temp` in BlinkDL/RWKV-LM.

pub mod error;
pub mod init;
pub mod layout;

pub use error::Error;
pub use layout::{Entry, Group, LayerRanges, Layout, Ranges};
