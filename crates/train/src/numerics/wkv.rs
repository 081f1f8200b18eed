//! What a time mix does head by head: decay, removal key and replacement key, the recurrence, group norm, bonus and gate,
//! and the gradients of all of it.
//!
//! Forward keeps the state at the start of every [`Cut`], by value, and `sa` and `y` of every token; backward replays the
//! states inside a piece from these. Formulas: the paper's section on the architecture, and the backward pass as
//! derived from it by hand; finite differences in f64 check every line.

use rayon::prelude::*;
use wkv7_cpu::math::{Float as _, Math, Number};

use super::norm::{dot, unwhiten, whiten};
use super::recurrence::{Gradients, Later, Token, advance, replay, weigh};
use super::rows::{Cut, add_up, by_head};

/// `exp(-0.5)`: the steepest log-decay of a step.
const DECAY_SCALE: f64 = 0.606_530_659_712_633_4;

/// The vectors of a layer that are used head by head, `[channels]` each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vectors<'a, R> {
    pub(crate) w0: &'a [R],
    pub(crate) a0: &'a [R],
    /// Not in the first layer.
    pub(crate) v0: Option<&'a [R]>,
    pub(crate) k_k: &'a [R],
    pub(crate) k_a: &'a [R],
    pub(crate) r_k: &'a [R],
    pub(crate) ln_x: (&'a [R], &'a [R]),
    pub(crate) eps: R,
    /// The largest in-context learning rate: 1, or 2 where a model may reflect what it removes.
    pub(crate) rate_range: R,
}

/// What the products make of a layer's input, `[rows, channels]` each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Projected<R> {
    pub(crate) receptance: Vec<R>,
    pub(crate) key: Vec<R>,
    pub(crate) value: Vec<R>,
    pub(crate) decay: Vec<R>, // without its bias, as the two below
    pub(crate) rate: Vec<R>,
    pub(crate) mix: Vec<R>, // of the value with the first layer's; empty in the first layer
    pub(crate) gate: Vec<R>,
}

impl<R> Projected<R> {
    /// Numbers that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        let Self { receptance, key, value, decay, rate, mix, gate } = self;
        [receptance, key, value, decay, rate, mix, gate].into_iter().map(Vec::capacity).sum()
    }
}

/// What the recurrence leaves behind for the backward pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace<R> {
    pub(crate) y: Vec<R>,      // [sequences, heads, tokens, size]
    pub(crate) sa: Vec<R>,     // the same
    pub(crate) starts: Vec<R>, // [sequences, heads, pieces, size (value), size (key)]
}

/// The sizes of a group of sequences.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) sequences: usize,
    pub(crate) tokens: usize,
    pub(crate) heads: usize,
    pub(crate) size: usize,
    pub(crate) cut: Cut,
}

impl Shape {
    pub(crate) fn channels(&self) -> usize {
        self.heads * self.size
    }

    /// The cell of token `token` in the task `task` (sequence and head).
    fn cell(&self, task: usize, token: usize) -> std::ops::Range<usize> {
        let (sequence, head) = (task / self.heads, task % self.heads);
        let at = (sequence * self.tokens + token) * self.channels() + head * self.size;
        at..at + self.size
    }

    fn pieces(&self) -> usize {
        self.tokens.div_ceil(self.cut.0)
    }
}

/// The vectors of some tokens as the recurrence takes them, `[tokens, size]` each, and what they were made of.
struct Piece<R> {
    size: usize,
    w: Vec<R>,
    k: Vec<R>,
    v: Vec<R>,
    a: Vec<R>,
    b: Vec<R>,
    decay: Vec<R>, // the logistic function of the decay's logit
    rate: Vec<R>,  // of the rate's
    mix: Vec<R>,   // of the mix's
    norms: Vec<R>, // [tokens], of `key * k_k`
}

impl<R: Number> Piece<R> {
    fn new(tokens: usize, size: usize) -> Self {
        let zeros = || vec![R::default(); tokens * size];
        Self {
            size,
            w: zeros(),
            k: zeros(),
            v: zeros(),
            a: zeros(),
            b: zeros(),
            decay: zeros(),
            rate: zeros(),
            mix: zeros(),
            norms: vec![R::default(); tokens],
        }
    }

    /// Makes place `slot` from a token's projections at `cell`; `p` are the vectors of its head.
    #[inline(always)]
    fn fill<M: Math<Number = R>>(
        &mut self,
        math: M,
        slot: usize,
        x: &Projected<R>,
        v_first: &[R],
        cell: std::ops::Range<usize>,
        p: &Vectors<'_, R>,
    ) {
        let size = self.size;
        let one = R::of(1.0);
        let here = slot * size..(slot + 1) * size;
        let (decay, w) = (&mut self.decay[here.clone()], &mut self.w[here.clone()]);
        let raw = &x.decay[cell.clone()];
        for n in 0..size {
            decay[n] = math.sigmoid(p.w0[n] + raw[n]);
            w[n] = math.exp(R::of(-DECAY_SCALE) * decay[n]);
        }
        let (rate, raw) = (&mut self.rate[here.clone()], &x.rate[cell.clone()]);
        for n in 0..size {
            rate[n] = math.sigmoid(p.a0[n] + raw[n]);
        }
        let (v, value) = (&mut self.v[here.clone()], &x.value[cell.clone()]);
        match p.v0 {
            None => v.copy_from_slice(value),
            Some(v0) => {
                let (mix, raw) = (&mut self.mix[here.clone()], &x.mix[cell.clone()]);
                let first = &v_first[cell.clone()];
                for n in 0..size {
                    mix[n] = math.sigmoid(v0[n] + raw[n]);
                    v[n] = math.mul_add(first[n] - value[n], mix[n], value[n]);
                }
            }
        }
        let key = &x.key[cell];
        let (k, a, b) = (&mut self.k[here.clone()], &mut self.a[here.clone()], &mut self.b[here]);
        for n in 0..size {
            k[n] = key[n] * math.mul_add(rate[n] - one, p.k_a[n], one);
            a[n] = key[n] * p.k_k[n];
        }
        let norm = dot(math, a, a).sqrt();
        self.norms[slot] = norm;
        let scale = one / norm.max(R::of(1e-12));
        for n in 0..size {
            let kk = a[n] * scale;
            a[n] = -kk;
            b[n] = kk * rate[n] * p.rate_range;
        }
    }

    /// The token in place `slot`.
    #[inline(always)]
    fn token<'a>(&'a self, slot: usize, r: &'a [R]) -> Token<'a, R> {
        let here = slot * self.size..(slot + 1) * self.size;
        Token {
            r,
            w: &self.w[here.clone()],
            k: &self.k[here.clone()],
            v: &self.v[here.clone()],
            a: &self.a[here.clone()],
            b: &self.b[here],
        }
    }
}

impl<R: Number> Vectors<'_, R> {
    /// Those of one head.
    fn of_head(&self, head: usize, size: usize) -> Self {
        let part = head * size..(head + 1) * size;
        Self {
            w0: &self.w0[part.clone()],
            a0: &self.a0[part.clone()],
            v0: self.v0.map(|v0| &v0[part.clone()]),
            k_k: &self.k_k[part.clone()],
            k_a: &self.k_a[part.clone()],
            r_k: &self.r_k[part.clone()],
            ln_x: (&self.ln_x.0[part.clone()], &self.ln_x.1[part]),
            ..*self
        }
    }
}

/// The bonus of a token: how much of its value goes past the memory.
#[inline(always)]
fn bonus<M: Math>(math: M, r: &[M::Number], k: &[M::Number], r_k: &[M::Number], room: &mut [M::Number]) -> M::Number {
    for n in 0..r.len() {
        room[n] = r[n] * k[n];
    }
    dot(math, room, r_k)
}

/// Runs every head over its tokens: `out` `[rows, channels]` is what the output matrix takes. `start` is the state that
/// every sequence begins with, `[heads, size (value), size (key)]`; nothing stands for zeros.
pub(crate) fn forward<M: Math>(
    math: M,
    shape: Shape,
    x: &Projected<M::Number>,
    v_first: &[M::Number],
    p: &Vectors<'_, M::Number>,
    start: &[M::Number],
    trace: &mut Trace<M::Number>,
    out: &mut [M::Number],
) {
    let Shape { tokens, heads, size, .. } = shape;
    let tasks = shape.sequences * heads;
    let zero = M::Number::default();
    trace.y.resize(tasks * tokens * size, zero);
    trace.sa.resize(tasks * tokens * size, zero);
    trace.starts.resize(tasks * shape.pieces() * size * size, zero);
    let out = by_head(out, tokens, heads, size);
    let traces = trace.y.par_chunks_exact_mut(tokens * size).zip(trace.sa.par_chunks_exact_mut(tokens * size));
    let traces = traces.zip(trace.starts.par_chunks_exact_mut(shape.pieces() * size * size));
    out.into_par_iter().zip(traces).enumerate().for_each(|(task, (mut out, ((y, sa), starts)))| {
        let p = p.of_head(task % heads, size);
        let start = start.get(task % heads * size * size..(task % heads + 1) * size * size);
        math.run(
            #[inline(always)]
            || forward_head(math, shape, task, x, v_first, &p, start, (y, sa, starts), &mut out),
        );
    });
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
fn forward_head<M: Math>(
    math: M,
    shape: Shape,
    task: usize,
    x: &Projected<M::Number>,
    v_first: &[M::Number],
    p: &Vectors<'_, M::Number>,
    start: Option<&[M::Number]>,
    (y, sa, starts): (&mut [M::Number], &mut [M::Number], &mut [M::Number]),
    out: &mut [&mut [M::Number]],
) {
    let Shape { tokens, size, cut, .. } = shape;
    let zero = M::Number::default();
    // A place more than a piece has: the first token of the next piece is already asked for its `a`.
    let mut piece = Piece::new(cut.0 + 1, size);
    let mut z = vec![zero; size * size];
    if let Some(start) = start {
        turn(start, size, &mut z);
    }
    let (mut sa_next, mut room) = (vec![zero; size], vec![zero; size]);
    piece.fill(math, 0, x, v_first, shape.cell(task, 0), p);
    weigh(math, &z, &piece.a[..size], &mut sa_next);
    for (number, state) in starts.chunks_exact_mut(size * size).enumerate() {
        turn(&z, size, state);
        let first = number * cut.0;
        let count = cut.0.min(tokens - first);
        for slot in 1..=count {
            // After the last token of all, anything will do.
            let token = (first + slot).min(tokens - 1);
            piece.fill(math, slot, x, v_first, shape.cell(task, token), p);
        }
        for slot in 0..count {
            let token = first + slot;
            let cell = shape.cell(task, token);
            let r = &x.receptance[cell.clone()];
            let y = &mut y[token * size..(token + 1) * size];
            let sa = &mut sa[token * size..(token + 1) * size];
            sa.copy_from_slice(&sa_next);
            let a_next = &piece.a[(slot + 1) * size..(slot + 2) * size];
            advance(math, &mut z, piece.token(slot, r), a_next, sa, y, &mut sa_next);
            let out = &mut *out[token];
            whiten(math, y, p.eps, out);
            let Token { k, v, .. } = piece.token(slot, r);
            let (bonus, gate) = (bonus(math, r, k, p.r_k, &mut room), &x.gate[cell]);
            for n in 0..size {
                let o = math.mul_add(out[n], p.ln_x.0[n], math.mul_add(bonus, v[n], p.ln_x.1[n]));
                out[n] = o * gate[n];
            }
        }
        piece.keep_last(count);
    }
}

impl<R: Number> Piece<R> {
    /// The token in place `slot` comes first.
    fn keep_last(&mut self, slot: usize) {
        let size = self.size;
        for list in [&mut self.w, &mut self.k, &mut self.v, &mut self.a, &mut self.b] {
            list.copy_within(slot * size..(slot + 1) * size, 0);
        }
    }
}

/// Rows become columns.
fn turn<R: Number>(from: &[R], size: usize, to: &mut [R]) {
    for (row, from) in from.chunks_exact(size).enumerate() {
        for (column, x) in from.iter().enumerate() {
            to[column * size + row] = *x;
        }
    }
}

/// Gradients of a layer's vectors, `[channels]` each, and of the state that sequences start from.
#[derive(Debug)]
pub(crate) struct VectorGradients<'a, R> {
    pub(crate) w0: &'a mut [R],
    pub(crate) a0: &'a mut [R],
    pub(crate) v0: Option<&'a mut [R]>,
    pub(crate) k_k: &'a mut [R],
    pub(crate) k_a: &'a mut [R],
    pub(crate) r_k: &'a mut [R],
    pub(crate) ln_x: (&'a mut [R], &'a mut [R]),
    /// `[heads, size (value), size (key)]`; empty where it is not wanted.
    pub(crate) start: &'a mut [R],
}

/// The sums of one head over its tokens, `[size]` each, in the order of [`VectorGradients`].
struct Sums<R> {
    vectors: [Vec<R>; 8],
    start: Vec<R>,
}

/// Gradients, given that of [`forward`]'s `out`: of every projection, written over `dx`; of the vectors, added to
/// `dp`; of `v_first`, added to `d_v_first` or, in the first layer, taken from it. `out` is made once more.
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
pub(crate) fn backward<M: Math>(
    math: M,
    shape: Shape,
    x: &Projected<M::Number>,
    v_first: &[M::Number],
    p: &Vectors<'_, M::Number>,
    trace: &Trace<M::Number>,
    d_out: &[M::Number],
    out: &mut [M::Number],
    dx: &mut Projected<M::Number>,
    d_v_first: &mut [M::Number],
    dp: VectorGradients<'_, M::Number>,
) {
    let Shape { tokens, heads, size, .. } = shape;
    let rows = shape.sequences * tokens * shape.channels();
    let lists = [
        &mut dx.receptance,
        &mut dx.key,
        &mut dx.value,
        &mut dx.decay,
        &mut dx.rate,
        &mut dx.gate,
        &mut dx.mix,
    ];
    let mut cells: Vec<Vec<Vec<&mut [M::Number]>>> = Vec::new();
    cells.resize_with(shape.sequences * heads, || Vec::with_capacity(9));
    for list in lists {
        list.resize(rows, M::Number::default());
        cells.iter_mut().zip(by_head(list, tokens, heads, size)).for_each(|(all, list)| all.push(list));
    }
    for list in [d_v_first, out] {
        cells.iter_mut().zip(by_head(list, tokens, heads, size)).for_each(|(all, list)| all.push(list));
    }
    let want_start = !dp.start.is_empty();
    let sums: Vec<_> = cells
        .into_par_iter()
        .enumerate()
        .map(|(task, mut cells)| {
            let p = p.of_head(task % heads, size);
            let mut sums = Sums {
                vectors: std::array::from_fn(|_| vec![M::Number::default(); size]),
                start: vec![M::Number::default(); if want_start { size * size } else { 0 }],
            };
            math.run(
                #[inline(always)]
                || backward_head(math, shape, task, x, v_first, &p, trace, d_out, &mut cells, &mut sums),
            );
            sums
        })
        .collect();
    let put = |number: usize, out: &mut [M::Number]| {
        for (head, out) in out.chunks_exact_mut(size).enumerate() {
            let of_head = sums.iter().skip(head).step_by(heads);
            add_up(of_head.map(|sums| sums.vectors[number].as_slice()), out);
        }
    };
    put(0, dp.w0);
    put(1, dp.a0);
    if let Some(v0) = dp.v0 {
        put(2, v0);
    }
    put(3, dp.k_k);
    put(4, dp.k_a);
    put(5, dp.r_k);
    put(6, dp.ln_x.0);
    put(7, dp.ln_x.1);
    for (head, start) in dp.start.chunks_exact_mut(size * size).enumerate() {
        add_up(sums.iter().skip(head).step_by(heads).map(|sums| sums.start.as_slice()), start);
    }
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
fn backward_head<M: Math>(
    math: M,
    shape: Shape,
    task: usize,
    x: &Projected<M::Number>,
    v_first: &[M::Number],
    p: &Vectors<'_, M::Number>,
    trace: &Trace<M::Number>,
    d_out: &[M::Number],
    cells: &mut [Vec<&mut [M::Number]>],
    sums: &mut Sums<M::Number>,
) {
    let Shape { tokens, size, cut, .. } = shape;
    let (zero, one) = (M::Number::default(), M::Number::of(1.0));
    let square = size * size;
    let [d_r, d_key, d_value, d_decay, d_rate, d_gate, d_mix, d_first, out] = cells else { return };
    let [s_w0, s_a0, s_v0, s_k_k, s_k_a, s_r_k, s_weight, s_bias] = &mut sums.vectors;
    let mut piece = Piece::new(cut.0, size);
    let mut states = vec![zero; (cut.0 + 1) * square];
    let mut later = Later::new(size);
    let mut d = Gradients::new(size);
    let (mut y_hat, mut dy, mut room) = (vec![zero; size], vec![zero; size], vec![zero; size]);
    let starts = &trace.starts[task * shape.pieces() * square..][..shape.pieces() * square];
    let (y, sa) = (&trace.y[task * tokens * size..], &trace.sa[task * tokens * size..]);
    for (number, start) in starts.chunks_exact(square).enumerate().rev() {
        let first = number * cut.0;
        let count = cut.0.min(tokens - first);
        states[..square].copy_from_slice(start);
        for slot in 0..count {
            let token = first + slot;
            let cell = shape.cell(task, token);
            piece.fill(math, slot, x, v_first, cell.clone(), p);
            let (before, after) = states[slot * square..(slot + 2) * square].split_at_mut(square);
            let r = &x.receptance[cell];
            replay(math, before, piece.token(slot, r), &sa[token * size..(token + 1) * size], after);
        }
        for slot in (0..count).rev() {
            let token = first + slot;
            let cell = shape.cell(task, token);
            let (r, gate, d_out) = (&x.receptance[cell.clone()], &x.gate[cell.clone()], &d_out[cell.clone()]);
            let vectors = piece.token(slot, r);
            let Token { w, k, v, a, .. } = vectors;
            // Gate, bonus and group norm.
            let scale = whiten(math, &y[token * size..(token + 1) * size], p.eps, &mut y_hat);
            let bonus = bonus(math, r, k, p.r_k, &mut room);
            let (out, d_gate) = (&mut *out[token], &mut *d_gate[token]);
            for n in 0..size {
                let o = math.mul_add(y_hat[n], p.ln_x.0[n], math.mul_add(bonus, v[n], p.ln_x.1[n]));
                out[n] = o * gate[n];
                d_gate[n] = d_out[n] * o;
                let d_o = d_out[n] * gate[n];
                room[n] = d_o;
                s_weight[n] = math.mul_add(d_o, y_hat[n], s_weight[n]);
                s_bias[n] += d_o;
                dy[n] = d_o * p.ln_x.0[n];
            }
            unwhiten(math, &y_hat, scale, &mut dy);
            let d_bonus = dot(math, &room, v);
            // The recurrence.
            let sa = &sa[token * size..(token + 1) * size];
            let (before, after) = states[slot * square..(slot + 2) * square].split_at(square);
            later.step(math, vectors, &dy, sa, (before, after), &mut d);
            // Back to the projections.
            let key = &x.key[cell.clone()];
            let here = slot * size..(slot + 1) * size;
            let (decay, rate) = (&piece.decay[here.clone()], &piece.rate[here.clone()]);
            let (d_r, d_key) = (&mut *d_r[token], &mut *d_key[token]);
            let (d_decay, d_rate) = (&mut *d_decay[token], &mut *d_rate[token]);
            for n in 0..size {
                d_r[n] = math.mul_add(d_bonus * k[n], p.r_k[n], d.r[n]);
                s_r_k[n] = math.mul_add(d_bonus * r[n], k[n], s_r_k[n]);
                d.k[n] = math.mul_add(d_bonus * r[n], p.r_k[n], d.k[n]);
                d.v[n] = math.mul_add(bonus, room[n], d.v[n]);
                let logit = d.w[n] * w[n] * M::Number::of(-DECAY_SCALE) * decay[n] * (one - decay[n]);
                d_decay[n] = logit;
                s_w0[n] += logit;
                // The rate meets the removal key in `b`, and the key in the replacement key.
                let in_b = -(d.b[n] * a[n]) * p.rate_range;
                let logit = math.mul_add(d.k[n] * key[n], p.k_a[n], in_b) * rate[n] * (one - rate[n]);
                d_rate[n] = logit;
                s_a0[n] += logit;
                s_k_a[n] = math.mul_add(d.k[n] * key[n], rate[n] - one, s_k_a[n]);
                // The gradient of the removal key.
                y_hat[n] = math.mul_add(d.b[n] * rate[n], p.rate_range, -d.a[n]);
            }
            let norm = piece.norms[slot];
            let clamped = norm <= M::Number::of(1e-12);
            let along = if clamped { zero } else { dot(math, &y_hat, a) };
            let scale = one / norm.max(M::Number::of(1e-12));
            for n in 0..size {
                let du = math.mul_add(-along, a[n], y_hat[n]) * scale;
                s_k_k[n] = math.mul_add(du, key[n], s_k_k[n]);
                let of_k = math.mul_add(rate[n] - one, p.k_a[n], one);
                d_key[n] = math.mul_add(du, p.k_k[n], d.k[n] * of_k);
            }
            let (d_value, d_first) = (&mut *d_value[token], &mut *d_first[token]);
            if p.v0.is_some() {
                let (mix, d_mix) = (&piece.mix[here], &mut *d_mix[token]);
                let (value, v_first) = (&x.value[cell.clone()], &v_first[cell]);
                for n in 0..size {
                    d_value[n] = d.v[n] * (one - mix[n]);
                    d_first[n] = math.mul_add(d.v[n], mix[n], d_first[n]);
                    let logit = d.v[n] * (v_first[n] - value[n]) * mix[n] * (one - mix[n]);
                    d_mix[n] = logit;
                    s_v0[n] += logit;
                }
            } else {
                for n in 0..size {
                    d_value[n] = d.v[n] + d_first[n];
                }
            }
        }
    }
    if !sums.start.is_empty() {
        later.add_to(&mut sums.start);
    }
}
