//! The whole model: a batch in, its loss and every gradient out.

use std::sync::Arc;

use rayon::ThreadPool;
use rayon::prelude::*;
use wkv7_core::Config;
use wkv7_cpu::math::{Math, Number, WithMath};

use super::head::{Head, HeadScratch, IGNORED, Score};
use super::layer::{Layer, Scratch, Sink, Tape};
use super::norm::Norm;
use super::rows::{Cut, Grow, TILE};
use super::source::{Flat, Frozen, Part, Source};
use super::wkv::Shape;
use crate::Error;
use crate::layout::Layout;

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

/// How gradients are computed. None of it changes them by more than rounding.
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
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: None, chunk: 16, rows: 512, lanes: 2, checkpoint: false, l2_wrap: true }
    }
}

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

/// Numbers in the buffers of all lanes.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    all: usize,
    saved: usize, // activations that the way back wants to know again
}

/// What a group under way needs room for.
#[derive(Debug, Default)]
struct Lane<R> {
    rows: Vec<R>,         // the embedding's, [rows, channels]
    x: Vec<R>,            // the stream
    dx: Vec<R>,           // its gradient
    d_v_first: Vec<R>,    // that of the first layer's value
    tapes: Vec<Tape<R>>,  // [layers], or one where they are not kept
    streams: Vec<Vec<R>>, // before each layer, where tapes are not kept
    first: Vec<R>,        // the first layer's value, likewise
    scratch: Scratch<R>,
    head: HeadScratch<R>,
    room: Vec<R>, // a layer's parameters or the head's, where they do not lie in one vector
    // Sums over the groups of a lane that is not the first, which adds to the caller's.
    gradients: Vec<R>,
    d_start: Vec<R>,
}

impl<R> Lane<R> {
    /// Numbers that it has room for.
    fn held(&self) -> Held {
        let Self { rows, x, dx, d_v_first, first, room, gradients, d_start, .. } = self;
        let lists = [rows, x, dx, d_v_first, room, gradients, d_start];
        let lists = lists.into_iter().map(Vec::capacity).sum::<usize>();
        let tapes = self.tapes.iter().map(Tape::capacity).sum::<usize>();
        let saved = tapes + self.streams.iter().chain([first]).map(Vec::capacity).sum::<usize>();
        Held { all: lists + saved + self.scratch.capacity() + self.head.capacity(), saved }
    }
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
    /// In f32, with the instructions of `path`.
    ///
    /// # Errors
    /// A machine without those instructions or without threads; sizes that cannot be trained.
    pub fn new(path: wkv7_cpu::Path, layout: &Layout, options: &Options) -> Result<Box<Self>, Error> {
        path.with_math(Make(layout, options))?
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
        let (groups, scale) = (self.groups(batch), scale_of(batch));
        let mut lanes = self.take_lanes(groups.len());
        let pool = Arc::clone(&self.pool);
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
                        score.add(&self.group(lane, parameters, start, *group, scale, back, None));
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
        let groups = self.groups(batch);
        let mut lanes = self.take_lanes(groups.len());
        let mut of_lanes: Vec<Vec<_>> = lanes.iter().map(|_| Vec::new()).collect();
        let count = lanes.len();
        let some = groups[0].inputs.len();
        for (number, group) in groups.into_iter().zip(best.chunks_mut(some)).enumerate() {
            of_lanes[number % count].push(group);
        }
        let pool = Arc::clone(&self.pool);
        let scores: Vec<Score> = pool.install(|| {
            let work = lanes.par_iter_mut().zip(of_lanes).map(|(lane, groups)| {
                let mut score = Score::default();
                for (group, best) in groups {
                    score.add(&self.group(lane, parameters, start, group, 1.0, None, Some(best)));
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

    /// The parts of `batch` that go through the model at a time: whole sequences.
    fn groups<'b>(&self, batch: Batch<'b>) -> Vec<Batch<'b>> {
        let tokens = batch.tokens;
        let some = (self.options.rows / tokens).max(1) * tokens;
        let parts = batch.inputs.chunks(some).zip(batch.targets.chunks(some));
        parts.map(|(inputs, targets)| Batch { inputs, targets, tokens }).collect()
    }

    /// One of them.
    #[expect(clippy::too_many_arguments, reason = "the one way through the model")]
    fn group(
        &self,
        lane: &mut Lane<M::Number>,
        source: &dyn Source<M::Number>,
        start: &[M::Number],
        batch: Batch<'_>,
        scale: f64,
        back: Option<(&mut Sink<'_, M::Number>, &mut [M::Number])>,
        best: Option<&mut [u32]>,
    ) -> Score {
        let Self { math, layout, options, .. } = self;
        let Lane { rows, x, dx, d_v_first, tapes, streams, first, scratch, head: head_scratch, room, .. } =
            lane;
        let (math, config, ranges) = (*math, layout.config(), layout.ranges());
        let (channels, layers) = (config.channels, config.layers);
        let sequences = batch.inputs.len() / batch.tokens;
        let shape = Shape {
            sequences,
            tokens: batch.tokens,
            heads: config.heads,
            size: config.head_size,
            cut: Cut(options.chunk),
        };
        let keep = back.is_some() && !options.checkpoint;
        tapes.resize_with(if keep { layers } else { 1 }, Tape::default);
        streams.resize_with(if back.is_some() && !keep { layers } else { 0 }, Vec::new);
        let state = channels * config.head_size;
        let start_of = |number: usize| start.get(number * state..(number + 1) * state).unwrap_or(&[]);
        let building = Building { source, layout, shape };
        let eps = M::Number::of(f64::from(config.recipe.layer_norm_eps));

        // Forward.
        let mut ln0_room = Vec::new();
        let part = Part::of(source, ranges.ln0_weight.start..ranges.ln0_bias.end, &mut ln0_room);
        let ln0 = Norm { weight: part.get(&ranges.ln0_weight), bias: part.get(&ranges.ln0_bias), eps };
        rows.grow(batch.inputs.len() * channels);
        rows.par_chunks_mut(TILE * channels).zip(batch.inputs.par_chunks(TILE)).for_each(|(rows, tokens)| {
            for (row, token) in rows.chunks_exact_mut(channels).zip(tokens) {
                source.embedding(*token as usize, row);
            }
        });
        x.grow(rows.len());
        ln0.forward(math, rows, x);
        for number in 0..layers {
            if let Some(stream) = streams.get_mut(number) {
                stream.clone_from(x);
            }
            let (done, rest) = tapes.split_at_mut(if keep { number } else { 0 });
            let v_first = if number == 0 {
                &[][..]
            } else if keep {
                &done[0].projected.value
            } else {
                &**first
            };
            let layer = building.layer(number, start_of(number), room);
            layer.forward(math, x, v_first, &mut rest[0], scratch);
            if number == 0 && !keep {
                first.clone_from(&rest[0].projected.value);
            }
        }

        // The loss, and back.
        let part = Part::of(source, ranges.ln_out_weight.start..ranges.head.end, room);
        let head = Head {
            norm: Norm { weight: part.get(&ranges.ln_out_weight), bias: part.get(&ranges.ln_out_bias), eps },
            matrix: part.get(&ranges.head),
            vocab: config.vocab,
            scale,
            l2_wrap: options.l2_wrap,
        };
        let of_head = [&ranges.ln_out_weight, &ranges.ln_out_bias, &ranges.head];
        let Some((sink, d_start)) = back else {
            let mut sink = Sink(None);
            return head.run(
                math,
                x,
                batch.targets,
                best,
                None,
                &mut sink,
                of_head,
                head_scratch,
                &mut scratch.room,
            );
        };
        dx.grow(x.len());
        let score =
            head.run(math, x, batch.targets, best, Some(dx), sink, of_head, head_scratch, &mut scratch.room);
        d_v_first.clear();
        d_v_first.grow(x.len());
        for number in (0..layers).rev() {
            let d_start = match d_start.len() {
                0 => &mut [][..],
                _ => &mut d_start[number * state..(number + 1) * state],
            };
            let layer = building.layer(number, start_of(number), room);
            if !keep {
                x.clone_from(&streams[number]);
                let v_first = if number == 0 { &[][..] } else { &**first };
                layer.forward(math, x, v_first, &mut tapes[0], scratch);
            }
            let tape = &tapes[if keep { number } else { 0 }];
            let v_first = if number == 0 {
                &[][..]
            } else if keep {
                &tapes[0].projected.value
            } else {
                &**first
            };
            layer.backward(math, tape, v_first, dx, d_v_first, sink, d_start, scratch);
        }
        if sink.wanted() {
            let (mut weight, mut bias) =
                (vec![M::Number::default(); channels], vec![M::Number::default(); channels]);
            let d_rows = x;
            d_rows.fill(M::Number::default());
            ln0.backward(math, rows, dx, d_rows, (&mut weight, &mut bias));
            sink.add(&weight, &ranges.ln0_weight);
            sink.add(&bias, &ranges.ln0_bias);
            // In the order of the tokens, since several may be the same.
            for (row, token) in d_rows.chunks_exact(channels).zip(batch.inputs) {
                let from = ranges.emb.start + *token as usize * channels;
                sink.add(row, &(from..from + channels));
            }
        }
        score
    }
}

/// What layers are made of.
struct Building<'a, R> {
    source: &'a dyn Source<R>,
    layout: &'a Layout,
    shape: Shape,
}

impl<'a, R> Building<'a, R> {
    /// Layer `number`, with its parameters where they lie or in `room`.
    fn layer<'b>(&'b self, number: usize, start: &'b [R], room: &'b mut Vec<R>) -> Layer<'b, R>
    where
        'a: 'b,
    {
        let (config, at) = (self.layout.config(), &self.layout.ranges().layers[number]);
        Layer {
            parameters: Part::of(self.source, at.ln1_weight.start..at.ffn_value.end, room),
            at,
            shape: self.shape,
            ffn: config.ffn,
            recipe: config.recipe,
            start,
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

/// One over the number of targets that count.
fn scale_of(batch: Batch<'_>) -> f64 {
    let counted = batch.targets.iter().filter(|target| **target != IGNORED).count();
    1.0 / counted.max(1) as f64
}
