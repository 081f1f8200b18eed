//! What goes through the model, and how.

use wkv7_cpu::Path;
use wkv7_cpu::math::Precision;

use super::head::IGNORED;

/// Sequences of equal length and what should follow each of their tokens.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Token ids, `[sequences, tokens]`.
    pub inputs: &'a [u32],
    /// What should come next, `[sequences, tokens]`; [`IGNORED`] where it does not matter.
    pub targets: &'a [u32],
    /// Tokens of a sequence.
    pub tokens: usize,
}

/// How gradients are computed. None of it changes them by more than the rounding of f32, but for `precision`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Threads; `None` for one per core that the process may use.
    pub threads: Option<usize>,
    /// Tokens between two states that are kept.
    pub chunk: usize,
    /// Rows (tokens of all sequences together) that go through the model at a time: more want more memory, fewer leave
    /// more of it in the caches.
    pub rows: usize,
    /// Groups of so many rows that are under way side by side, each with gradients of its own, which are added up in the
    /// end: threads then seldom wait for each other. A number of its own, so that no bit depends on the threads.
    pub lanes: usize,
    /// Keep only what each layer starts from and compute the rest again: less memory for a third more time.
    pub checkpoint: bool,
    /// The official trainer's pull on the largest logits.
    pub l2_wrap: bool,
    /// What the factors of large products are rounded to.
    pub precision: Precision,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: None,
            chunk: 16,
            rows: 512,
            lanes: 2,
            checkpoint: false,
            l2_wrap: true,
            precision: Precision::F32,
        }
    }
}

impl Options {
    /// What a person should know who asked for these on the CPU path `path`, if anything.
    #[must_use]
    pub fn notice(&self, path: Path) -> Option<String> {
        let in_vain = self.precision == Precision::Bf16 && !path.multiplies_pairs();
        in_vain.then(|| format!("precision bf16 is no faster here: the CPU path is {path}"))
    }
}

impl Batch<'_> {
    /// One over the number of targets that count.
    pub(super) fn scale(&self) -> f64 {
        let counted = self.targets.iter().filter(|target| **target != IGNORED).count();
        1.0 / counted.max(1) as f64
    }

    /// The parts of it that go through the model at a time: whole sequences, of some `rows` tokens together.
    pub(super) fn groups(self, rows: usize) -> Vec<Self> {
        let tokens = self.tokens;
        let some = (rows / tokens).max(1) * tokens;
        let parts = self.inputs.chunks(some).zip(self.targets.chunks(some));
        parts.map(|(inputs, targets)| Self { inputs, targets, tokens }).collect()
    }
}
