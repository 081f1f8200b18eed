//! AdamW and gradient clipping, as the official trainer configures them.
//!
//! Every number is updated from its own gradient and moments alone, and the norm is summed in an order that depends
//! on the layout alone, so results do not depend on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::portable::power;
use crate::{Entry, Error, Group, Layout};

/// Numbers that one task meets at once.
const CHUNK: usize = 1 << 14;
/// Sums that are kept side by side, for vector units.
const LANES: usize = 8;

/// The parameters that are trained: stretches of the flat vector, each of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trained {
    len: usize,
    /// In order, apart, none empty. Padding between tensors of a group is inside: its zeros stay zero.
    runs: Vec<(Range<usize>, Group)>,
}

impl Trained {
    /// All parameters.
    #[must_use]
    pub fn all(layout: &Layout) -> Self {
        Self::only(layout, |_| true)
    }

    /// Those that `wanted` picks; the others are frozen: neither changed nor counted in the norm.
    #[must_use]
    pub fn only(layout: &Layout, wanted: impl Fn(&Entry) -> bool) -> Self {
        let mut runs: Vec<(Range<usize>, Group)> = Vec::new();
        let mut joins = false; // with the tensor before
        for entry in layout.entries() {
            let wanted = wanted(entry);
            match runs.last_mut() {
                Some((run, group)) if wanted && joins && *group == entry.group => run.end = entry.range.end,
                _ if wanted => runs.push((entry.range.clone(), entry.group)),
                _ => {}
            }
            joins = wanted;
        }
        Self { len: layout.len(), runs }
    }

    /// `len` numbers of one group that lie in no layout.
    #[must_use]
    pub fn whole(len: usize, group: Group) -> Self {
        let runs = if len == 0 { Vec::new() } else { vec![(0..len, group)] };
        Self { len, runs }
    }

    /// Numbers that are trained, padding between them included.
    #[must_use]
    pub fn numbers(&self) -> usize {
        self.runs.iter().map(|(run, _)| run.len()).sum()
    }

    /// The trained parts of chunk number `chunk`, as ranges within it.
    fn within(&self, chunk: usize) -> impl Iterator<Item = (Range<usize>, Group)> {
        let (start, end) = (chunk * CHUNK, (chunk + 1) * CHUNK);
        let first = self.runs.partition_point(|(run, _)| run.end <= start);
        self.runs[first..]
            .iter()
            .take_while(move |(run, _)| run.start < end)
            .map(move |(run, group)| (run.start.max(start) - start..run.end.min(end) - start, *group))
    }

    fn check(&self, what: &'static str, values: &[f32]) -> Result<(), Error> {
        if values.len() == self.len {
            return Ok(());
        }
        Err(Error::WrongLength { what, want: self.len, found: values.len() })
    }
}

/// The moving averages of gradients and of their squares.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Of gradients, as long as the layout.
    pub first: Vec<f32>,
    /// Of their squares, as long as the layout.
    pub second: Vec<f32>,
    /// Steps taken.
    pub steps: u64,
}

impl Moments {
    /// Before the first step.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        Self::zeros(layout.len())
    }

    /// The same for `len` numbers that lie in no layout.
    #[must_use]
    pub fn zeros(len: usize) -> Self {
        Self { first: vec![0.0; len], second: vec![0.0; len], steps: 0 }
    }
}

/// Adam with bias correction and decoupled weight decay (Loshchilov and Hutter, 2019).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// How much of the old averages stays at each step, of gradients and of their squares.
    pub betas: (f64, f64),
    /// Added to the root of the second moment. So small that tiny gradients move as far as large ones; a gradient
    /// of zero still moves nothing.
    pub eps: f32,
    /// Part of a [`Group::Decayed`] number that is taken off per step and unit of learning rate; 0 for plain Adam.
    pub weight_decay: f64,
    /// The largest norm of all gradients together; larger ones are scaled down to it. Infinity for no limit.
    pub max_norm: f64,
}

impl Default for AdamW {
    /// The official trainer's, without decay.
    fn default() -> Self {
        Self { betas: (0.9, 0.99), eps: 1e-18, weight_decay: 0.0, max_norm: 1.0 }
    }
}

/// What a step met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Euclidean norm of the trained gradients before clipping.
    pub norm: f64,
    /// Whether they were scaled down.
    pub clipped: bool,
    /// Whether nothing was changed, because the norm is not finite.
    pub skipped: bool,
}

impl AdamW {
    /// One step: clips `gradients`, then moves `parameters` against them at learning rate `rate`, [`Group::Fast`] at
    /// twice that.
    ///
    /// A norm that is infinite or no number would spread through the moments and never leave them: then nothing is
    /// changed, no step is counted, and [`Step::skipped`] says so.
    ///
    /// # Errors
    /// [`Error::WrongLength`] where a vector is not as long as the layout.
    pub fn step(
        &self,
        trained: &Trained,
        rate: f64,
        parameters: &mut [f32],
        gradients: &mut [f32],
        moments: &mut Moments,
    ) -> Result<Step, Error> {
        let norm = clip(trained, gradients, self.max_norm)?;
        let step = Step { norm, clipped: norm > self.max_norm, skipped: !norm.is_finite() };
        if step.skipped {
            return Ok(Step { clipped: false, ..step });
        }
        self.apply(trained, rate, parameters, gradients, moments)?;
        Ok(step)
    }

    /// As [`AdamW::step`], with gradients taken as they are.
    ///
    /// # Errors
    /// [`Error::WrongLength`] where a vector is not as long as the layout; nothing is changed then.
    pub fn apply(
        &self,
        trained: &Trained,
        rate: f64,
        parameters: &mut [f32],
        gradients: &[f32],
        moments: &mut Moments,
    ) -> Result<(), Error> {
        trained.check("parameters", parameters)?;
        trained.check("gradients", gradients)?;
        trained.check("first moments", &moments.first)?;
        trained.check("second moments", &moments.second)?;
        moments.steps += 1;
        let update = |group| Update::new(self, rate, group, moments.steps);
        let [fast, decayed, plain] = [Group::Fast, Group::Decayed, Group::Plain].map(update);
        parameters
            .par_chunks_mut(CHUNK)
            .zip(gradients.par_chunks(CHUNK))
            .zip(moments.first.par_chunks_mut(CHUNK).zip(moments.second.par_chunks_mut(CHUNK)))
            .enumerate()
            .for_each(|(chunk, ((parameters, gradients), (first, second)))| {
                for (range, group) in trained.within(chunk) {
                    let update = match group {
                        Group::Fast => &fast,
                        Group::Decayed => &decayed,
                        Group::Plain => &plain,
                    };
                    let (gradients, first) = (&gradients[range.clone()], &mut first[range.clone()]);
                    update.run(&mut parameters[range.clone()], gradients, first, &mut second[range]);
                }
            });
        Ok(())
    }
}

/// The constants of one step for one group.
struct Update {
    keep: [f32; 2],
    take: [f32; 2],
    /// What makes up for moments that started at zero.
    correct: [f32; 2],
    eps: f32,
    rate: f32,
    decay: f32,
}

impl Update {
    fn new(adam: &AdamW, rate: f64, group: Group, steps: u64) -> Self {
        let rate = if group == Group::Fast { 2.0 * rate } else { rate };
        let decays = group == Group::Decayed && adam.weight_decay > 0.0;
        let betas = [adam.betas.0, adam.betas.1];
        Self {
            keep: betas.map(|beta| beta as f32),
            take: betas.map(|beta| (1.0 - beta) as f32),
            correct: betas.map(|beta| (1.0 / (1.0 - power(beta, steps))) as f32),
            eps: adam.eps,
            rate: rate as f32,
            decay: if decays { adam.weight_decay as f32 } else { 0.0 },
        }
    }

    fn run(&self, parameters: &mut [f32], gradients: &[f32], first: &mut [f32], second: &mut [f32]) {
        let Self { keep, take, correct, eps, rate, decay } = *self;
        for (((p, g), m), v) in parameters.iter_mut().zip(gradients).zip(first).zip(second) {
            *m = flushed(keep[0] * *m + take[0] * g);
            *v = flushed(keep[1] * *v + take[1] * g * g);
            let step = *m * correct[0] / ((*v * correct[1]).sqrt() + eps);
            // Not `p * (1 - rate * decay)`: f32 has few bits for a factor so near to one.
            *p -= rate * (step + decay * *p);
        }
    }
}

/// Zero for what is smaller than a normal number. The moments of a token that is not seen again fade to such numbers,
/// on which many processors are twenty times slower, and stay there. A moment that is lost moves its parameter by no
/// more than 1e-20 of the learning rate; gradients below 1e-18 move up to twice as far as they would.
#[inline(always)]
fn flushed(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0 } else { x }
}

/// The Euclidean norm of the trained gradients, which are scaled down to `max_norm` where it is larger and finite.
/// A norm that is not finite is returned and changes nothing.
///
/// # Errors
/// [`Error::WrongLength`] where `gradients` are not as long as the layout.
pub fn clip(trained: &Trained, gradients: &mut [f32], max_norm: f64) -> Result<f64, Error> {
    trained.check("gradients", gradients)?;
    let norm = norm(trained, gradients);
    if norm.is_finite() && norm > max_norm {
        // 1e-6 as torch and DeepSpeed have it.
        let scale = (max_norm / (norm + 1e-6)) as f32;
        gradients.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, gradients)| {
            for (range, _) in trained.within(chunk) {
                gradients[range].iter_mut().for_each(|g| *g *= scale);
            }
        });
    }
    Ok(norm)
}

/// Summed in f64, chunk by chunk.
fn norm(trained: &Trained, gradients: &[f32]) -> f64 {
    let sum = |(chunk, gradients): (usize, &[f32])| -> f64 {
        trained.within(chunk).map(|(range, _)| square_sum(&gradients[range])).sum()
    };
    let sums: Vec<f64> = gradients.par_chunks(CHUNK).enumerate().map(sum).collect();
    sums.iter().sum::<f64>().sqrt()
}

fn square_sum(values: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    let (lanes, rest) = values.as_chunks::<LANES>();
    for values in lanes {
        for (sum, x) in sums.iter_mut().zip(values) {
            *sum += f64::from(*x) * f64::from(*x);
        }
    }
    let rest: f64 = rest.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
#[path = "optimizer_tests.rs"]
mod tests;
