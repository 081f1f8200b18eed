//! State tuning: only the state that sequences start from is trained.

use std::path::Path;

use wkv7_core::{Config, State, Weights};
use wkv7_formats::convert::Summary;
use wkv7_formats::state_file::save_tuned;

use crate::numerics::{Frozen, Numerics, Score};
use crate::optimizer::Step;
use crate::{Error, Group, Moments, Trained};

use super::Sample;
use super::course::{self, Outcome, Progress, Tuning};

/// A tuned initial state: the recurrent memory, as every sequence finds it.
#[derive(Debug, Clone, PartialEq)]
pub struct TunedState {
    config: Config,
    wkv: Vec<f32>,
}

impl TunedState {
    /// `[layers, heads, head_size (value), head_size (key)]`.
    #[must_use]
    pub fn wkv(&self) -> &[f32] {
        &self.wkv
    }

    /// As sessions take it: both shifts are zero.
    #[must_use]
    pub fn to_state(&self) -> State {
        State { wkv: self.wkv.clone(), ..State::zeros(&self.config) }
    }

    /// Writes the official layout, `blocks.N.att.time_state` `[heads, head_size (value), head_size (key)]` in f32, as a
    /// `.pth` or a `.safetensors` by the name of `path`. The old file stays until the new one is whole.
    ///
    /// # Errors
    /// [`Error::File`]: another extension, a folder that is not there or not writable, numbers that are not finite.
    pub fn save(&self, path: &Path) -> Result<Summary, Error> {
        Ok(save_tuned(path, &self.to_state(), &self.config)?)
    }
}

/// Tunes the initial state of a model. Its weights may be of any type and stay as they are: beside them there is one layer
/// in f32, the head in f32, the state with its moments, and the activations of some rows.
pub struct StateTuner {
    frozen: Frozen,
    numerics: Box<dyn Numerics>,
    tuning: Tuning,
    state: Vec<f32>, // [layers, heads, head_size, head_size]
    gradient: Vec<f32>,
    moments: Moments,
    trained: Trained,
}

impl StateTuner {
    /// From the memory of `start`, whose shifts are not looked at, or from zeros.
    ///
    /// # Errors
    /// Weights that cannot be trained with, a state of another model, a machine that cannot run it.
    pub fn new(weights: Weights, start: Option<&State>, tuning: &Tuning) -> Result<Self, Error> {
        let frozen = Frozen::new(weights)?;
        let config = frozen.layout().config();
        let state = match start {
            Some(start) => {
                start.check(config)?;
                start.wkv.clone()
            }
            None => State::zeros(config).wkv,
        };
        let numerics = course::numerics(frozen.layout(), tuning)?;
        let (gradient, moments) = (vec![0.0; state.len()], Moments::zeros(state.len()));
        let trained = Trained::whole(state.len(), Group::Plain);
        Ok(Self { frozen, numerics, tuning: tuning.clone(), state, gradient, moments, trained })
    }

    /// Learns from `samples`; `progress` hears of every step and answers whether to go on. What was learned so far is
    /// there however it ends.
    ///
    /// # Errors
    /// Nothing to learn from; tokens that the model does not have; a schedule that cannot be followed.
    pub fn run(
        &mut self,
        samples: &[Sample],
        progress: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<Outcome, Error> {
        let Self { frozen, numerics, tuning, state, gradient, moments, trained } = self;
        let mut take = |batch: crate::numerics::Batch<'_>, rate: f64| -> Result<(Score, Step), Error> {
            let score = numerics.frozen_gradients(frozen, state, batch, gradient)?;
            // On the same threads: a host that embeds this gets no more than it asked for, and none that stay.
            let optimizer = &tuning.optimizer;
            let step =
                numerics.threads().install(|| optimizer.step(trained, rate, state, gradient, moments))?;
            Ok((score, step))
        };
        course::run(samples, tuning, progress, &mut take)
    }

    /// How well the model foresees `samples` from the state as it is.
    ///
    /// # Errors
    /// Tokens that the model does not have.
    pub fn evaluate(&mut self, samples: &[Sample]) -> Result<Score, Error> {
        let Self { frozen, numerics, tuning, state, .. } = self;
        course::evaluate(samples, tuning.batch, |batch| Ok(numerics.frozen_evaluate(frozen, state, batch)?.0))
    }

    /// The state as it is.
    #[must_use]
    pub fn state(&self) -> TunedState {
        TunedState { config: self.frozen.layout().config().clone(), wkv: self.state.clone() }
    }

    /// Bytes of everything that it has held beside the weights at the most: the state, its gradient and moments, what is
    /// made f32, saved activations and scratch.
    #[must_use]
    pub fn bytes(&self) -> usize {
        4 * size_of::<f32>() * self.state.len() + self.numerics.bytes()
    }

    /// Bytes of the saved activations among them.
    #[must_use]
    pub fn activation_bytes(&self) -> usize {
        self.numerics.activation_bytes()
    }
}
