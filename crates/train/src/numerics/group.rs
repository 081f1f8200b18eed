//! A group of sequences on its way through the model and back, and what it needs room for.

use rayon::prelude::*;
use wkv7_cpu::math::{Math, Number};

use super::batch::{Batch, Options};
use super::head::{Head, HeadScratch, Score};
use super::layer::{Layer, Scratch, Sink, Tape};
use super::norm::Norm;
use super::rows::{Cut, Grow, TILE};
use super::source::{Part, Source};
use super::wkv::Shape;
use crate::layout::Layout;

/// Numbers in the buffers of all lanes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) all: usize,
    pub(super) saved: usize, // activations that the way back wants to know again
}

/// What a group under way needs room for.
#[derive(Debug, Default)]
pub(super) struct Lane<R> {
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
    pub(super) gradients: Vec<R>,
    pub(super) d_start: Vec<R>,
}

impl<R> Lane<R> {
    /// Numbers that it has room for.
    pub(super) fn held(&self) -> Held {
        let Self { rows, x, dx, d_v_first, first, room, gradients, d_start, .. } = self;
        let lists = [rows, x, dx, d_v_first, room, gradients, d_start];
        let lists = lists.into_iter().map(Vec::capacity).sum::<usize>();
        let tapes = self.tapes.iter().map(Tape::capacity).sum::<usize>();
        let saved = tapes + self.streams.iter().chain([first]).map(Vec::capacity).sum::<usize>();
        Held { all: lists + saved + self.scratch.capacity() + self.head.capacity(), saved }
    }
}

impl<R: Number> Lane<R> {
    /// Takes `batch` through the model of `layout`, and back where `back` says where gradients go.
    #[expect(clippy::too_many_arguments, reason = "the one way through the model")]
    pub(super) fn run<M: Math<Number = R>>(
        &mut self,
        math: M,
        (layout, options): (&Layout, &Options),
        source: &dyn Source<R>,
        start: &[R],
        batch: Batch<'_>,
        scale: f64,
        back: Option<(&mut Sink<'_, R>, &mut [R])>,
        best: Option<&mut [u32]>,
    ) -> Score {
        let Self { rows, x, dx, d_v_first, tapes, streams, first, scratch, head: head_scratch, room, .. } =
            self;
        let (config, ranges) = (layout.config(), layout.ranges());
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
        let eps = R::of(f64::from(config.recipe.layer_norm_eps));

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
            let v_first = first_value(number, done.first(), first);
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
                let v_first = first_value(number, None, first);
                layer.forward(math, x, v_first, &mut tapes[0], scratch);
            }
            let tape = &tapes[if keep { number } else { 0 }];
            let v_first = first_value(number, keep.then(|| &tapes[0]), first);
            layer.backward(math, tape, v_first, dx, d_v_first, sink, d_start, scratch);
        }
        if sink.wanted() {
            let (mut weight, mut bias) = (vec![R::default(); channels], vec![R::default(); channels]);
            let d_rows = x;
            d_rows.fill(R::default());
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

/// The first layer's value, which that layer itself has no use for: on its tape where tapes are kept, else in `first`.
fn first_value<'a, R>(number: usize, kept: Option<&'a Tape<R>>, first: &'a [R]) -> &'a [R] {
    match (number, kept) {
        (0, _) => &[],
        (_, Some(tape)) => &tape.projected.value,
        (_, None) => first,
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
