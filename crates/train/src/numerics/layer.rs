//! One layer: a time mix and a channel mix, each behind a norm and added to the stream, and their gradients.

use std::ops::Range;

use rayon::prelude::*;
use wkv7_core::Recipe;
use wkv7_cpu::math::{Math, Number};

use super::norm::Norm;
use super::product::{Factor, Into, Room, product};
use super::rows::{Grow, TILE};
use super::shift;
use super::source::Part;
use super::wkv::{self, Projected, Shape, Trace, VectorGradients, Vectors};
use crate::layout::LayerRanges;

/// What a layer computes with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer<'a, R> {
    pub(crate) parameters: Part<'a, R>,
    pub(crate) at: &'a LayerRanges,
    pub(crate) shape: Shape,
    pub(crate) ffn: usize,
    pub(crate) recipe: Recipe,
    /// The state that sequences start from, `[heads, size, size]`; nothing stands for zeros.
    pub(crate) start: &'a [R],
}

/// What the backward pass wants to know again, `[rows, ...]` each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tape<R> {
    pub(crate) stream: Vec<R>, // before the layer, [rows, channels]
    middle: Vec<R>,            // between its blocks
    inner: [Vec<R>; 4],        // of the low-rank nets, after their function, [rows, rank]
    pub(crate) projected: Projected<R>,
    trace: Trace<R>,
    hidden: Vec<R>, // [rows, ffn], before it is squared
}

/// Room that layers share.
#[derive(Debug, Default)]
pub(crate) struct Scratch<R> {
    pub(crate) room: Room<R>,
    shifted: [Vec<R>; 6],
    gradients: Projected<R>,
    out: Vec<R>,
    wide: Vec<R>, // [rows, ffn]
    inner: Vec<R>,
    dh: Vec<R>,
}

impl<R> Tape<R> {
    /// Numbers that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        let lists = [&self.stream, &self.middle, &self.hidden].into_iter().chain(&self.inner);
        let trace = [&self.trace.y, &self.trace.sa, &self.trace.starts];
        lists.chain(trace).map(Vec::capacity).sum::<usize>() + self.projected.capacity()
    }
}

impl<R> Scratch<R> {
    /// Numbers that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        let lists = [&self.out, &self.wide, &self.inner, &self.dh].into_iter().chain(&self.shifted);
        lists.map(Vec::capacity).sum::<usize>() + self.gradients.capacity() + self.room.capacity()
    }
}

/// Sums of gradients that meet in one vector, before they are added to the whole.
struct Small<R>(Vec<Vec<R>>);

impl<R: Number> Small<R> {
    fn new(ranges: &[&Range<usize>]) -> Self {
        Self(ranges.iter().map(|range| vec![R::default(); range.len()]).collect())
    }

    fn add(self, ranges: &[&Range<usize>], gradients: &mut [R]) {
        for (part, range) in self.0.iter().zip(ranges) {
            super::rows::add_up(std::iter::once(part.as_slice()), &mut gradients[(*range).clone()]);
        }
    }
}

/// The function inside a low-rank net.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Tanh,
    Same,
    Sigmoid,
}

/// The nets in the order of [`Tape::inner`]: the use of the input that each reads, and its function.
const NETS: [(usize, Inside); 4] =
    [(W, Inside::Tanh), (A, Inside::Same), (V, Inside::Same), (G, Inside::Sigmoid)];
// The uses of a time mix's input.
const R: usize = 0;
const W: usize = 1;
const K: usize = 2;
const V: usize = 3;
const A: usize = 4;
const G: usize = 5;

impl<'a, F: Number> Layer<'a, F> {
    fn get(&self, range: &Range<usize>) -> &'a [F] {
        self.parameters.get(range)
    }

    fn norm(&self, weight: &Range<usize>, bias: &Range<usize>) -> Norm<'a, F> {
        let eps = F::of(f64::from(self.recipe.layer_norm_eps));
        Norm { weight: self.get(weight), bias: self.get(bias), eps }
    }

    fn rows(&self) -> usize {
        self.shape.sequences * self.shape.tokens
    }

    fn mus(&self) -> [&'a [F]; 6] {
        let at = self.at;
        [&at.x_r, &at.x_w, &at.x_k, &at.x_v, &at.x_a, &at.x_g].map(|range| self.get(range))
    }

    /// The first and the second matrix of each low-rank net.
    fn nets(&self) -> [Option<(&'a Range<usize>, &'a Range<usize>)>; 4] {
        let at = self.at;
        let mix = at.v1.as_ref().zip(at.v2.as_ref());
        [Some((&at.w1, &at.w2)), Some((&at.a1, &at.a2)), mix, Some((&at.g1, &at.g2))]
    }

    fn vectors(&self) -> Vectors<'a, F> {
        let at = self.at;
        Vectors {
            w0: self.get(&at.w0),
            a0: self.get(&at.a0),
            v0: at.v0.as_ref().map(|range| self.get(range)),
            k_k: self.get(&at.k_k),
            k_a: self.get(&at.k_a),
            r_k: self.get(&at.r_k),
            ln_x: (self.get(&at.ln_x_weight), self.get(&at.ln_x_bias)),
            eps: F::of(f64::from(self.recipe.group_norm_eps)),
            rate_range: F::of(f64::from(self.recipe.rate_range)),
        }
    }

    /// `x` `[rows, inputs]` times the transpose of the matrix at `range`, `[outputs, inputs]`.
    fn linear<M: Math<Number = F>>(
        &self,
        math: M,
        x: &[F],
        range: &Range<usize>,
        into: Into,
        out: &mut Vec<F>,
        room: &mut Room<F>,
    ) {
        let rows = self.rows();
        let (inputs, outputs) = (x.len() / rows, range.len() * rows / x.len());
        out.grow(rows * outputs);
        let matrix = Factor::new(self.get(range), outputs, inputs).turned();
        product(math, Factor::new(x, rows, inputs), matrix, into, out, room);
    }

    /// The layer: `x` `[rows, channels]` goes on. `v_first` is the first layer's value, and nothing in the first layer.
    pub(crate) fn forward<M: Math<Number = F>>(
        &self,
        math: M,
        x: &mut Vec<F>,
        v_first: &[F],
        tape: &mut Tape<F>,
        scratch: &mut Scratch<F>,
    ) {
        let at = self.at;
        let Scratch { room, shifted, out, .. } = scratch;
        tape.stream.clone_from(x);
        let norm = self.norm(&at.ln1_weight, &at.ln1_bias);
        shift::forward(math, norm, x, self.shape.tokens, self.mus(), shifted);
        let to = &mut tape.projected;
        self.linear(math, &shifted[R], &at.receptance, Into::Store, &mut to.receptance, room);
        self.linear(math, &shifted[K], &at.key, Into::Store, &mut to.key, room);
        self.linear(math, &shifted[V], &at.value, Into::Store, &mut to.value, room);
        let outs = [&mut to.decay, &mut to.rate, &mut to.mix, &mut to.gate];
        for (((net, (use_, inside)), inner), out) in
            self.nets().into_iter().zip(NETS).zip(&mut tape.inner).zip(outs)
        {
            let Some(net) = net else { continue };
            self.low_rank(math, &shifted[use_], net, inside, inner, out, room);
        }
        out.grow(x.len());
        wkv::forward(
            math,
            self.shape,
            &tape.projected,
            v_first,
            &self.vectors(),
            self.start,
            &mut tape.trace,
            out,
        );
        self.linear(math, out, &at.output, Into::Add, x, room);
        tape.middle.clone_from(x);
        let norm = self.norm(&at.ln2_weight, &at.ln2_bias);
        let mut one = [std::mem::take(&mut shifted[0])];
        shift::forward(math, norm, x, self.shape.tokens, [self.get(&at.ffn_x_k)], &mut one);
        self.linear(math, &one[0], &at.ffn_key, Into::Store, &mut tape.hidden, room);
        [shifted[0]] = one;
        self.squared_relu(math, &mut tape.hidden, &mut scratch.wide);
        self.linear(math, &scratch.wide, &at.ffn_value, Into::Add, x, room);
    }

    /// `f(x @ first) @ second`, without a bias.
    #[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
    fn low_rank<M: Math<Number = F>>(
        &self,
        math: M,
        x: &[F],
        (first, second): (&Range<usize>, &Range<usize>),
        inside: Inside,
        inner: &mut Vec<F>,
        out: &mut Vec<F>,
        room: &mut Room<F>,
    ) {
        let (rows, channels) = (self.rows(), self.shape.channels());
        let rank = first.len() / channels;
        inner.grow(rows * rank);
        let first = Factor::new(self.get(first), channels, rank);
        product(math, Factor::new(x, rows, channels), first, Into::Store, inner, room);
        if inside != Inside::Same {
            inner.par_chunks_mut(TILE * rank).for_each(|inner| {
                math.run(
                    #[inline(always)]
                    || match inside {
                        Inside::Tanh => inner.iter_mut().for_each(|x| *x = math.tanh(*x)),
                        _ => inner.iter_mut().for_each(|x| *x = math.sigmoid(*x)),
                    },
                );
            });
        }
        out.grow(rows * channels);
        let second = Factor::new(self.get(second), rank, channels);
        product(math, Factor::new(inner, rows, rank), second, Into::Store, out, room);
    }

    /// `hidden` loses what is negative, and `out` is its square.
    fn squared_relu<M: Math<Number = F>>(&self, math: M, hidden: &mut [F], out: &mut Vec<F>) {
        out.grow(hidden.len());
        let tile = TILE * self.ffn;
        hidden.par_chunks_mut(tile).zip(out.par_chunks_mut(tile)).for_each(|(hidden, out)| {
            math.run(
                #[inline(always)]
                || {
                    for (x, out) in hidden.iter_mut().zip(out) {
                        // Not `max`, which would turn a NaN into zero and hide a broken model.
                        *x = if *x < F::default() { F::default() } else { *x };
                        *out = *x * *x;
                    }
                },
            );
        });
    }

    /// Gradients: `dx` goes from that of the layer's output to that of its input, and those of the parameters are added to
    /// `gradients`. `d_v_first` gathers the first layer's value's. `d_start` is added to; empty where it is not wanted.
    #[expect(clippy::too_many_arguments, reason = "the one way back through a layer")]
    pub(crate) fn backward<M: Math<Number = F>>(
        &self,
        math: M,
        tape: &Tape<F>,
        v_first: &[F],
        dx: &mut [F],
        d_v_first: &mut [F],
        gradients: &mut Sink<'_, F>,
        d_start: &mut [F],
        scratch: &mut Scratch<F>,
    ) {
        self.channel_mix_backward(math, tape, dx, gradients, scratch);
        self.time_mix_backward(math, tape, v_first, dx, d_v_first, gradients, d_start, scratch);
    }

    fn channel_mix_backward<M: Math<Number = F>>(
        &self,
        math: M,
        tape: &Tape<F>,
        dx: &mut [F],
        gradients: &mut Sink<'_, F>,
        scratch: &mut Scratch<F>,
    ) {
        let (at, rows, channels, ffn) = (self.at, self.rows(), self.shape.channels(), self.ffn);
        let Scratch { room, shifted, wide, dh, .. } = scratch;
        let norm = self.norm(&at.ln2_weight, &at.ln2_bias);
        let mus = [self.get(&at.ffn_x_k)];
        if gradients.wanted() {
            wide.grow(rows * ffn);
            let tile = TILE * ffn;
            wide.par_chunks_mut(tile).zip(tape.hidden.par_chunks(tile)).for_each(|(wide, hidden)| {
                math.run(
                    #[inline(always)]
                    || wide.iter_mut().zip(hidden).for_each(|(out, x)| *out = *x * *x),
                );
            });
            gradients.outer(math, (&*dx, channels), (wide, ffn), &at.ffn_value, room);
        }
        wide.grow(rows * ffn);
        let value = Factor::new(self.get(&at.ffn_value), channels, ffn);
        product(math, Factor::new(&*dx, rows, channels), value, Into::Store, wide, room);
        let tile = TILE * ffn;
        wide.par_chunks_mut(tile).zip(tape.hidden.par_chunks(tile)).for_each(|(dq, hidden)| {
            math.run(
                #[inline(always)]
                || dq.iter_mut().zip(hidden).for_each(|(dq, q)| *dq *= *q + *q),
            );
        });
        let mut one = [std::mem::take(&mut shifted[0])];
        if gradients.wanted() {
            shift::forward(math, norm, &tape.middle, self.shape.tokens, mus, &mut one);
            gradients.outer(math, (wide, ffn), (&one[0], channels), &at.ffn_key, room);
        }
        one[0].grow(rows * channels);
        let key = Factor::new(self.get(&at.ffn_key), ffn, channels);
        product(math, Factor::new(wide, rows, ffn), key, Into::Store, &mut one[0], room);
        let ranges = [&at.ffn_x_k, &at.ln2_weight, &at.ln2_bias];
        let mut small = Small::new(&ranges);
        let [d_mu, d_weight, d_bias] = small.0.as_mut_slice() else { return };
        dh.grow(rows * channels);
        shift::backward(math, norm, &tape.middle, self.shape.tokens, mus, [&one[0]], dh, [d_mu]);
        norm.backward(math, &tape.middle, dh, dx, (d_weight, d_bias));
        [shifted[0]] = one;
        gradients.small(small, &ranges);
    }

    #[expect(clippy::too_many_arguments, reason = "the one way back through a time mix")]
    fn time_mix_backward<M: Math<Number = F>>(
        &self,
        math: M,
        tape: &Tape<F>,
        v_first: &[F],
        dx: &mut [F],
        d_v_first: &mut [F],
        gradients: &mut Sink<'_, F>,
        d_start: &mut [F],
        scratch: &mut Scratch<F>,
    ) {
        let (at, rows, channels) = (self.at, self.rows(), self.shape.channels());
        let Scratch { room, shifted, gradients: d, out, inner, dh, .. } = scratch;
        // Output matrix, then everything head by head.
        dh.grow(rows * channels);
        let output = Factor::new(self.get(&at.output), channels, channels);
        product(math, Factor::new(&*dx, rows, channels), output, Into::Store, dh, room);
        out.grow(rows * channels);
        let nothing = 0..0;
        let [_, _, mix, _] = self.nets();
        let ranges = [
            &at.w0,
            &at.a0,
            at.v0.as_ref().unwrap_or(&nothing),
            &at.k_k,
            &at.k_a,
            &at.r_k,
            &at.ln_x_weight,
            &at.ln_x_bias,
        ];
        let mut small = Small::new(&ranges);
        let [w0, a0, v0, k_k, k_a, r_k, weight, ln_bias] = small.0.as_mut_slice() else { return };
        let vectors = VectorGradients {
            w0,
            a0,
            v0: mix.is_some().then_some(v0),
            k_k,
            k_a,
            r_k,
            ln_x: (weight, ln_bias),
            start: d_start,
        };
        let (p, trace) = (self.vectors(), &tape.trace);
        wkv::backward(math, self.shape, &tape.projected, v_first, &p, trace, dh, out, d, d_v_first, vectors);
        gradients.small(small, &ranges);
        gradients.outer(math, (&*dx, channels), (out, channels), &at.output, room);
        // Back through the projections: each use's gradient takes the place of its input.
        let norm = self.norm(&at.ln1_weight, &at.ln1_bias);
        if gradients.wanted() {
            shift::forward(math, norm, &tape.stream, self.shape.tokens, self.mus(), shifted);
        }
        shifted.iter_mut().for_each(|x| x.grow(rows * channels));
        let matrices = [(R, &d.receptance, &at.receptance), (K, &d.key, &at.key), (V, &d.value, &at.value)];
        // The value's input also feeds a net, which reads it before it is written over.
        let ds = [&d.decay, &d.rate, &d.mix, &d.gate];
        let nets = self.nets().into_iter().zip(NETS).zip(&tape.inner).zip(ds);
        let mut of_mix = Vec::new();
        for (((net, (use_, inside)), saved), dy) in nets {
            let Some((first, second)) = net else { continue };
            let rank = first.len() / channels;
            inner.grow(rows * rank);
            let matrix = Factor::new(self.get(second), rank, channels).turned();
            product(math, Factor::new(dy, rows, channels), matrix, Into::Store, inner, room);
            gradients.outer(math, (saved, rank), (dy, channels), second, room);
            self.through(math, inside, saved, inner);
            gradients.outer(math, (&shifted[use_], channels), (inner, rank), first, room);
            if use_ == V {
                of_mix.clone_from(inner);
                continue;
            }
            let matrix = Factor::new(self.get(first), channels, rank).turned();
            product(math, Factor::new(inner, rows, rank), matrix, Into::Store, &mut shifted[use_], room);
        }
        for (use_, dy, range) in matrices {
            gradients.outer(math, (dy, channels), (&shifted[use_], channels), range, room);
            let matrix = Factor::new(self.get(range), channels, channels);
            product(math, Factor::new(dy, rows, channels), matrix, Into::Store, &mut shifted[use_], room);
        }
        if let Some((first, _)) = mix {
            let rank = first.len() / channels;
            let matrix = Factor::new(self.get(first), channels, rank).turned();
            product(math, Factor::new(&of_mix, rows, rank), matrix, Into::Add, &mut shifted[V], room);
        }
        let ranges = [&at.x_r, &at.x_w, &at.x_k, &at.x_v, &at.x_a, &at.x_g, &at.ln1_weight, &at.ln1_bias];
        let mut small = Small::new(&ranges);
        let [r, w, k, v, a, g, d_weight, d_bias] = small.0.as_mut_slice() else { return };
        let dxs = std::array::from_fn(|use_| shifted[use_].as_slice());
        let d_mus: [&mut [F]; 6] = [r, w, k, v, a, g];
        shift::backward(math, norm, &tape.stream, self.shape.tokens, self.mus(), dxs, dh, d_mus);
        norm.backward(math, &tape.stream, dh, dx, (d_weight, d_bias));
        gradients.small(small, &ranges);
    }

    /// `d` goes back through the function inside a net, whose result is `saved`.
    fn through<M: Math<Number = F>>(&self, math: M, inside: Inside, saved: &[F], d: &mut [F]) {
        if inside == Inside::Same {
            return;
        }
        let (one, tile) = (F::of(1.0), TILE * (d.len() / self.rows()).max(1));
        d.par_chunks_mut(tile).zip(saved.par_chunks(tile)).for_each(|(d, saved)| {
            math.run(
                #[inline(always)]
                || {
                    for (d, y) in d.iter_mut().zip(saved) {
                        let slope = if inside == Inside::Tanh { one - *y * *y } else { *y * (one - *y) };
                        *d *= slope;
                    }
                },
            );
        });
    }
}

/// Where gradients of parameters go: all of them, or none where the weights are frozen.
#[derive(Debug)]
pub(crate) struct Sink<'a, R>(pub(crate) Option<&'a mut [R]>);

impl<R: Number> Sink<'_, R> {
    /// Whether anyone wants them.
    pub(crate) fn wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Adds `x' y`, of `[rows, columns]` each, to the matrix at `range`.
    pub(crate) fn outer<M: Math<Number = R>>(
        &mut self,
        math: M,
        (x, x_columns): (&[R], usize),
        (y, y_columns): (&[R], usize),
        range: &Range<usize>,
        room: &mut Room<R>,
    ) {
        let Some(all) = self.0.as_deref_mut() else { return };
        let rows = x.len() / x_columns;
        let x = Factor::new(x, rows, x_columns).turned();
        let y = Factor::new(y, rows, y_columns);
        product(math, x, y, Into::Add, &mut all[range.clone()], room);
    }

    fn small(&mut self, small: Small<R>, ranges: &[&Range<usize>]) {
        if let Some(all) = self.0.as_deref_mut() {
            small.add(ranges, all);
        }
    }

    /// Adds `x` to the part at `range`.
    pub(crate) fn add(&mut self, x: &[R], range: &Range<usize>) {
        if let Some(all) = self.0.as_deref_mut() {
            super::rows::add_up(std::iter::once(x), &mut all[range.clone()]);
        }
    }
}
