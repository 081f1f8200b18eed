//! The reference backend: RWKV-7 as its definition reads, one token at a time.
//!
//! Every other backend is judged by it, so it is written to be read: plain loops, f32 numbers with dot
//! products and norms accumulated in f64, no SIMD, no threads, weights dequantised as they are met.
//! Symbols in the kernels are those of the paper (arXiv 2503.14456, section 4) and of the official
//! `rwkv_v7_numpy.py`.

mod channel_mix;
mod matmul;
mod model;
mod norm;
mod time_mix;
mod wkv;

use crate::{Backend, Error, LoadOptions, Model, Weights};

pub use model::ReferenceModel;

/// The plain scalar backend, oracle of all others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reference;

impl Backend for Reference {
    fn name(&self) -> &'static str {
        "reference"
    }

    fn load(&self, weights: &Weights, options: &LoadOptions) -> Result<Box<dyn Model>, Error> {
        if let Some(progress) = &options.progress {
            let total = weights.total_bytes(); // nothing is packed: all is there at once
            if !progress(total, total) {
                return Err(Error::Cancelled);
            }
        }
        Ok(Box::new(ReferenceModel::new(weights.clone(), options)))
    }
}

/// The logistic function 1 / (1 + exp(-x)).
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
