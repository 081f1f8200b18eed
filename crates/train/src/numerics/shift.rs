//! Token shifts: `x_c = h + (previous - h) mu_c` for each use `c` of a block's input, and their gradients.

use rayon::prelude::*;
use wkv7_cpu::math::{LANES, Math, Number};

use super::lanes::{each, put, take};
use super::norm::Norm;
use super::rows::{self, Grow, TILE};

/// The inputs of a block: the norm of `x` `[rows, channels]`, shifted for `C` uses into `out`, `[rows, channels]` each.
/// Sequences have `tokens` rows, and nothing before the first.
pub(crate) fn forward<M: Math, const C: usize>(
    math: M,
    norm: Norm<'_, M::Number>,
    x: &[M::Number],
    tokens: usize,
    mus: [&[M::Number]; C],
    out: &mut [Vec<M::Number>; C],
) {
    let channels = norm.weight.len();
    let mut parts: Vec<Vec<&mut [M::Number]>> = Vec::new();
    parts.resize_with(x.len().div_ceil(TILE * channels), || Vec::with_capacity(C));
    for out in out.iter_mut() {
        out.grow(x.len());
        for (list, part) in parts.iter_mut().zip(out.chunks_mut(TILE * channels)) {
            list.push(part);
        }
    }
    parts.into_par_iter().enumerate().for_each(|(tile, mut outs)| {
        let mut h = vec![M::Number::default(); 2 * channels];
        math.run(
            #[inline(always)]
            || {
                let (mut h, mut before) = h.split_at_mut(channels);
                let first = tile * TILE;
                previous(math, norm, x, first, tokens, before);
                let rows = x[first * channels..].chunks_exact(channels).take(TILE);
                for (number, x) in rows.enumerate() {
                    if (first + number).is_multiple_of(tokens) {
                        before.fill(M::Number::default());
                    }
                    norm.row(math, x, h);
                    for at in (0..channels).step_by(LANES) {
                        let (h, before) = (take(h, at), take(before, at));
                        let step = each!(|n| before[n] - h[n]);
                        for (mu, out) in mus.iter().zip(outs.iter_mut()) {
                            let mu = take(mu, at);
                            put(each!(|n| math.mul_add(step[n], mu[n], h[n])), out, number * channels + at);
                        }
                    }
                    std::mem::swap(&mut h, &mut before);
                }
            },
        );
    });
}

/// The normed row before `row`, zeros at the beginning of a sequence.
#[inline(always)]
fn previous<M: Math>(
    math: M,
    norm: Norm<'_, M::Number>,
    x: &[M::Number],
    row: usize,
    tokens: usize,
    before: &mut [M::Number],
) {
    let channels = before.len();
    if row.is_multiple_of(tokens) {
        before.fill(M::Number::default());
    } else {
        norm.row(math, &x[(row - 1) * channels..row * channels], before);
    }
}

/// From the gradients of the shifted inputs, `[rows, channels]` each: that of the norm's output, written to `dh`, and those
/// of `mus`, added to `d_mus`.
#[expect(clippy::too_many_arguments, reason = "a kernel, called from two places")]
pub(crate) fn backward<M: Math, const C: usize>(
    math: M,
    norm: Norm<'_, M::Number>,
    x: &[M::Number],
    tokens: usize,
    mus: [&[M::Number]; C],
    dxs: [&[M::Number]; C],
    dh: &mut [M::Number],
    d_mus: [&mut [M::Number]; C],
) {
    let channels = norm.weight.len();
    let one = M::Number::of(1.0);
    let last = x.len() / channels;
    let tasks = dh.par_chunks_mut(TILE * channels).enumerate().map(|(tile, dh)| {
        let mut sums = vec![M::Number::default(); C * channels];
        let mut h = vec![M::Number::default(); 2 * channels];
        math.run(
            #[inline(always)]
            || {
                let (mut h, mut before) = h.split_at_mut(channels);
                let first = tile * TILE;
                previous(math, norm, x, first, tokens, before);
                for (number, dh) in dh.chunks_exact_mut(channels).enumerate() {
                    let row = first + number;
                    if row.is_multiple_of(tokens) {
                        before.fill(M::Number::default());
                    }
                    norm.row(math, &x[row * channels..(row + 1) * channels], h);
                    let next = row + 1 < last && !(row + 1).is_multiple_of(tokens);
                    for at in (0..channels).step_by(LANES) {
                        let (h, before) = (take(h, at), take(before, at));
                        let step = each!(|n| before[n] - h[n]);
                        let mut d = [M::Number::default(); LANES];
                        for ((mu, dx), sums) in mus.iter().zip(&dxs).zip(sums.chunks_exact_mut(channels)) {
                            let (mu, here, old) =
                                (take(mu, at), take(dx, row * channels + at), take(sums, at));
                            put(each!(|n| math.mul_add(here[n], step[n], old[n])), sums, at);
                            d = each!(|n| math.mul_add(here[n], one - mu[n], d[n]));
                            if next {
                                let after = take(dx, (row + 1) * channels + at);
                                d = each!(|n| math.mul_add(after[n], mu[n], d[n]));
                            }
                        }
                        put(d, dh, at);
                    }
                    std::mem::swap(&mut h, &mut before);
                }
            },
        );
        sums
    });
    let sums: Vec<_> = tasks.collect();
    for (use_, d_mu) in d_mus.into_iter().enumerate() {
        rows::add_up(sums.iter().map(|sums| &sums[use_ * channels..(use_ + 1) * channels]), d_mu);
    }
}
