//! Training step by step: what a step does, and what changes from one to the next.

use crate::data::{self, HeldOut};
use crate::numerics::{Batch, Numerics, Options, Score};
use crate::{AdamW, Error, Layout, Moments, Schedule, Trained};

/// How a model is trained, beside its data.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The optimizer.
    pub optimizer: AdamW,
    /// The learning rate of every step.
    pub schedule: Schedule,
    /// How gradients are computed.
    pub numerics: Options,
}

/// A model in training: parameters, moments, and the number of the next step.
pub struct Trainer {
    layout: Layout,
    parameters: Vec<f32>,
    moments: Moments,
    gradients: Vec<f32>,
    trained: Trained,
    settings: Settings,
    numerics: Box<dyn Numerics>,
    step: u64,
    run_step: u64, // of this run
}

/// What a step met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Its number, counted from 0.
    pub step: u64,
    /// How well the model predicted the batch before the step.
    pub score: Score,
    /// The learning rate.
    pub rate: f64,
    /// Euclidean norm of the gradients before clipping.
    pub norm: f64,
    /// Whether they were scaled down.
    pub clipped: bool,
    /// Whether nothing was changed, because loss or norm are not finite.
    pub skipped: bool,
}

impl Trainer {
    /// Goes on from `step`; `parameters` and `moments` are those of `layout`, and the parts `trained` of them change.
    ///
    /// # Errors
    /// Vectors of another layout, a schedule that cannot be followed, a machine that cannot run it.
    pub fn new(
        path: wkv7_cpu::Path,
        layout: Layout,
        mut parameters: Vec<f32>,
        mut moments: Moments,
        trained: Trained,
        settings: Settings,
        step: u64,
    ) -> Result<Self, Error> {
        layout.check("parameters", &parameters)?;
        layout.check("first moments", &moments.first)?;
        layout.check("second moments", &moments.second)?;
        settings.schedule.check()?;
        let numerics = <dyn Numerics>::new(path, &layout, &settings.numerics)?;
        let mut gradients = layout.zeros();
        for list in [&mut parameters, &mut moments.first, &mut moments.second, &mut gradients] {
            wkv7_cpu::in_large_pages(list);
        }
        Ok(Self { layout, parameters, moments, gradients, trained, settings, numerics, step, run_step: 0 })
    }

    /// Where the parameters lie.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The parameters as they are.
    #[must_use]
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// The moments as they are.
    #[must_use]
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// The number of the next step.
    #[must_use]
    pub fn next_step(&self) -> u64 {
        self.step
    }

    /// Bytes of everything that it holds on to: parameters, gradients, moments, saved activations and scratch.
    #[must_use]
    pub fn bytes(&self) -> usize {
        4 * size_of::<f32>() * self.layout.len() + self.numerics.bytes()
    }

    /// One step on `batch`.
    ///
    /// # Errors
    /// Tokens that the vocabulary does not have.
    pub fn step(&mut self, batch: &data::Batch) -> Result<Report, Error> {
        let (inputs, targets) = split(batch);
        let batch = Batch { inputs: &inputs, targets: &targets, tokens: batch.context };
        self.step_on(batch)
    }

    /// One step on a batch whose targets are given.
    ///
    /// # Errors
    /// A batch that the model cannot take.
    pub fn step_on(&mut self, batch: Batch<'_>) -> Result<Report, Error> {
        let Self { parameters, moments, gradients, trained, settings, .. } = self;
        let score = self.numerics.gradients(parameters, &[], batch, gradients, &mut [])?;
        let rate = settings.schedule.rate(self.step, self.run_step);
        let done = settings.optimizer.step(trained, rate, parameters, gradients, moments)?;
        let report = Report {
            step: self.step,
            score,
            rate,
            norm: done.norm,
            clipped: done.clipped,
            skipped: done.skipped,
        };
        self.step += 1;
        self.run_step += 1;
        Ok(report)
    }

    /// How well the model predicts what was held out.
    ///
    /// # Errors
    /// Tokens that the vocabulary does not have.
    pub fn evaluate(&mut self, held_out: &HeldOut) -> Result<Score, Error> {
        let mut score = Score::default();
        for batch in held_out.iter() {
            score.add(&self.evaluate_on(&batch?)?.0);
        }
        Ok(score)
    }

    /// How well it predicts `batch`, and what it thinks most likely at every place.
    ///
    /// # Errors
    /// Tokens that the vocabulary does not have.
    pub fn evaluate_on(&mut self, batch: &data::Batch) -> Result<(Score, Vec<u32>), Error> {
        let (inputs, targets) = split(batch);
        self.predict(Batch { inputs: &inputs, targets: &targets, tokens: batch.context })
    }

    /// As [`Trainer::evaluate_on`], for a batch whose targets are given.
    ///
    /// # Errors
    /// A batch that the model cannot take.
    pub fn predict(&mut self, batch: Batch<'_>) -> Result<(Score, Vec<u32>), Error> {
        self.numerics.evaluate(&self.parameters, &[], batch)
    }
}

/// The tokens that are fed and those that should follow, each `[rows, context]`.
fn split(batch: &data::Batch) -> (Vec<u32>, Vec<u32>) {
    let mut both = (Vec::new(), Vec::new());
    for (fed, follows) in batch.samples() {
        both.0.extend_from_slice(fed);
        both.1.extend_from_slice(follows);
    }
    both
}
