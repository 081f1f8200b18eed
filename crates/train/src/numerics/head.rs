//! The head and the loss: logits, mean cross-entropy, and the way back.
//!
//! With `p = softmax(logits)`: `d logits = (p - onehot(target)) / count`, and where the official trainer's L2Wrap is wanted
//! the largest logit of each row also gets `1e-4 / count` times itself, which the reported loss leaves out.

use std::ops::Range;

use rayon::prelude::*;
use wkv7_cpu::math::{LANES, Math, Number};

use super::lanes::each;
use super::layer::Sink;
use super::norm::{Norm, total};
use super::product::{Factor, Into, Room, product};
use super::rows::Grow;

/// A target that does not count.
pub const IGNORED: u32 = u32::MAX;

/// Logits that are kept at a time.
const LOGITS: usize = 1 << 20;

/// Rows of them at a time, where the head's gradient, which is read and written each time, is not wanted.
const FROZEN_ROWS: usize = 128;

/// How well the targets were predicted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// Sum of the cross-entropies, in nats.
    pub loss: f64,
    /// Targets that count.
    pub counted: u64,
    /// Those whose logit was the largest.
    pub correct: u64,
}

impl Score {
    /// The mean cross-entropy.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.loss / self.counted.max(1) as f64
    }

    /// The part of the targets that count whose logit was the largest.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.counted.max(1) as f64
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        self.counted += other.counted;
        self.correct += other.correct;
    }
}

/// The last norm and the head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a, R> {
    pub(crate) norm: Norm<'a, R>,
    pub(crate) matrix: &'a [R], // [vocab, channels]
    pub(crate) vocab: usize,
    /// One over the number of targets that count, of the whole batch.
    pub(crate) scale: f64,
    pub(crate) l2_wrap: bool,
}

/// What the head leaves.
#[derive(Debug, Default)]
pub(crate) struct HeadScratch<R> {
    normed: Vec<R>, // [rows, channels]
    logits: Vec<R>, // [some rows, vocab]
    d_normed: Vec<R>,
}

impl<R> HeadScratch<R> {
    /// Numbers that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.normed.capacity() + self.logits.capacity() + self.d_normed.capacity()
    }
}

impl<R: Number> Head<'_, R> {
    /// The score of `x` `[rows, channels]`, whose largest logits are written to `best` where it is wanted; with `dx`, its
    /// gradient as well, written there, and those of the parameters at `ranges` (norm's weight, its bias, matrix), added to
    /// theirs.
    #[expect(clippy::too_many_arguments, reason = "the one way through the head")]
    pub(crate) fn run<M: Math<Number = R>>(
        &self,
        math: M,
        x: &[R],
        targets: &[u32],
        mut best: Option<&mut [u32]>,
        mut dx: Option<&mut [R]>,
        gradients: &mut Sink<'_, R>,
        ranges: [&Range<usize>; 3],
        scratch: &mut HeadScratch<R>,
        room: &mut Room<R>,
    ) -> Score {
        let (channels, vocab) = (self.norm.weight.len(), self.vocab);
        let HeadScratch { normed, logits, d_normed } = scratch;
        normed.grow(x.len());
        self.norm.forward(math, x, normed);
        d_normed.grow(x.len());
        let mut score = Score::default();
        let most = if gradients.wanted() { usize::MAX } else { FROZEN_ROWS };
        let some = (LOGITS / vocab).clamp(1, most);
        let matrix = Factor::new(self.matrix, vocab, channels);
        for (part, targets) in targets.chunks(some).enumerate() {
            let rows = targets.len();
            let here = part * some * channels..(part * some + rows) * channels;
            logits.grow(rows * vocab);
            let x = Factor::new(&normed[here.clone()], rows, channels);
            product(math, x, matrix.turned(), Into::Store, logits, room);
            let scores: Vec<_> = logits
                .par_chunks_mut(vocab)
                .zip(targets)
                .map(|(logits, target)| {
                    math.run(
                        #[inline(always)]
                        || self.of_row(math, logits, *target, dx.is_some()),
                    )
                })
                .collect();
            for (number, (loss, largest)) in scores.iter().enumerate() {
                if let Some(best) = &mut best {
                    best[part * some + number] = *largest;
                }
                if targets[number] != IGNORED {
                    score.loss += loss;
                    score.counted += 1;
                    score.correct += u64::from(targets[number] == *largest);
                }
            }
            if dx.is_some() {
                gradients.outer(math, (logits, vocab), (&normed[here.clone()], channels), ranges[2], room);
                let d_logits = Factor::new(logits, rows, vocab);
                product(math, d_logits, matrix, Into::Store, &mut d_normed[here], room);
            }
        }
        if let Some(dx) = &mut dx {
            let (mut weight, mut bias) = (vec![R::default(); channels], vec![R::default(); channels]);
            dx.fill(R::default());
            self.norm.backward(math, x, d_normed, dx, (&mut weight, &mut bias));
            gradients.add(&weight, ranges[0]);
            gradients.add(&bias, ranges[1]);
        }
        score
    }

    /// The loss of one row and its largest logit; where `back`, the logits become their gradients.
    #[inline(always)]
    fn of_row<M: Math<Number = R>>(&self, math: M, logits: &mut [R], target: u32, back: bool) -> (f64, u32) {
        // The comparison is false for a NaN, which then comes out of the sum below.
        let larger = |x: R, y: R| if y > x { y } else { x };
        let (lanes, rest) = logits.as_chunks::<LANES>();
        let mut most = [logits[0]; LANES];
        for lanes in lanes {
            most = each!(|n| larger(most[n], lanes[n]));
        }
        let largest = most.iter().chain(rest).fold(logits[0], |x, y| larger(x, *y));
        let best = logits.iter().position(|x| *x == largest).unwrap_or(0);
        let at_target = logits.get(target as usize).copied().unwrap_or_default();
        let x_best = logits[best];
        if !back && target == IGNORED {
            return (0.0, best as u32);
        }
        for x in logits.iter_mut() {
            *x = math.exp(*x - largest);
        }
        let sum = total(math, logits);
        let loss = (largest - at_target).wide() + sum.wide().ln();
        if back {
            if target == IGNORED {
                logits.fill(R::default());
                return (0.0, best as u32);
            }
            let scale = R::of(self.scale / sum.wide());
            logits.iter_mut().for_each(|x| *x *= scale);
            if let Some(x) = logits.get_mut(target as usize) {
                *x = *x - R::of(self.scale);
            }
            if self.l2_wrap {
                logits[best] += x_best * R::of(1e-4 * self.scale);
            }
        }
        (loss, best as u32)
    }
}
