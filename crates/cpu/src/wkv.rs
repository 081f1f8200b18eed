//! The recurrent memory of one head: the generalised delta rule of RWKV-7.
//!
//! Here it lies by key: `s` `[n (key), n (value)]`, the transpose of the exchange format, so that a lane holds one
//! value's memory and no sum crosses lanes. At 64 by 64 it stays in the first-level cache over all tokens of a chunk.

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
    /// Removal key, of length one.
    pub(crate) kk: &'a [f32],
    /// What the removal writes: removal key times in-context learning rate.
    pub(crate) b: &'a [f32],
}

/// Lanes of values that the removal looks at side by side, and those that an update keeps in registers where these are few.
const LOOK: usize = 4;
const KEEP: usize = 2;

/// Advances `s` `[n (key), n (value)]` by one token and writes the read-out into `y` `[n]`.
///
/// `S = S (diag(w) - kk^T b) + v^T k`, then `y = S r` (arXiv 2503.14456, section 4).
#[inline(always)]
pub(crate) fn step<I: Isa>(isa: I, s: &mut [f32], inputs: Inputs<'_>, y: &mut [f32]) {
    let n = inputs.r.len();
    if n.is_multiple_of(LOOK * LANES) {
        for first in (0..n).step_by(LOOK * LANES) {
            let removed = removed::<I, LOOK>(isa, s, inputs.kk, n, first);
            if I::PANELS == 2 {
                update::<I, LOOK>(isa, s, inputs, removed, first, y);
                continue;
            }
            for part in 0..LOOK / KEEP {
                let removed = list!(KEEP, removed[0], |lanes| removed[KEEP * part + lanes]);
                update::<I, KEEP>(isa, s, inputs, removed, first + part * KEEP * LANES, y);
            }
        }
    } else if n.is_multiple_of(LANES) {
        for first in (0..n).step_by(LANES) {
            let removed = removed::<I, 1>(isa, s, inputs.kk, n, first);
            update::<I, 1>(isa, s, inputs, removed, first, y);
        }
    } else {
        any_size(isa, s, inputs, y);
    }
}

/// Numbers `first..` of a row.
#[inline(always)]
fn lanes<const L: usize>(row: &[f32], first: usize) -> &[[f32; LANES]] {
    row[first..first + L * LANES].as_chunks().0
}

/// What the memory of `L` lanes of values holds along the removal key.
#[inline(always)]
fn removed<I: Isa, const L: usize>(isa: I, s: &[f32], kk: &[f32], n: usize, first: usize) -> [I::Lanes; L] {
    let mut sums = [isa.splat(0.0); L];
    for (row, kk) in s.chunks_exact(n).zip(kk) {
        let (row, kk) = (lanes::<L>(row, first), isa.splat(*kk));
        for (sum, s) in sums.iter_mut().zip(row) {
            *sum = isa.lanes_mul_add(isa.load(s), kk, *sum);
        }
    }
    sums
}

/// Forgets, removes and writes `L` lanes of values, and reads them out.
#[inline(always)]
fn update<I: Isa, const L: usize>(
    isa: I,
    s: &mut [f32],
    inputs: Inputs<'_>,
    removed: [I::Lanes; L],
    first: usize,
    y: &mut [f32],
) {
    let Inputs { r, w, k, v, b, .. } = inputs;
    let n = r.len();
    let v = list!(L, isa.splat(0.0), |at| isa.load(&lanes::<L>(v, first)[at]));
    let mut sums = [isa.splat(0.0); L];
    for ((((row, r), w), k), b) in s.chunks_exact_mut(n).zip(r).zip(w).zip(k).zip(b) {
        let (r, w, k, b) = (isa.splat(*r), isa.splat(*w), isa.splat(*k), isa.splat(*b));
        let row = row[first..first + L * LANES].as_chunks_mut().0;
        for at in 0..L {
            let written = isa.lanes_mul(v[at], k);
            let kept = isa.lanes_mul_add(isa.load(&row[at]), w, written);
            let new = isa.lanes_neg_mul_add(removed[at], b, kept);
            isa.store(new, &mut row[at]);
            sums[at] = isa.lanes_mul_add(new, r, sums[at]);
        }
    }
    let y = y[first..first + L * LANES].as_chunks_mut().0;
    for (y, sum) in y.iter_mut().zip(sums) {
        isa.store(sum, y);
    }
}

/// Heads of sizes that are not whole lanes.
#[inline(always)]
fn any_size<I: Isa>(isa: I, s: &mut [f32], inputs: Inputs<'_>, y: &mut [f32]) {
    let Inputs { r, w, k, v, kk, b } = inputs;
    let n = r.len();
    for value in 0..n {
        let mut removed = 0.0;
        for key in 0..n {
            removed = isa.mul_add(s[key * n + value], kk[key], removed);
        }
        let mut sum = 0.0;
        for key in 0..n {
            let s = &mut s[key * n + value];
            *s = isa.mul_add(-removed, b[key], isa.mul_add(*s, w[key], v[value] * k[key]));
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
    fn twin(s: &mut [f64], i: Inputs<'_>) -> Vec<f64> {
        let n = i.r.len();
        let wide = |x: &[f32]| -> Vec<f64> { x.iter().map(|&x| f64::from(x)).collect() };
        let (r, w, k, kk, b) = (wide(i.r), wide(i.w), wide(i.k), wide(i.kk), wide(i.b));
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
                for t in 0..40 {
                    let wave = |f: f32, g: fn(f32) -> f32| -> Vec<f32> {
                        (0..n).map(|j| g(f * (n * t + j) as f32)).collect()
                    };
                    let (r, k, v, mut kk) =
                        (wave(0.7, f32::sin), wave(1.1, f32::cos), wave(0.9, f32::sin), wave(1.3, f32::cos));
                    let length = kk.iter().map(|x| x * x).sum::<f32>().sqrt();
                    kk.iter_mut().for_each(|x| *x /= length);
                    let w: Vec<f32> = wave(0.5, f32::sin).into_iter().map(|x| 0.8 + 0.19 * x).collect();
                    let b: Vec<f32> = kk.iter().map(|x| 0.5 * x).collect();
                    let inputs = Inputs { r: &r, w: &w, k: &k, v: &v, kk: &kk, b: &b };
                    let mut y = vec![0.0; n];
                    isa.run(
                        #[inline(always)]
                        || step(isa, &mut s, inputs, &mut y),
                    );
                    for (y, want) in y.iter().zip(twin(&mut wide, inputs)) {
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
