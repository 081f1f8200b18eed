//! Layer norm over all channels or one head, and the length of a vector.

use crate::arch::Isa;
use crate::matmul::dot;
use crate::threads::{Pool, Shared};
use crate::weights::Norm;

/// Tokens of one task in the passes over single numbers.
pub(crate) const TOKENS: usize = 8;

/// `(x - mean) / sqrt(variance + eps) * weight + bias` into `out`; all `[n]`.
#[inline(always)]
pub(crate) fn norm<I: Isa>(isa: I, x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let n = x.len() as f32;
    let mean = sum(x) / n;
    for (out, x) in out.iter_mut().zip(x) {
        *out = x - mean;
    }
    let variance = dot(isa, out, out) / n;
    let scale = 1.0 / (variance + eps).sqrt();
    for ((out, weight), bias) in out.iter_mut().zip(weight).zip(bias) {
        *out = isa.mul_add(*out * scale, *weight, *bias);
    }
}

/// Layer norm of every token: `x` and `out` are `[tokens, channels]`.
pub(crate) fn layer_norms<I: Isa>(isa: I, pool: &Pool, x: &[f32], norm: &Norm, out: &mut [f32]) {
    let channels = norm.weight.len();
    let block = TOKENS * channels;
    let out = Shared::new(out);
    pool.each(x.len().div_ceil(block), |task, _| {
        let of = task * block..((task + 1) * block).min(x.len());
        // SAFETY: each task takes its own tokens.
        let out = unsafe { out.part(of.clone()) };
        isa.run(
            #[inline(always)]
            || {
                for (x, out) in x[of].chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
                    self::norm(isa, x, &norm.weight, &norm.bias, norm.eps, out);
                }
            },
        );
    });
}

/// `x / max(|x|, 1e-12)`: the removal key of one head gets length one.
#[inline(always)]
pub(crate) fn l2_normalize<I: Isa>(isa: I, x: &mut [f32]) {
    let scale = 1.0 / dot(isa, x, x).sqrt().max(1e-12);
    for x in x {
        *x *= scale;
    }
}

/// Sum in the fixed order of [`dot`].
#[inline(always)]
fn sum(x: &[f32]) -> f32 {
    let (chunks, tail) = x.as_chunks::<16>();
    let mut lanes = [0.0f32; 16];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    for (lane, x) in lanes.iter_mut().zip(tail) {
        *lane += x;
    }
    crate::matmul::fold(lanes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::tests::on_every_path;

    #[test]
    fn norms_match_their_f64_twin_at_every_length() {
        fn check(isa: impl Isa) {
            for n in 1..100 {
                let x: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin() * 3.0 + 50.0).collect();
                let weight: Vec<f32> = (0..n).map(|i| 1.0 + 0.01 * i as f32).collect();
                let bias: Vec<f32> = (0..n).map(|i| 0.1 * (i as f32).cos()).collect();
                let mut got = vec![0.0; n];
                isa.run(
                    #[inline(always)]
                    || norm(isa, &x, &weight, &bias, 1e-5, &mut got),
                );
                let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
                let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n as f64;
                for i in 0..n {
                    let unit = (f64::from(x[i]) - mean) / (variance + 1e-5).sqrt();
                    let want = unit * f64::from(weight[i]) + f64::from(bias[i]);
                    // The mean is 50 times the spread, so its rounding shows 50 times.
                    assert!((f64::from(got[i]) - want).abs() < 5e-5, "n {n}: {} for {want}", got[i]);
                }
            }
        }
        on_every_path!(check);
    }

    #[test]
    fn a_zero_key_stays_zero_and_others_get_length_one() {
        fn check(isa: impl Isa) {
            let (mut zero, mut some) = ([0.0; 5], [3.0, 0.0, 4.0]);
            isa.run(
                #[inline(always)]
                || {
                    l2_normalize(isa, &mut zero);
                    l2_normalize(isa, &mut some);
                },
            );
            assert_eq!((zero, some), ([0.0; 5], [0.6, 0.0, 0.8]));
        }
        on_every_path!(check);
    }
}
