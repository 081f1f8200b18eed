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
        Self { first: layout.zeros(), second: layout.zeros(), steps: 0 }
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
mod tests {
    use super::*;
    use crate::{NewModel, Random, initialise};

    fn layout() -> Layout {
        let model = NewModel { layers: 2, channels: 24, head_size: 8, vocab: 701, ffn: None, ranks: None };
        model.layout().expect("a model")
    }

    fn gradients(layout: &Layout, step: u64) -> Vec<f32> {
        let mut gradients = layout.zeros();
        for entry in layout.entries() {
            let mut random = Random::part(step, &entry.name, 0);
            gradients[entry.range.clone()].iter_mut().for_each(|g| *g = random.normal() as f32 * 1e-3);
        }
        gradients
    }

    /// The recipe in f64, number by number.
    fn oracle(layout: &Layout, parameters: &[f32], adam: &AdamW, rate: f64, steps: u64) -> Vec<f64> {
        let mut all: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
        let (mut m, mut v) = (vec![0.0; all.len()], vec![0.0; all.len()]);
        for step in 1..=steps {
            let mut g: Vec<f64> = gradients(layout, step).iter().map(|&g| f64::from(g)).collect();
            let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
            let scale = if norm > adam.max_norm { adam.max_norm / (norm + 1e-6) } else { 1.0 };
            g.iter_mut().for_each(|g| *g *= scale);
            for entry in layout.entries() {
                let rate = if entry.name.contains("att.w0") { 2.0 * rate } else { rate };
                let matrix = entry.shape.iter().filter(|&&n| n != 1).count() >= 2;
                let decay = if matrix && entry.name.contains(".weight") { adam.weight_decay } else { 0.0 };
                for i in entry.range.clone() {
                    m[i] = adam.betas.0 * m[i] + (1.0 - adam.betas.0) * g[i];
                    v[i] = adam.betas.1 * v[i] + (1.0 - adam.betas.1) * g[i] * g[i];
                    let first = m[i] / (1.0 - adam.betas.0.powi(step as i32));
                    let second = v[i] / (1.0 - adam.betas.1.powi(step as i32));
                    all[i] -= rate * decay * all[i];
                    all[i] -= rate * first / (second.sqrt() + f64::from(adam.eps));
                }
            }
        }
        all
    }

    #[test]
    fn follows_the_recipe() {
        let layout = layout();
        let trained = Trained::all(&layout);
        for (weight_decay, max_norm) in [(0.0, f64::INFINITY), (0.1, 0.05)] {
            let adam = AdamW { weight_decay, max_norm, ..AdamW::default() };
            let start = initialise(&layout, 1).expect("fits");
            let (mut parameters, mut moments) = (start.clone(), Moments::new(&layout));
            for step in 1..=5 {
                let mut gradients = gradients(&layout, step);
                let taken = adam.step(&trained, 1e-3, &mut parameters, &mut gradients, &mut moments);
                let taken = taken.expect("lengths fit");
                assert_eq!((taken.clipped, taken.skipped), (max_norm < 1.0, false));
                assert!(taken.norm > 0.05 && taken.norm < 1.0, "{taken:?}");
            }
            let want = oracle(&layout, &start, &adam, 1e-3, 5);
            let worst =
                parameters.iter().zip(&want).map(|(p, w)| (f64::from(*p) - w).abs()).fold(0.0, f64::max);
            // Five steps of a thousandth each, and parameters up to 6 whose last bit is 5e-7.
            assert!(worst < 2e-6, "{worst:e}");
            assert_eq!(moments.steps, 5);
        }
    }

    #[test]
    fn padding_stays_zero_and_zero_gradients_move_nothing() {
        let layout = layout();
        let trained = Trained::all(&layout);
        let adam = AdamW::default();
        let (mut parameters, mut moments) = (layout.zeros(), Moments::new(&layout));
        adam.step(&trained, 1.0, &mut parameters, &mut gradients(&layout, 1), &mut moments).expect("fits");
        for pair in layout.entries().windows(2) {
            assert!(parameters[pair[0].range.end..pair[1].range.start].iter().all(|&p| p == 0.0));
        }
        let start = initialise(&layout, 1).expect("fits");
        let (mut parameters, mut moments) = (start.clone(), Moments::new(&layout));
        let taken =
            adam.step(&trained, 1.0, &mut parameters, &mut layout.zeros(), &mut moments).expect("fits");
        assert_eq!((parameters, taken.norm), (start, 0.0));
    }

    #[test]
    fn tiny_gradients_move_like_large_ones() {
        let layout = layout();
        let trained = Trained::all(&layout);
        let moved = |size: f32| {
            let mut parameters = layout.zeros();
            let adam = AdamW { max_norm: f64::INFINITY, ..AdamW::default() };
            let gradients = vec![size; layout.len()];
            let moments = &mut Moments::new(&layout);
            adam.apply(&trained, 1e-3, &mut parameters, &gradients, moments).expect("fits");
            parameters[0]
        };
        assert!((moved(1.0) + 1e-3).abs() < 1e-9 && (moved(1e-15) + 1e-3).abs() < 3e-6, "{}", moved(1e-15));
    }

    #[test]
    fn faded_moments_are_zero() {
        let layout = layout();
        let mut moments = Moments::new(&layout);
        moments.first.fill(-1e-38);
        moments.second.fill(1.18e-38);
        let (mut parameters, gradients) = (layout.zeros(), layout.zeros());
        AdamW::default()
            .apply(&Trained::all(&layout), 1.0, &mut parameters, &gradients, &mut moments)
            .expect("fits");
        let entry = &layout.entries()[0];
        assert!(
            moments.first[entry.range.clone()]
                .iter()
                .chain(&moments.second[entry.range.clone()])
                .all(|&m| m == 0.0)
        );
        assert!(parameters.iter().all(|&p| p == 0.0));
    }

    #[test]
    fn what_is_frozen_stays_and_does_not_count() {
        let layout = layout();
        let trained =
            Trained::only(&layout, |entry| entry.name.contains(".ffn.") || entry.name == "head.weight");
        let start = initialise(&layout, 1).expect("fits");
        let mut ours = gradients(&layout, 1);
        let want: f64 = layout
            .entries()
            .iter()
            .filter(|entry| entry.name.contains(".ffn.") || entry.name == "head.weight")
            .flat_map(|entry| &ours[entry.range.clone()])
            .map(|&g| f64::from(g).powi(2))
            .sum::<f64>();
        let (mut parameters, mut moments) = (start.clone(), Moments::new(&layout));
        let adam = AdamW { weight_decay: 0.1, ..AdamW::default() };
        let taken = adam.step(&trained, 1e-2, &mut parameters, &mut ours, &mut moments).expect("fits");
        assert!((taken.norm - want.sqrt()).abs() < 1e-12);
        for entry in layout.entries() {
            let same = parameters[entry.range.clone()] == start[entry.range.clone()];
            assert_eq!(same, !entry.name.contains(".ffn.") && entry.name != "head.weight", "{}", entry.name);
        }
    }

    #[test]
    fn broken_gradients_change_nothing_and_are_told() {
        let layout = layout();
        let trained = Trained::all(&layout);
        for broken in [f32::NAN, f32::INFINITY] {
            let start = initialise(&layout, 1).expect("fits");
            let (mut parameters, mut moments) = (start.clone(), Moments::new(&layout));
            let mut gradients = gradients(&layout, 1);
            gradients[layout.len() / 2] = broken;
            let adam = AdamW::default();
            let taken =
                adam.step(&trained, 1e-3, &mut parameters, &mut gradients, &mut moments).expect("fits");
            assert!(taken.skipped && !taken.clipped && !taken.norm.is_finite(), "{taken:?}");
            assert_eq!((parameters, moments), (start, Moments::new(&layout)));
        }
    }

    #[test]
    fn threads_do_not_matter() {
        let layout = layout();
        let trained = Trained::all(&layout);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| {
                let mut parameters = initialise(&layout, 1).expect("fits");
                let mut moments = Moments::new(&layout);
                let adam = AdamW { max_norm: 0.05, weight_decay: 0.1, ..AdamW::default() };
                let gradients = &mut gradients(&layout, 1);
                let taken =
                    adam.step(&trained, 1e-3, &mut parameters, gradients, &mut moments).expect("fits");
                (taken.norm.to_bits(), parameters.iter().map(|p| p.to_bits()).collect::<Vec<_>>())
            })
        };
        let one = run(1);
        assert!(one == run(2) && one == run(5));
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let layout = layout();
        let trained = Trained::all(&layout);
        let mut moments = Moments::new(&layout);
        let adam = AdamW::default();
        let error = adam.apply(&trained, 1e-3, &mut [0.0; 3], &layout.zeros(), &mut moments);
        let error = error.expect_err("too few").to_string();
        assert!(
            error.contains("parameters hold 3 numbers") && error.contains(&layout.len().to_string()),
            "{error}"
        );
        assert!(clip(&trained, &mut [0.0; 3], 1.0).is_err() && moments.steps == 0);
    }
}
