//! The ground of wkv7: what an RWKV-7 model *is*, independent of files and devices.
//!
//! * [`Dtype`] and [`blocks`]: element types and block layouts, bit exact.
//! * [`Tensor`], [`Tensors`]: named, typed views of bytes that stay where they are (usually a memory map).
//! * [`Config`], [`Weights`]: sizes deduced from tensor shapes, and every tensor checked against them.
//! * [`State`]: all that a sequence remembers, as a value.
//! * [`Backend`], [`Model`], [`Batch`], [`Slot`]: the boundary that every device implements.
//! * [`reference`](mod@reference): the plain scalar backend, the oracle of all others.
//!
//! This crate opens no file, starts no thread and uses no `unsafe`.
//!
//! The mathematics follows the RWKV-7 paper (arXiv 2503.14456) and the official `rwkv_v7_demo_rnn.py`
//! and `rwkv_v7_numpy.py` of BlinkDL/RWKV-LM.

pub mod backend;
pub mod batch;
pub mod blocks;
pub mod bytes;
pub mod config;
pub mod dtype;
pub mod error;
pub mod fingerprint;
pub mod reference;
pub mod report;
pub mod slot;
pub mod state;
pub mod tensor;
pub mod tensors;
pub mod top;
pub mod weights;

pub use backend::{Backend, DeviceCeiling, LoadOptions, Model, ModelInfo, Progress};
pub use batch::{Batch, Outputs, Step, Want};
pub use bytes::{Bytes, Source};
pub use config::{Config, Ranks, Recipe};
pub use dtype::Dtype;
pub use error::Error;
pub use fingerprint::Fingerprint;
pub use reference::Reference;
pub use report::{Packed, Report};
pub use slot::{ModelId, Slot, Slots};
pub use state::State;
pub use tensor::{Layout, Tensor};
pub use tensors::Tensors;
pub use top::Top;
pub use weights::{ChannelMix, Layer, LowRank, Norm, Parts, TimeMix, Weights};
