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

    /// Exchanges value and key in the memory of every head: for a tuned state that was stored the other way
    /// round, which its numbers do not tell. Twice gives the same state again.
    pub fn transpose(&mut self, config: &Config) {
        let n = config.head_size;
        for head in self.wkv.chunks_exact_mut((n * n).max(1)) {
            for value in 0..n {
                for key in 0..value {
                    head.swap(value * n + key, key * n + value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    #[test]
    fn transposing_exchanges_value_and_key() {
        let config = Config {
            layers: 1,
            channels: 6,
            heads: 2,
            head_size: 3,
            ffn: 6,
            vocab: 4,
            ranks: Vec::new(),
            recipe: Recipe::default(),
        };
        let mut state = State::zeros(&config);
        state.wkv.iter_mut().zip(0u8..).for_each(|(x, n)| *x = f32::from(n));
        let before = state.clone();
        state.transpose(&config);
        assert_eq!(state.wkv[..9], [0.0, 3.0, 6.0, 1.0, 4.0, 7.0, 2.0, 5.0, 8.0]);
        assert_eq!(state.wkv[9..12], [9.0, 12.0, 15.0]);
        state.transpose(&config);
        assert_eq!(state, before);
    }
}
