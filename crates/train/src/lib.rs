//! Training RWKV-7.
//!
//! * [`Layout`]: where every parameter lies in one flat vector of f32.
//! * [`data`]: texts and token files, batches by step.
//! * [`files`]: that vector from and to checkpoints.
//! * [`NewModel`], [`init`]: the official initialisation, the same bits from a seed on every machine.
//! * [`AdamW`], [`optimizer`]: the official optimizer, and which parameters it trains.
//! * [`numerics`]: the loss of a batch and every gradient.
//! * [`Schedule`]: the learning rate of every step.
//! * [`snapshot`]: parameters and moments in one file, to go on from.
//! * [`Trainer`]: step after step.
//! * [`run`]: training in a folder, with settings, log and checkpoints, which goes on after any end.
//! * [`tasks`]: what a memory can do, measured on problems made for it.
//! * [`tune`]: an initial state or an adapter for a model whose weights stay.
//!
//! Formulas are those of `RWKV-v7/train_temp` in BlinkDL/RWKV-LM.

pub mod data;
pub mod error;
pub mod files;
pub mod init;
pub mod layout;
pub mod numerics;
pub mod optimizer;
mod orthogonal;
mod portable;
pub mod random;
pub mod run;
pub mod schedule;
pub mod snapshot;
pub mod tasks;
pub mod trainer;
pub mod tune;

pub use error::Error;
pub use init::{NewModel, default_ranks, initialise};
pub use layout::{Entry, Group, LayerRanges, Layout, Ranges};
pub use optimizer::{AdamW, Moments, Step, Trained};
pub use random::Random;
pub use schedule::{Course, Schedule, Warmup};
pub use snapshot::Snapshot;
pub use trainer::{Report, Settings, Trainer};
