//! What a time mix does head by head: decay, removal key and replacement key, the recurrence, group norm, bonus and gate,
//! and the gradients of all of it.
//!
//! Forward keeps the state at the start of every [`Cut`], by value, and `sa` and `y` of every token; backward replays the
//! states inside a piece from these. Formulas: the paper's section on the architecture, and the backward pass as
//! derived from it by hand; finite differences in f64 check every line.

use rayon::prelude::*;
use wkv7_cpu::math::{Float as _, LANES, Math, Number};

use super::lines;
use super::norm::{dot, unwhiten, whiten};
use super::recurrence::{Gradients, Later, Token, Tokens, advance, weigh};
use super::rows::{Cut, Grow, add_up, by_head};

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

    /// The same with a constant for the size of heads where it is the one that models have: loops over it are then unrolled.
    #[inline(always)]
    fn usual(self) -> Option<Self> {
        const SIZE: usize = 64;
        (self.size == SIZE).then_some(Self { size: SIZE, ..self })
    }

    fn pieces(&self) -> usize {
        self.tokens.div_ceil(self.cut.0)
    }
}

/// The vectors of some tokens as the recurrence takes them, `[tokens, size]` each, and what they were made of.
struct Piece<R> {
    size: usize,
    r: Vec<R>,
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
    #[inline(always)] // the size may be a constant
    fn new(tokens: usize, size: usize) -> Self {
        let zeros = || vec![R::default(); tokens * size];
        Self {
            size,
            r: zeros(),
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
        let here = slot * size..(slot + 1) * size;
        let (decay, rate, mix) =
            (&mut self.decay[here.clone()], &mut self.rate[here.clone()], &mut self.mix[here.clone()]);
        let (k, v) = (&mut self.k[here.clone()], &mut self.v[here.clone()]);
        let (a, b) = (&mut self.a[here.clone()], &mut self.b[here.clone()]);
        self.r[here.clone()].copy_from_slice(&x.receptance[cell.clone()]);
        lines::gate(math, p.w0, &x.decay[cell.clone()], decay);
        lines::decay(math, decay, &mut self.w[here]);
        lines::gate(math, p.a0, &x.rate[cell.clone()], rate);
        let value = &x.value[cell.clone()];
        match p.v0 {
            None => v.copy_from_slice(value),
            Some(v0) => {
                lines::gate(math, v0, &x.mix[cell.clone()], mix);
                lines::blend(math, value, &v_first[cell.clone()], mix, v);
            }
        }
        lines::keys(math, &x.key[cell], rate, p.k_a, p.k_k, (k, a));
        let norm = dot(math, a, a).sqrt();
        self.norms[slot] = norm;
        lines::removal(R::of(1.0) / norm.max(R::of(1e-12)), p.rate_range, rate, a, b);
    }

    /// Its tokens.
    #[inline(always)]
    fn tokens(&self) -> Tokens<'_, R> {
        let Self { size, r, w, k, v, a, b, .. } = self;
        Tokens { size: *size, r, w, k, v, a, b }
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

/// Runs every head over its tokens: `out` `[rows, channels]` is what the output matrix takes. `start` is the state that
/// every sequence begins with, `[heads, size (value), size (key)]`; nothing stands for zeros.
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
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
    trace.y.grow(tasks * tokens * size);
    trace.sa.grow(tasks * tokens * size);
    trace.starts.grow(tasks * shape.pieces() * size * size);
    let out = by_head(out, tokens, heads, size);
    let traces =
        trace.y.par_chunks_exact_mut(tokens * size).zip(trace.sa.par_chunks_exact_mut(tokens * size));
    let traces = traces.zip(trace.starts.par_chunks_exact_mut(shape.pieces() * size * size));
    out.into_par_iter().zip(traces).enumerate().for_each(|(task, (mut out, ((y, sa), starts)))| {
        let p = p.of_head(task % heads, size);
        let start = start.get(task % heads * size * size..(task % heads + 1) * size * size);
        math.run(
            #[inline(always)]
            || {
                let traces = (y, sa, starts);
                match shape.usual() {
                    Some(shape) => forward_head(math, shape, task, x, v_first, &p, start, traces, &mut out),
                    None => forward_head(math, shape, task, x, v_first, &p, start, traces, &mut out),
                }
            },
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
        turn(math, start, size, &mut z);
    }
    let (mut sa_next, mut room) = (vec![zero; size], vec![zero; size]);
    piece.fill(math, 0, x, v_first, shape.cell(task, 0), p);
    weigh(math, &z, &piece.a[..size], &mut sa_next);
    let p = &p.of_head(0, size);
    for (number, state) in starts.chunks_exact_mut(size * size).enumerate() {
        turn(math, &z, size, state);
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
            let y = &mut y[token * size..(token + 1) * size];
            let sa = &mut sa[token * size..(token + 1) * size];
            sa.copy_from_slice(&sa_next);
            let a_next = &piece.a[(slot + 1) * size..(slot + 2) * size];
            let vectors = piece.tokens().at(slot);
            advance(math, &mut z, vectors, a_next, sa, y, &mut sa_next);
            let out = &mut out[token][..size];
            whiten(math, y, p.eps, out);
            let Token { r, k, v, .. } = vectors;
            let bonus = lines::bonus(math, r, k, p.r_k, &mut room);
            lines::gated(math, p.ln_x, bonus, v, &x.gate[cell], out);
        }
        piece.keep_last(count);
    }
}

impl<R: Number> Piece<R> {
    /// The token in place `slot` comes first.
    fn keep_last(&mut self, slot: usize) {
        let size = self.size;
        for list in [&mut self.r, &mut self.w, &mut self.k, &mut self.v, &mut self.a, &mut self.b] {
            list.copy_within(slot * size..(slot + 1) * size, 0);
        }
    }
}

/// Rows become columns, both a multiple of [`LANES`].
#[inline(always)]
fn turn<M: Math>(math: M, from: &[M::Number], size: usize, to: &mut [M::Number]) {
    for row in (0..size).step_by(LANES) {
        for column in (0..size).step_by(LANES) {
            let mut rows = [math.splat(M::Number::default()); LANES];
            for lane in 0..LANES {
                let (from, _) = from[(row + lane) * size + column..][..LANES].as_chunks::<LANES>();
                rows[lane] = math.load(&from[0]);
            }
            let rows = math.transpose(rows);
            for lane in 0..LANES {
                let (to, _) = to[(column + lane) * size + row..][..LANES].as_chunks_mut::<LANES>();
                math.store(rows[lane], &mut to[0]);
            }
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
        list.grow(rows);
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
                || match shape.usual() {
                    Some(shape) => {
                        backward_head(math, shape, task, x, v_first, &p, trace, d_out, &mut cells, &mut sums);
                    }
                    None => {
                        backward_head(math, shape, task, x, v_first, &p, trace, d_out, &mut cells, &mut sums);
                    }
                },
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
    let p = &p.of_head(0, size);
    let mut piece = Piece::new(cut.0, size);
    let mut later = Later::new(size);
    let mut d = Gradients::new(cut.0, size);
    let zeros = |len: usize| vec![zero; len];
    let (mut dys, mut d_os) = (zeros(cut.0 * size), zeros(cut.0 * size));
    let (mut bonuses, mut room) = (zeros(cut.0), zeros(size));
    let starts = &trace.starts[task * shape.pieces() * square..][..shape.pieces() * square];
    let (y, sa) = (&trace.y[task * tokens * size..], &trace.sa[task * tokens * size..]);
    for (number, start) in starts.chunks_exact(square).enumerate().rev() {
        let first = number * cut.0;
        let count = cut.0.min(tokens - first);
        // The state that the piece before this one begins with will be needed next.
        for line in starts[number.saturating_sub(1) * square..number * square].chunks(LANES) {
            math.prefetch(line.as_ptr());
        }
        // Gate, bonus and group norm. From the last token to the first here and below, as the pieces go, so that sums over
        // tokens do not depend on where a sequence is cut.
        for slot in (0..count).rev() {
            let token = first + slot;
            let cell = shape.cell(task, token);
            let here = slot * size..(slot + 1) * size;
            piece.fill(math, slot, x, v_first, cell.clone(), p);
            let Token { r, k, v, .. } = piece.tokens().at(slot);
            bonuses[slot] = lines::bonus(math, r, k, p.r_k, &mut room);
            let scale = whiten(math, &y[token * size..(token + 1) * size], p.eps, &mut room);
            let (d_o, dy) = (&mut d_os[here.clone()], &mut dys[here]);
            let outs = lines::Gated {
                out: &mut out[token][..size],
                d_gate: &mut d_gate[token][..size],
                d_o,
                d_y_hat: &mut *dy,
                weight: s_weight,
                bias: s_bias,
            };
            lines::gated_back(
                math,
                p.ln_x,
                bonuses[slot],
                v,
                &x.gate[cell.clone()],
                &room,
                &d_out[cell],
                outs,
            );
            unwhiten(math, &room, scale, dy);
        }
        let (dys, sa) = (&dys[..count * size], &sa[first * size..(first + count) * size]);
        later.piece(math, piece.tokens(), dys, sa, start, &mut d);
        // Back to the projections.
        for slot in (0..count).rev() {
            let token = first + slot;
            let cell = shape.cell(task, token);
            let here = slot * size..(slot + 1) * size;
            let Token { r, w, k, v, a, .. } = piece.tokens().at(slot);
            let d_o = &d_os[here.clone()];
            let (d_bonus, bonus) = (dot(math, d_o, v), bonuses[slot]);
            let (dr, dk, dv) = (&mut d.r[here.clone()], &mut d.k[here.clone()], &mut d.v[here.clone()]);
            lines::bonus_back(math, d_bonus, bonus, (r, k, p.r_k), d_o, (dr, dk, dv), s_r_k);
            d_r[token].copy_from_slice(dr);
            let (dk, dv) = (&*dk, &*dv);
            let (decay, rate) = (&piece.decay[here.clone()], &piece.rate[here.clone()]);
            lines::decay_back(&d.w[here.clone()], w, decay, &mut d_decay[token][..size], s_w0);
            let key = &x.key[cell.clone()];
            let keys = lines::Keys { key, rate, a, k_a: p.k_a, range: p.rate_range };
            let (da, db) = (&d.a[here.clone()], &d.b[here.clone()]);
            lines::rate_back(math, keys, (dk, da, db), &mut d_rate[token][..size], s_a0, s_k_a, &mut room);
            let norm = piece.norms[slot];
            let clamped = norm <= M::Number::of(1e-12);
            let along = if clamped { zero } else { dot(math, &room, a) };
            let scale = one / norm.max(M::Number::of(1e-12));
            lines::key_back(math, keys, (along, scale), p.k_k, &room, dk, &mut d_key[token][..size], s_k_k);
            let (d_value, d_first) = (&mut d_value[token][..size], &mut d_first[token][..size]);
            if p.v0.is_some() {
                let (value, first) = (&x.value[cell.clone()], &v_first[cell]);
                lines::blend_back(
                    math,
                    value,
                    first,
                    &piece.mix[here],
                    dv,
                    d_value,
                    d_first,
                    &mut d_mix[token][..size],
                    s_v0,
                );
            } else {
                lines::sum(dv, d_first, d_value);
            }
        }
    }
    if !sums.start.is_empty() {
        later.add_to(&mut sums.start);
    }
}
