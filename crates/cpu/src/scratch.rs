//! Activations of one forward: made once per model, grown to the largest batch seen.

use wkv7_core::{Config, Ranks};

/// Every buffer is `[tokens, channels]` unless it says otherwise.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) x: Vec<f32>,          // the residual
    pub(crate) h: Vec<f32>,          // normalised input of a block
    pub(crate) mixed: [Vec<f32>; 6], // after the token shift, for r w k v a g
    pub(crate) r: Vec<f32>,
    pub(crate) k: Vec<f32>,
    pub(crate) v: Vec<f32>,
    pub(crate) v_first: Vec<f32>,
    pub(crate) inner: Inner,
    pub(crate) d: Vec<f32>, // decay before its bias and its bounds
    pub(crate) a: Vec<f32>, // rate before its bias and the sigmoid
    pub(crate) g: Vec<f32>,
    pub(crate) nu: Vec<f32>, // value residual before its bias and the sigmoid
    pub(crate) y: Vec<f32>,
    pub(crate) hidden: Vec<f32>, // [tokens, ffn]
}

/// Between the two matrices of each low-rank net: `[tokens, rank]`, room for the largest rank.
#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) decay: Vec<f32>,
    pub(crate) rate: Vec<f32>,
    pub(crate) gate: Vec<f32>,
    pub(crate) value: Vec<f32>,
}

impl Scratch {
    /// Gives every buffer the size for `tokens`. Memory once taken is kept.
    pub(crate) fn resize(&mut self, config: &Config, tokens: usize) {
        let Self { x, h, mixed, r, k, v, v_first, inner, d, a, g, nu, y, hidden } = self;
        let wide = [x, h, r, k, v, v_first, d, a, g, nu, y].into_iter().chain(mixed);
        wide.for_each(|buffer| buffer.resize(tokens * config.channels, 0.0));
        let largest = |of: fn(&Ranks) -> usize| config.ranks.iter().map(of).max().unwrap_or(0);
        inner.decay.resize(tokens * largest(|ranks| ranks.decay), 0.0);
        inner.rate.resize(tokens * largest(|ranks| ranks.rate), 0.0);
        inner.gate.resize(tokens * largest(|ranks| ranks.gate), 0.0);
        inner.value.resize(tokens * largest(|ranks| ranks.value), 0.0);
        hidden.resize(tokens * config.ffn, 0.0);
    }
}
