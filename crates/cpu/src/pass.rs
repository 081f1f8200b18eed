//! What every block needs to know of the forward it is part of.

use std::ops::Range;

use wkv7_core::{Config, State};

use crate::threads::{Pool, Shared};

/// One forward over the tokens of all steps, laid one after the other.
pub(crate) struct Pass<'a, I> {
    pub(crate) isa: I,
    pub(crate) pool: &'a Pool,
    pub(crate) config: &'a Config,
    /// The tokens of each step, none empty: `[steps]`.
    pub(crate) steps: &'a [Range<usize>],
    /// The step of each token: `[tokens]`.
    pub(crate) step_of: &'a [usize],
}

impl<I> Pass<'_, I> {
    pub(crate) fn tokens(&self) -> usize {
        self.step_of.len()
    }
}

/// The state of one step's sequence, with the recurrent memory ready to be advanced by many threads.
pub(crate) struct Memory<'a> {
    pub(crate) att_shift: &'a mut [f32], // [layers, channels]
    pub(crate) wkv: Shared<'a>,          // [layers, heads, head_size (value), head_size (key)]
    pub(crate) ffn_shift: &'a mut [f32], // [layers, channels]
}

impl<'a> Memory<'a> {
    pub(crate) fn of(state: &'a mut State) -> Self {
        let State { att_shift, wkv, ffn_shift } = state;
        Self { att_shift, wkv: Shared::new(wkv), ffn_shift }
    }
}
