//! LoRA: an adapter is trained beside frozen weights (Hu and others, 2021).

use wkv7_core::Weights;

use crate::numerics::{self, Batch, Frozen, Numerics, Score};
use crate::optimizer::Step;
use crate::{Error, Group, Layout, Moments, Trained, files};

use super::Sample;
use super::adapter::{Adapter, Targets};
use super::course::{self, Outcome, Progress, Tuning};

/// The shape of an adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct Lora {
    /// Rows of A and columns of B.
    pub rank: usize,
    /// What B A is multiplied with, times the rank.
    pub alpha: f64,
    /// Where it stands.
    pub targets: Targets,
}

impl Default for Lora {
    /// As RWKV-PEFT is usually called.
    fn default() -> Self {
        Self { rank: 32, alpha: 64.0, targets: Targets::default() }
    }
}

/// Tunes an adapter. The weights may be of any type; the model with the adapter added lies in memory in f32, and so do its
/// gradients.
pub struct LoraTuner {
    weights: Weights,
    layout: Layout,
    adapter: Adapter,
    changed: Vec<f32>, // the model as the adapter makes it
    dense: Vec<f32>,   // its gradients
    gradient: Vec<f32>,
    moments: Moments,
    trained: Trained,
    numerics: Box<dyn Numerics>,
    tuning: Tuning,
}

impl LoraTuner {
    /// A new adapter beside `weights`.
    ///
    /// # Errors
    /// Weights that cannot be trained with, a rank that they do not allow, a machine that cannot run it.
    pub fn new(weights: Weights, lora: &Lora, tuning: &Tuning) -> Result<Self, Error> {
        let layout = Frozen::new(weights.clone())?.layout().clone();
        let adapter = Adapter::new(&layout, lora.rank, lora.alpha, &lora.targets, tuning.seed)?;
        let changed = files::flatten(&layout, &weights)?;
        let numerics = course::numerics(&layout, tuning)?;
        let len = adapter.parameters();
        Ok(Self {
            dense: layout.zeros(),
            gradient: vec![0.0; len],
            moments: Moments::zeros(len),
            trained: Trained::whole(len, Group::Plain),
            numerics,
            tuning: tuning.clone(),
            weights,
            layout,
            adapter,
            changed,
        })
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
        let tuning = self.tuning.clone();
        course::run(samples, &tuning, progress, &mut |batch, rate| self.step(batch, rate))
    }

    fn step(&mut self, batch: Batch<'_>, rate: f64) -> Result<(Score, Step), Error> {
        let score = self.numerics.gradients(&self.changed, &[], batch, &mut self.dense, &mut [])?;
        let Self { adapter, dense, gradient, moments, trained, tuning, .. } = self;
        adapter.places.back(&adapter.numbers, dense, gradient);
        let step = tuning.optimizer.step(trained, rate, &mut adapter.numbers, gradient, moments)?;
        self.change();
        Ok((score, step))
    }

    /// The large matrices once more, from the weights and the adapter: sums of small differences would drift.
    fn change(&mut self) {
        for pair in &self.adapter.places.pairs {
            if let Some(tensor) = self.weights.tensors().get(&pair.tensor()) {
                numerics::numbers(tensor, &mut self.changed[pair.matrix()]);
            }
        }
        self.adapter.places.add(&self.adapter.numbers, &mut self.changed);
    }

    /// How well the model with the adapter as it is foresees `samples`.
    ///
    /// # Errors
    /// Tokens that the model does not have.
    pub fn evaluate(&mut self, samples: &[Sample]) -> Result<Score, Error> {
        let Self { numerics, changed, tuning, .. } = self;
        course::evaluate(samples, tuning.batch, |batch| Ok(numerics.evaluate(changed, &[], batch)?.0))
    }

    /// The adapter as it is.
    #[must_use]
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Where the model's parameters lie.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The model's parameters with the adapter added, in that layout.
    #[must_use]
    pub fn parameters(&self) -> &[f32] {
        &self.changed
    }

    /// Bytes of everything that it has held beside the weights at the most.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let numbers = 2 * self.layout.len() + 4 * self.adapter.parameters();
        numbers * size_of::<f32>() + self.numerics.bytes()
    }

    /// Bytes of the saved activations among them.
    #[must_use]
    pub fn activation_bytes(&self) -> usize {
        self.numerics.activation_bytes()
    }
}
