//! What a forward of many sessions returned, by step.

use std::ops::Range;

use wkv7_core::{Batch, Config, Outputs, Top};

/// What every step of a forward asked for. A step of another kind, or without tokens, has an empty slice of it.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    outputs: Outputs,
    ends: Vec<Ends>, // [steps]
}

/// Where what belongs to a step ends in each of the outputs.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    logits: usize,
    tops: usize,
    hidden: usize,
}

impl Answers {
    pub(crate) fn new(batch: &Batch<'_>, config: &Config, outputs: Outputs) -> Self {
        let steps = batch.steps().iter();
        let ends = steps.scan(Ends::default(), |ends, step| {
            ends.logits += step.logit_rows() * config.vocab;
            ends.tops += step.tops(config.vocab);
            ends.hidden += step.hidden_rows() * config.channels;
            Some(*ends)
        });
        Self { ends: ends.collect(), outputs }
    }

    /// The logits of step number `step`, `[rows, vocab]`: of its last token, or of each.
    #[must_use]
    pub fn logits(&self, step: usize) -> &[f32] {
        self.outputs.logits.get(self.range(step, |ends| ends.logits)).unwrap_or_default()
    }

    /// The largest logits of step number `step`, by falling logit.
    #[must_use]
    pub fn tops(&self, step: usize) -> &[Top] {
        self.outputs.tops.get(self.range(step, |ends| ends.tops)).unwrap_or_default()
    }

    /// The hidden state of step number `step`, `[channels]`.
    #[must_use]
    pub fn hidden(&self, step: usize) -> &[f32] {
        self.outputs.hidden.get(self.range(step, |ends| ends.hidden)).unwrap_or_default()
    }

    /// What all steps asked for, one step after the other.
    #[must_use]
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// Likewise, without a copy.
    #[must_use]
    pub fn into_outputs(self) -> Outputs {
        self.outputs
    }

    fn range(&self, step: usize, end: impl Fn(&Ends) -> usize) -> Range<usize> {
        let before = step.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, &end);
        before..self.ends.get(step).map_or(before, end)
    }
}
