//! State: all that a sequence remembers, as a value on the host.

use crate::{Config, Error, Tensors};

/// Host copy of one sequence's state, f32, in layer order: the exchange and test format.
///
/// Its size does not depend on the number of tokens seen.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// `[layers, channels]`: each layer's last normalised time mix input.
    pub att_shift: Vec<f32>,
    /// `[layers, heads, head_size (value), head_size (key)]`: the recurrent memory.
    pub wkv: Vec<f32>,
    /// `[layers, channels]`: each layer's last normalised channel mix input.
    pub ffn_shift: Vec<f32>,
}

impl State {
    /// The state of a sequence that has seen nothing: all zeros.
    #[must_use]
    pub fn zeros(config: &Config) -> Self {
        let shift = config.layers * config.channels;
        Self {
            att_shift: vec![0.0; shift],
            wkv: vec![0.0; shift * config.head_size],
            ffn_shift: vec![0.0; shift],
        }
    }

    /// Sets every number to zero.
    pub fn clear(&mut self) {
        self.att_shift.fill(0.0);
        self.wkv.fill(0.0);
        self.ffn_shift.fill(0.0);
    }

    /// Checks that the three parts have the sizes that `config` asks for.
    ///
    /// # Errors
    /// [`Error::WrongStateSize`] naming the first part that does not fit.
    pub fn check(&self, config: &Config) -> Result<(), Error> {
        let shift = config.layers * config.channels;
        let parts = [
            ("att_shift", shift, self.att_shift.len()),
            ("wkv", shift * config.head_size, self.wkv.len()),
            ("ffn_shift", shift, self.ffn_shift.len()),
        ];
        match parts.into_iter().find(|(_, want, found)| want != found) {
            Some((part, want, found)) => Err(Error::WrongStateSize { part, want, found }),
            None => Ok(()),
        }
    }

    /// A tuned initial state: tensors `blocks.N.att.time_state`, each `[heads, head_size, head_size]` in
    /// (value, key) order or the same numbers as a matrix; other tensors are not looked at. Both shifts start at zero.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] for a layer without one, [`Error::WrongShape`] for another size.
    pub fn from_time_state(config: &Config, tensors: &Tensors) -> Result<Self, Error> {
        let mut state = Self::zeros(config);
        let per_layer = config.channels * config.head_size;
        for (layer, wkv) in state.wkv.chunks_exact_mut(per_layer).enumerate() {
            let name = format!("blocks.{layer}.att.time_state");
            let tensor = tensors.get(&name).ok_or_else(|| Error::MissingTensor { name: name.clone() })?;
            if tensor.len() != per_layer {
                let want = format!("[{}, {n}, {n}]", config.heads, n = config.head_size);
                return Err(Error::WrongShape { name, want, found: tensor.shape().to_vec() });
            }
            wkv.copy_from_slice(&tensor.to_f32());
        }
        Ok(state)
    }
}
