//! A sequence's state as this backend keeps it: the recurrent memory by key, the rest as in the exchange format.

use wkv7_core::{Config, State};

use crate::aligned::Aligned;
use crate::wkv::turn;

/// All that a sequence remembers.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    pub(crate) att_shift: Vec<f32>, // [layers, channels]
    pub(crate) wkv: Aligned,        // [layers, heads, head_size (key), head_size (value)]
    pub(crate) ffn_shift: Vec<f32>, // [layers, channels]
}

impl Memory {
    /// Of a sequence that has not begun.
    pub(crate) fn zeros(config: &Config) -> Self {
        let shift = config.layers * config.channels;
        let (att_shift, ffn_shift) = (vec![0.0; shift], vec![0.0; shift]);
        Self { att_shift, wkv: Aligned::zeros(shift * config.head_size), ffn_shift }
    }

    /// In the exchange format.
    pub(crate) fn read(&self, config: &Config) -> State {
        let mut wkv = vec![0.0; self.wkv.len()];
        turn(&self.wkv, config.head_size, &mut wkv);
        State { att_shift: self.att_shift.clone(), wkv, ffn_shift: self.ffn_shift.clone() }
    }

    /// From the exchange format; `state` has the sizes of this model.
    pub(crate) fn write(&mut self, config: &Config, state: &State) {
        turn(&state.wkv, config.head_size, &mut self.wkv);
        self.att_shift.clone_from(&state.att_shift);
        self.ffn_shift.clone_from(&state.ffn_shift);
    }
}
