//! Norms and their gradients.
//!
//! With `x_hat = (x - mean) / sqrt(variance + eps)`, `y = x_hat w + b` and `g = dy w`:
//! `dx = (g - mean(g) - x_hat mean(g x_hat)) / sqrt(variance + eps)`.

use rayon::prelude::*;
use wkv7_cpu::math::{Float as _, LANES, Math, Number};

use super::lanes::{each, put, take};
use super::rows::{self, TILE};

/// `sum(x y)`, each lane apart, then folded.
#[inline(always)]
pub(crate) fn dot<M: Math>(math: M, x: &[M::Number], y: &[M::Number]) -> M::Number {
    let (xs, x_rest) = x.as_chunks::<LANES>();
    let (ys, y_rest) = y.as_chunks::<LANES>();
    let mut sum = math.splat(M::Number::default());
    for (x, y) in xs.iter().zip(ys) {
        sum = math.lanes_mul_add(math.load(x), math.load(y), sum);
    }
    let mut sum = math.fold(sum);
    for (x, y) in x_rest.iter().zip(y_rest) {
        sum = math.mul_add(*x, *y, sum);
    }
    sum
}

/// `sum(x)`, in the same order.
#[inline(always)]
pub(crate) fn total<M: Math>(math: M, x: &[M::Number]) -> M::Number {
    let (xs, rest) = x.as_chunks::<LANES>();
    let mut sum = math.splat(M::Number::default());
    for x in xs {
        sum = math.lanes_add(sum, math.load(x));
    }
    rest.iter().fold(math.fold(sum), |sum, x| sum + *x)
}

/// Centres `x` and divides it by its spread: what is left is `x_hat`. Returns `1 / sqrt(variance + eps)`.
#[inline(always)]
pub(crate) fn whiten<M: Math>(
    math: M,
    x: &[M::Number],
    eps: M::Number,
    x_hat: &mut [M::Number],
) -> M::Number {
    let count = M::Number::of(x.len() as f64);
    let mean = total(math, x) / count;
    x_hat.iter_mut().zip(x).for_each(|(out, x)| *out = *x - mean);
    let variance = dot(math, x_hat, x_hat) / count;
    let scale = M::Number::of(1.0) / (variance + eps).sqrt();
    x_hat.iter_mut().for_each(|x| *x *= scale);
    scale
}

/// The gradient of `x` from `g`, that of `x_hat`; written over `g`.
#[inline(always)]
pub(crate) fn unwhiten<M: Math>(math: M, x_hat: &[M::Number], scale: M::Number, g: &mut [M::Number]) {
    let count = M::Number::of(g.len() as f64);
    let (mean, along) = (total(math, g) / count, dot(math, g, x_hat) / count);
    for (g, x) in g.iter_mut().zip(x_hat) {
        *g = scale * (*g - mean - *x * along);
    }
}

/// A layer norm: `[channels]` each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm<'a, R> {
    pub(crate) weight: &'a [R],
    pub(crate) bias: &'a [R],
    pub(crate) eps: R,
}

impl<R: Number> Norm<'_, R> {
    /// One vector.
    #[inline(always)]
    pub(crate) fn row<M: Math<Number = R>>(&self, math: M, x: &[R], out: &mut [R]) {
        whiten(math, x, self.eps, out);
        for ((out, weight), bias) in out.iter_mut().zip(self.weight).zip(self.bias) {
            *out = math.mul_add(*out, *weight, *bias);
        }
    }

    /// `x` and `out` `[rows, channels]`.
    pub(crate) fn forward<M: Math<Number = R>>(&self, math: M, x: &[R], out: &mut [R]) {
        let channels = self.weight.len();
        out.par_chunks_mut(TILE * channels).zip(x.par_chunks(TILE * channels)).for_each(|(out, x)| {
            math.run(
                #[inline(always)]
                || {
                    for (x, out) in x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
                        self.row(math, x, out);
                    }
                },
            );
        });
    }

    /// Adds the gradient of `x` `[rows, channels]` to `dx`, given that of the output, and those of weight and bias to theirs.
    pub(crate) fn backward<M: Math<Number = R>>(
        &self,
        math: M,
        x: &[R],
        dy: &[R],
        dx: &mut [R],
        (d_weight, d_bias): (&mut [R], &mut [R]),
    ) {
        let channels = self.weight.len();
        let tasks = dx.par_chunks_mut(TILE * channels).zip(x.par_chunks(TILE * channels));
        let sums: Vec<_> = tasks
            .zip(dy.par_chunks(TILE * channels))
            .map(|((dx, x), dy)| {
                let mut sums = vec![R::default(); 2 * channels];
                let (mut x_hat, mut g) = (vec![R::default(); channels], vec![R::default(); channels]);
                math.run(
                    #[inline(always)]
                    || {
                        let (d_weight, d_bias) = sums.split_at_mut(channels);
                        let rows = x.chunks_exact(channels).zip(dy.chunks_exact(channels));
                        for ((x, dy), dx) in rows.zip(dx.chunks_exact_mut(channels)) {
                            let scale = whiten(math, x, self.eps, &mut x_hat);
                            for at in (0..channels).step_by(LANES) {
                                let (dy, x_hat, weight) =
                                    (take(dy, at), take(&x_hat, at), take(self.weight, at));
                                let (weights, biases) = (take(d_weight, at), take(d_bias, at));
                                put(each!(|n| math.mul_add(dy[n], x_hat[n], weights[n])), d_weight, at);
                                put(each!(|n| biases[n] + dy[n]), d_bias, at);
                                put(each!(|n| dy[n] * weight[n]), &mut g, at);
                            }
                            unwhiten(math, &x_hat, scale, &mut g);
                            dx.iter_mut().zip(&g).for_each(|(dx, g)| *dx += *g);
                        }
                    },
                );
                sums
            })
            .collect();
        rows::add_up(sums.iter().map(|sums| &sums[..channels]), d_weight);
        rows::add_up(sums.iter().map(|sums| &sums[channels..]), d_bias);
    }
}
