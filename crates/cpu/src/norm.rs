//! Layer norm over all channels or one head, and the length of a vector.

use crate::arch::{Isa, LANES};
use crate::matmul::dot;

/// `(x - mean) / sqrt(variance + eps) * weight + bias` into `out`; all `[n]`.
#[inline(always)]
pub(crate) fn norm<I: Isa>(isa: I, x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let n = x.len() as f32;
    let mean = sum(isa, x) / n;
    for (out, x) in out.iter_mut().zip(x) {
        *out = x - mean;
    }
    let variance = dot(isa, out, out) / n;
    let scale = 1.0 / (variance + eps).sqrt();
    for ((out, weight), bias) in out.iter_mut().zip(weight).zip(bias) {
        *out = isa.mul_add(*out * scale, *weight, *bias);
    }
}

/// `x / max(|x|, 1e-12)`: the removal key of one head gets length one.
#[inline(always)]
pub(crate) fn l2_normalize<I: Isa>(isa: I, x: &mut [f32]) {
    let scale = 1.0 / dot(isa, x, x).sqrt().max(1e-12);
    for x in x {
        *x *= scale;
    }
}

/// Sum in the order of [`dot`].
#[inline(always)]
fn sum<I: Isa>(isa: I, x: &[f32]) -> f32 {
    let (chunks, rest) = x.as_chunks::<LANES>();
    let mut sums = isa.splat(0.0);
    for chunk in chunks {
        sums = isa.lanes_add(sums, isa.load(chunk));
    }
    let mut last = [0.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    isa.fold(isa.lanes_add(sums, isa.load(&last)))
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
