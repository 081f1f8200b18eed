//! The recurrent memory of one head: the generalised delta rule of RWKV-7.
//!
//! Here it lies by key: `s` `[n (key), n (value)]`, the transpose of the exchange format, so that a lane holds one
//! value's memory and no sum crosses lanes. At 64 by 64 it stays in the first-level cache over all tokens of a chunk.

use std::ptr::null;

use crate::arch::{Isa, LANES, list};

/// One token's inputs to one head, each `[n]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// Receptance.
    pub(crate) r: &'a [f32],
    /// Decay, in (0, 1).
    pub(crate) w: &'a [f32],
    /// Replacement key.
    pub(crate) k: &'a [f32],
    /// Value.
    pub(crate) v: &'a [f32],
    /// What the removal writes: removal key times in-context learning rate.
    pub(crate) b: &'a [f32],
}

/// What comes after a token.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Next<'a> {
    /// Another one, whose removal key this is.
    Token(&'a [f32]),
    /// Nothing in this memory; another one begins at this address.
    Memory(*const f32),
}

/// Lanes of values that are worked on side by side, as many as leave all sums in registers: `MANY` where only sums are kept,
/// or with 32 registers; `FEW` in an update with 16; one where that looks ahead as well.
const MANY: usize = 4;
const FEW: usize = 2;

/// What `s` `[n (key), n (value)]` holds along a removal key, of length one, into `held` `[n]`: the first token's of a chunk.
#[inline(always)]
pub(crate) fn look<I: Isa>(isa: I, s: &[f32], kk: &[f32], held: &mut [f32]) {
    let n = kk.len();
    if n.is_multiple_of(MANY * LANES) {
        look_at::<I, MANY>(isa, s, kk, held);
    } else if n.is_multiple_of(LANES) {
        look_at::<I, 1>(isa, s, kk, held);
    } else {
        for (value, held) in held.iter_mut().enumerate() {
            *held = 0.0;
            for (key, kk) in kk.iter().enumerate() {
                *held = isa.mul_add(s[key * n + value], *kk, *held);
            }
        }
    }
}

/// Advances `s` `[n (key), n (value)]` by one token and writes the read-out into `y` `[n]`.
///
/// `held` is what [`look`] found, or the last step: along the removal key of this token, and afterwards along the `next` token's.
/// To look while the memory passes by spares a second walk over it. After the last token, the next memory is asked for instead.
///
/// `S = S (diag(w) - kk^T b) + v^T k`, then `y = S r` (arXiv 2503.14456, section 4).
#[inline(always)]
pub(crate) fn step<I: Isa>(
    isa: I,
    s: &mut [f32],
    inputs: Inputs<'_>,
    next: Next<'_>,
    held: &mut [f32],
    y: &mut [f32],
) {
    let n = inputs.r.len();
    match next {
        _ if !n.is_multiple_of(LANES) => {
            any_size(isa, s, inputs, held, y);
            if let Next::Token(next) = next {
                look(isa, s, next, held);
            }
        }
        Next::Token(next) if I::PANELS == 2 && n.is_multiple_of(MANY * LANES) => {
            update::<I, MANY, true>(isa, s, inputs, next, null(), held, y);
        }
        Next::Token(next) => update::<I, 1, true>(isa, s, inputs, next, null(), held, y),
        // Not looked along: anything `[n]` does for `next`.
        Next::Memory(at) if I::PANELS == 2 && n.is_multiple_of(MANY * LANES) => {
            update::<I, MANY, false>(isa, s, inputs, inputs.b, at, held, y);
        }
        Next::Memory(at) if n.is_multiple_of(FEW * LANES) => {
            update::<I, FEW, false>(isa, s, inputs, inputs.b, at, held, y);
        }
        Next::Memory(at) => update::<I, 1, false>(isa, s, inputs, inputs.b, at, held, y),
    }
}

/// Numbers `first..` of a row.
#[inline(always)]
fn lanes<const L: usize>(row: &[f32], first: usize) -> &[[f32; LANES]] {
    row[first..first + L * LANES].as_chunks().0
}

/// The same, to write.
#[inline(always)]
fn lanes_mut<const L: usize>(row: &mut [f32], first: usize) -> &mut [[f32; LANES]] {
    row[first..first + L * LANES].as_chunks_mut().0
}

/// [`look`], `L` lanes of values at a time.
#[inline(always)]
fn look_at<I: Isa, const L: usize>(isa: I, s: &[f32], kk: &[f32], held: &mut [f32]) {
    let n = kk.len();
    for first in (0..n).step_by(L * LANES) {
        let mut sums = [isa.splat(0.0); L];
        for (row, kk) in s.chunks_exact(n).zip(kk) {
            let (row, kk) = (lanes::<L>(row, first), isa.splat(*kk));
            for at in 0..L {
                sums[at] = isa.lanes_mul_add(isa.load(&row[at]), kk, sums[at]);
            }
        }
        for (held, sum) in lanes_mut::<L>(held, first).iter_mut().zip(sums) {
            isa.store(sum, held);
        }
    }
}

/// Forgets, removes and writes, `L` lanes of values at a time, reads them out, and looks along `next` where `LOOK` says so, or asks
/// for as much memory from `next_memory` on.
#[inline(always)]
fn update<I: Isa, const L: usize, const LOOK: bool>(
    isa: I,
    s: &mut [f32],
    inputs: Inputs<'_>,
    next: &[f32],
    mut next_memory: *const f32,
    held: &mut [f32],
    y: &mut [f32],
) {
    let Inputs { r, w, k, v, b } = inputs;
    let n = r.len();
    for first in (0..n).step_by(L * LANES) {
        let v = list!(L, isa.splat(0.0), |at| isa.load(&lanes::<L>(v, first)[at]));
        let removed = list!(L, isa.splat(0.0), |at| isa.load(&lanes::<L>(held, first)[at]));
        let (mut sums, mut ahead) = ([isa.splat(0.0); L], [isa.splat(0.0); L]);
        for (((((row, r), w), k), b), next) in s.chunks_exact_mut(n).zip(r).zip(w).zip(k).zip(b).zip(next) {
            let (r, w, k, b) = (isa.splat(*r), isa.splat(*w), isa.splat(*k), isa.splat(*b));
            let next = isa.splat(*next);
            if !LOOK {
                for _ in 0..L {
                    isa.prefetch_second(next_memory.cast());
                    next_memory = next_memory.wrapping_add(LANES);
                }
            }
            let row = lanes_mut::<L>(row, first);
            for at in 0..L {
                let written = isa.lanes_mul(v[at], k);
                let kept = isa.lanes_mul_add(isa.load(&row[at]), w, written);
                let new = isa.lanes_neg_mul_add(removed[at], b, kept);
                isa.store(new, &mut row[at]);
                sums[at] = isa.lanes_mul_add(new, r, sums[at]);
                if LOOK {
                    ahead[at] = isa.lanes_mul_add(new, next, ahead[at]);
                }
            }
        }
        for (y, sum) in lanes_mut::<L>(y, first).iter_mut().zip(sums) {
            isa.store(sum, y);
        }
        if LOOK {
            for (held, sum) in lanes_mut::<L>(held, first).iter_mut().zip(ahead) {
                isa.store(sum, held);
            }
        }
    }
}

/// Heads of sizes that are not whole lanes.
#[inline(always)]
fn any_size<I: Isa>(isa: I, s: &mut [f32], inputs: Inputs<'_>, held: &[f32], y: &mut [f32]) {
    let Inputs { r, w, k, v, b } = inputs;
    let n = r.len();
    for value in 0..n {
        let mut sum = 0.0;
        for key in 0..n {
            let s = &mut s[key * n + value];
            *s = isa.mul_add(-held[value], b[key], isa.mul_add(*s, w[key], v[value] * k[key]));
            sum = isa.mul_add(*s, r[key], sum);
        }
        y[value] = sum;
    }
}

/// Turns every `n` by `n` square of `from` into `to`: from the exchange format to this one, and back.
pub(crate) fn turn(from: &[f32], n: usize, to: &mut [f32]) {
    for (from, to) in from.chunks_exact(n * n).zip(to.chunks_exact_mut(n * n)) {
        for (row, from) in from.chunks_exact(n).enumerate() {
            for (column, x) in from.iter().enumerate() {
                to[column * n + row] = *x;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::tests::on_every_path;

    /// The same in f64, as the definition reads, in the exchange format.
    fn twin(s: &mut [f64], i: Inputs<'_>, kk: &[f32]) -> Vec<f64> {
        let n = i.r.len();
        let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| f64::from(x)).collect() };
        let (r, w, k, kk, b) = (wide(i.r), wide(i.w), wide(i.k), wide(kk), wide(i.b));
        let mut y = Vec::new();
        for (s, &v) in s.chunks_exact_mut(n).zip(i.v) {
            let removed: f64 = s.iter().zip(&kk).map(|(s, kk)| s * kk).sum();
            for j in 0..n {
                s[j] = s[j] * w[j] - removed * b[j] + f64::from(v) * k[j];
            }
            y.push(s.iter().zip(&r).map(|(s, r)| s * r).sum());
        }
        y
    }

    #[test]
    fn heads_of_any_size_match_their_f64_twin() {
        fn check(isa: impl Isa) {
            for n in [1, 3, 8, 16, 20, 32, 64, 100, 128] {
                let mut s = vec![0.0f32; n * n];
                let mut wide = vec![0.0f64; n * n];
                let (mut off, mut norm) = (0.0, 0.0); // squares over all tokens
                let wave = |t: usize, f: f32, g: fn(f32) -> f32| -> Vec<f32> {
                    (0..n).map(|j| g(f * (n * t + j) as f32)).collect()
                };
                let removal_key = |t| {
                    let mut kk = wave(t, 1.3, f32::cos);
                    let length = kk.iter().map(|x| x * x).sum::<f32>().sqrt();
                    kk.iter_mut().for_each(|x| *x /= length);
                    kk
                };
                let mut held = vec![0.0; n];
                for t in 0..40 {
                    let (r, k, v) = (wave(t, 0.7, f32::sin), wave(t, 1.1, f32::cos), wave(t, 0.9, f32::sin));
                    let (kk, next) = (removal_key(t), removal_key(t + 1));
                    let w: Vec<f32> = wave(t, 0.5, f32::sin).into_iter().map(|x| 0.8 + 0.19 * x).collect();
                    let b: Vec<f32> = kk.iter().map(|x| 0.5 * x).collect();
                    let inputs = Inputs { r: &r, w: &w, k: &k, v: &v, b: &b };
                    // Chunks of three tokens.
                    let (first, last) = (t % 3 == 0, t % 3 == 2);
                    let mut y = vec![0.0; n];
                    isa.run(
                        #[inline(always)]
                        || {
                            if first {
                                look(isa, &s, &kk, &mut held);
                            }
                            let next = if last { Next::Memory(s.as_ptr()) } else { Next::Token(&next) };
                            step(isa, &mut s, inputs, next, &mut held, &mut y);
                        },
                    );
                    for (y, want) in y.iter().zip(twin(&mut wide, inputs, &kk)) {
                        off += (f64::from(*y) - want).powi(2);
                        norm += want.powi(2);
                    }
                }
                let error = f64::sqrt(off / norm);
                assert!(error < 1e-6, "head of {n}: {error:e}");
                let mut exchange = vec![0.0; n * n];
                turn(&s, n, &mut exchange);
                let off: f64 =
                    exchange.iter().zip(&wide).map(|(s, want)| (f64::from(*s) - want).powi(2)).sum();
                let norm: f64 = wide.iter().map(|want| want.powi(2)).sum();
                assert!((off / norm).sqrt() < 1e-6, "head of {n}");
            }
        }
        on_every_path!(check);
    }
}
