//! The whole model: a batch in, its loss and every gradient out.

use std::sync::Arc;

use rayon::ThreadPool;
use rayon::prelude::*;
use wkv7_core::Config;
use wkv7_cpu::math::{Math, Number, WithMath};

use super::batch::{Batch, Options};
use super::group::{Held, Lane};
use super::head::{IGNORED, Score};
use super::layer::Sink;
use super::rows::{Cut, Grow};
use super::source::{Flat, Frozen, Source};
use crate::Error;
use crate::layout::Layout;

/// What computes gradients in f32, whatever the instruction set.
pub trait Numerics: Send {
    /// The score of `batch`, and the gradient of its mean loss: of every parameter, written to `gradients` (nothing where it
    /// is empty), and of the state that the sequences start from, written to `d_start`.
    ///
    /// `start` and `d_start` are `[layers, heads, head_size (value), head_size (key)]`, or empty: zeros, and not wanted.
    ///
    /// # Errors
    /// Vectors that do not belong to the layout, tokens that the vocabulary does not have.
    fn gradients(
        &mut self,
        parameters: &[f32],
        start: &[f32],
        batch: Batch<'_>,
        gradients: &mut [f32],
        d_start: &mut [f32],
    ) -> Result<Score, Error>;

    /// The score alone, and the most likely token at every place, `[sequences, tokens]`.
    ///
    /// # Errors
    /// As [`Numerics::gradients`].
    fn evaluate(
        &mut self,
        parameters: &[f32],
        start: &[f32],
        batch: Batch<'_>,
    ) -> Result<(Score, Vec<u32>), Error>;

    /// [`Numerics::gradients`] of the start alone: `weights` stay as they are, and a layer at a time is made f32.
    ///
    /// # Errors
    /// As [`Numerics::gradients`].
    fn frozen_gradients(
        &mut self,
        weights: &Frozen,
        start: &[f32],
        batch: Batch<'_>,
        d_start: &mut [f32],
    ) -> Result<Score, Error>;

    /// [`Numerics::evaluate`] likewise.
    ///
    /// # Errors
    /// As [`Numerics::gradients`].
    fn frozen_evaluate(
        &mut self,
        weights: &Frozen,
        start: &[f32],
        batch: Batch<'_>,
    ) -> Result<(Score, Vec<u32>), Error>;

    /// The threads that it computes with, for what is done between two calls.
    fn threads(&self) -> &ThreadPool;

    /// Bytes of the buffers that it has held at the most: saved activations and scratch.
    fn bytes(&self) -> usize;

    /// Bytes of the activations among them, which forward passes saved for the way back.
    fn activation_bytes(&self) -> usize;
}

/// A model of one layout in one arithmetic.
pub struct Engine<M: Math> {
    math: M,
    layout: Layout,
    options: Options,
    pool: Arc<ThreadPool>,
    lanes: Vec<Lane<M::Number>>,
    most: Held,
}

/// [`Engine`] to be made for whichever instruction set.
struct Make<'a>(&'a Layout, &'a Options);

impl WithMath for Make<'_> {
    type Out = Result<Box<dyn Numerics>, Error>;

    fn with<M: Math<Number = f32>>(self, math: M) -> Self::Out {
        Ok(Box::new(Engine::new(math, self.0, self.1)?))
    }
}

impl dyn Numerics {
    /// In f32, with the instructions of `path`; large products in [`Options::precision`].
    ///
    /// # Errors
    /// A machine without those instructions or without threads; sizes that cannot be trained.
    pub fn new(path: wkv7_cpu::Path, layout: &Layout, options: &Options) -> Result<Box<Self>, Error> {
        path.with_math(options.precision, Make(layout, options))?
    }
}

impl<M: Math> Engine<M> {
    /// For models of `layout`.
    ///
    /// # Errors
    /// [`Error::Sizes`] where heads are no multiple of 16 channels or larger than 256, [`Error::Threads`].
    pub fn new(math: M, layout: &Layout, options: &Options) -> Result<Self, Error> {
        let size = layout.config().head_size;
        if !size.is_multiple_of(wkv7_cpu::math::LANES) || size > Cut::MOST {
            let why =
                format!("heads of {size} channels, but training takes multiples of 16 up to {}", Cut::MOST);
            return Err(Error::Sizes(why));
        }
        let mut pool = rayon::ThreadPoolBuilder::new().thread_name(|number| format!("wkv7-train-{number}"));
        if let Some(threads) = options.threads {
            pool = pool.num_threads(threads);
        }
        let pool = pool.build().map_err(|error| Error::Threads(error.to_string()))?;
        Ok(Self {
            math,
            layout: layout.clone(),
            options: Options { chunk: options.chunk.max(1), ..options.clone() },
            pool: Arc::new(pool),
            lanes: Vec::new(),
            most: Held::default(),
        })
    }

    /// [`Numerics::gradients`] in any arithmetic.
    ///
    /// # Errors
    /// Those of [`Numerics::gradients`].
    pub fn gradients(
        &mut self,
        parameters: &[M::Number],
        start: &[M::Number],
        batch: Batch<'_>,
        gradients: &mut [M::Number],
        d_start: &mut [M::Number],
    ) -> Result<Score, Error> {
        self.gradients_of(&Flat(parameters), start, batch, gradients, d_start)
    }

    fn gradients_of(
        &mut self,
        parameters: &dyn Source<M::Number>,
        start: &[M::Number],
        batch: Batch<'_>,
        gradients: &mut [M::Number],
        d_start: &mut [M::Number],
    ) -> Result<Score, Error> {
        self.check(parameters.len(), start.len(), batch)?;
        let states = states_len(self.layout.config());
        check_len("gradients", gradients.len(), self.layout.len(), true)?;
        check_len("gradients of the start", d_start.len(), states, true)?;
        gradients.fill(M::Number::default());
        d_start.fill(M::Number::default());
        let (groups, scale) = (batch.groups(self.options.rows), batch.scale());
        let mut lanes = self.take_lanes(groups.len());
        let (pool, math, how) = (Arc::clone(&self.pool), self.math, (&self.layout, &self.options));
        let score = pool.install(|| {
            let (first, others) = lanes.split_at_mut(1);
            for lane in others.iter_mut() {
                lane.gradients.clear();
                lane.gradients.grow(gradients.len());
                lane.d_start.clear();
                lane.d_start.grow(d_start.len());
            }
            let mut sums = vec![(&mut *gradients, &mut *d_start)];
            let (mut rooms, mut of_others) = (vec![&mut first[0]], Vec::new());
            for lane in others.iter_mut() {
                of_others.push((std::mem::take(&mut lane.gradients), std::mem::take(&mut lane.d_start)));
                rooms.push(lane);
            }
            sums.extend(of_others.iter_mut().map(|(gradients, d_start)| (&mut **gradients, &mut **d_start)));
            let count = rooms.len();
            let work =
                rooms.into_par_iter().zip(sums).enumerate().map(|(number, (lane, (gradients, d_start)))| {
                    let mut sink = Sink((!gradients.is_empty()).then_some(gradients));
                    let mut score = Score::default();
                    for group in groups.iter().skip(number).step_by(count) {
                        let back = Some((&mut sink, &mut *d_start));
                        score.add(&lane.run(math, how, parameters, start, *group, scale, back, None));
                    }
                    score
                });
            let scores: Vec<Score> = work.collect();
            for (lane, (own, own_start)) in others.iter_mut().zip(of_others) {
                add(gradients, &own);
                add(d_start, &own_start);
                (lane.gradients, lane.d_start) = (own, own_start);
            }
            total(&scores)
        });
        self.put_lanes(lanes);
        Ok(score)
    }

    /// [`Numerics::evaluate`] in any arithmetic.
    ///
    /// # Errors
    /// Those of [`Numerics::evaluate`].
    pub fn evaluate(
        &mut self,
        parameters: &[M::Number],
        start: &[M::Number],
        batch: Batch<'_>,
    ) -> Result<(Score, Vec<u32>), Error> {
        self.evaluate_of(&Flat(parameters), start, batch)
    }

    fn evaluate_of(
        &mut self,
        parameters: &dyn Source<M::Number>,
        start: &[M::Number],
        batch: Batch<'_>,
    ) -> Result<(Score, Vec<u32>), Error> {
        self.check(parameters.len(), start.len(), batch)?;
        let mut best = vec![0; batch.inputs.len()];
        let groups = batch.groups(self.options.rows);
        let mut lanes = self.take_lanes(groups.len());
        let mut of_lanes: Vec<Vec<_>> = lanes.iter().map(|_| Vec::new()).collect();
        let count = lanes.len();
        let some = groups[0].inputs.len();
        for (number, group) in groups.into_iter().zip(best.chunks_mut(some)).enumerate() {
            of_lanes[number % count].push(group);
        }
        let (pool, math, how) = (Arc::clone(&self.pool), self.math, (&self.layout, &self.options));
        let scores: Vec<Score> = pool.install(|| {
            let work = lanes.par_iter_mut().zip(of_lanes).map(|(lane, groups)| {
                let mut score = Score::default();
                for (group, best) in groups {
                    score.add(&lane.run(math, how, parameters, start, group, 1.0, None, Some(best)));
                }
                score
            });
            work.collect()
        });
        self.put_lanes(lanes);
        Ok((total(&scores), best))
    }

    /// Room for so many groups side by side, at least for one.
    fn take_lanes(&mut self, groups: usize) -> Vec<Lane<M::Number>> {
        let mut lanes = std::mem::take(&mut self.lanes);
        lanes.resize_with(self.options.lanes.min(groups).max(1), Lane::default);
        lanes
    }

    /// Keeps them for the next batch.
    fn put_lanes(&mut self, lanes: Vec<Lane<M::Number>>) {
        let (mut all, mut saved) = (0, 0);
        for held in lanes.iter().map(Lane::held) {
            all += held.all;
            saved += held.saved;
        }
        self.most = Held { all: self.most.all.max(all), saved: self.most.saved.max(saved) };
        self.lanes = lanes;
    }

    fn check(&self, parameters: usize, start: usize, batch: Batch<'_>) -> Result<(), Error> {
        let config = self.layout.config();
        check_len("parameters", parameters, self.layout.len(), false)?;
        check_len("start", start, states_len(config), true)?;
        let Batch { inputs, targets, tokens } = batch;
        if tokens == 0 || inputs.is_empty() || inputs.len() % tokens != 0 || targets.len() != inputs.len() {
            let (inputs, targets) = (inputs.len(), targets.len());
            return Err(Error::Batch(format!(
                "{inputs} inputs and {targets} targets in sequences of {tokens}"
            )));
        }
        let vocab = config.vocab;
        let strange = |token: &&u32| **token as usize >= vocab;
        let target = targets.iter().filter(|token| **token != IGNORED).find(strange);
        match inputs.iter().find(strange).or(target) {
            Some(token) => Err(Error::Batch(format!("token {token}, but the vocabulary has {vocab}"))),
            None => Ok(()),
        }
    }
}

impl<M: Math<Number = f32>> Numerics for Engine<M> {
    fn gradients(
        &mut self,
        parameters: &[f32],
        start: &[f32],
        batch: Batch<'_>,
        gradients: &mut [f32],
        d_start: &mut [f32],
    ) -> Result<Score, Error> {
        Engine::gradients(self, parameters, start, batch, gradients, d_start)
    }

    fn evaluate(
        &mut self,
        parameters: &[f32],
        start: &[f32],
        batch: Batch<'_>,
    ) -> Result<(Score, Vec<u32>), Error> {
        Engine::evaluate(self, parameters, start, batch)
    }

    fn frozen_gradients(
        &mut self,
        weights: &Frozen,
        start: &[f32],
        batch: Batch<'_>,
        d_start: &mut [f32],
    ) -> Result<Score, Error> {
        self.gradients_of(weights, start, batch, &mut [], d_start)
    }

    fn frozen_evaluate(
        &mut self,
        weights: &Frozen,
        start: &[f32],
        batch: Batch<'_>,
    ) -> Result<(Score, Vec<u32>), Error> {
        self.evaluate_of(weights, start, batch)
    }

    fn threads(&self) -> &ThreadPool {
        &self.pool
    }

    fn bytes(&self) -> usize {
        self.most.all * size_of::<f32>()
    }

    fn activation_bytes(&self) -> usize {
        self.most.saved * size_of::<f32>()
    }
}

/// Adds `x` to `sum`.
fn add<R: Number>(sum: &mut [R], x: &[R]) {
    const PIECE: usize = 1 << 14;
    sum.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(|(sum, x)| {
        sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += *x);
    });
}

/// All of them together.
fn total(scores: &[Score]) -> Score {
    let mut sum = Score::default();
    scores.iter().for_each(|score| sum.add(score));
    sum
}

/// Numbers of a start.
fn states_len(config: &Config) -> usize {
    config.layers * config.channels * config.head_size
}

fn check_len(what: &'static str, found: usize, want: usize, or_empty: bool) -> Result<(), Error> {
    if found == want || or_empty && found == 0 {
        Ok(())
    } else {
        Err(Error::WrongLength { what, want, found })
    }
}
