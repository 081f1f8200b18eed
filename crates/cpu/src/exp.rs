//! The exponential and what is made of it, as loops that vectorise: the library's functions take one number at a time
//! and more time than the recurrent memory does.
//!
//! Within 2e-7 relative of the true value, infinities and NaNs included.

use crate::arch::Isa;

// ln 2 in two parts, of which the first has so few bits that its product with a small integer is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// Adding it to a number below 2^22 rounds that to an integer, which then stands in the lowest bits.
const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23

/// `e^x`, between the smallest normal number and infinity.
#[inline(always)]
pub(crate) fn exp<I: Isa>(isa: I, x: f32) -> f32 {
    // Not `clamp`: a NaN has to come out as one.
    let x = if x > 88.8 { 88.8 } else { x };
    let x = if x < -87.3 { -87.3 } else { x };
    let rounded = isa.mul_add(x, std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = isa.mul_add(n, -LN_2_LOW, isa.mul_add(n, -LN_2_HIGH, x)); // within ln 2 / 2 of zero
    // e^r to 2^-26: its Taylor series to the seventh power.
    let mut p = isa.mul_add(r, 1.0 / 5040.0, 1.0 / 720.0);
    p = isa.mul_add(p, r, 1.0 / 120.0);
    p = isa.mul_add(p, r, 1.0 / 24.0);
    p = isa.mul_add(p, r, 1.0 / 6.0);
    p = isa.mul_add(p, r, 0.5);
    p = isa.mul_add(p, r, 1.0);
    p = isa.mul_add(p, r, 1.0);
    // Two factors, since 2^128 by itself is no number.
    let half = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32) >> 1;
    let rest = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32) - half;
    let power = |n: i32| f32::from_bits(((n + 127) << 23) as u32);
    p * power(half) * power(rest)
}

/// The logistic function.
#[inline(always)]
pub(crate) fn sigmoid<I: Isa>(isa: I, x: f32) -> f32 {
    1.0 / (1.0 + exp(isa, -x))
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<I: Isa>(isa: I, x: f32) -> f32 {
    let far = 1.0 - 2.0 / (exp(isa, 2.0 * x) + 1.0);
    // Near zero that cancels; there, the polynomial of Cephes' tanhf.
    let z = x * x;
    let mut p = isa.mul_add(z, -5.704_988_7e-3, 2.063_909e-2);
    p = isa.mul_add(p, z, -5.373_971_6e-2);
    p = isa.mul_add(p, z, 1.333_144_2e-1);
    p = isa.mul_add(p, z, -3.333_328e-1);
    let near = isa.mul_add(x * z, p, x);
    if x.abs() < 0.625 { near } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::tests::on_every_path;

    /// The worst relative distance from `want` over the range of every function.
    fn worst<I: Isa>(isa: I, got: fn(I, f32) -> f32, want: fn(f64) -> f64, low: f32, high: f32) -> f64 {
        let steps = 100_000;
        let numbers: Vec<f32> = (0..=steps).map(|n| low + (high - low) * n as f32 / steps as f32).collect();
        let mut results = vec![0.0; numbers.len()];
        isa.run(
            #[inline(always)]
            || results.iter_mut().zip(&numbers).for_each(|(result, x)| *result = got(isa, *x)),
        );
        let off = |(got, x): (&f32, &f32)| {
            let want = want(f64::from(*x));
            (f64::from(*got) - want).abs() / want.abs().max(1e-37)
        };
        results.iter().zip(&numbers).map(off).fold(0.0, f64::max)
    }

    #[test]
    fn functions_match_their_f64_twins() {
        fn check<I: Isa>(isa: I) {
            let sigma = |x: f64| 1.0 / (1.0 + (-x).exp());
            assert!(worst(isa, exp, f64::exp, -87.0, 88.7) < 2e-7);
            assert!(worst(isa, exp, f64::exp, -1.0, 1.0) < 2e-7);
            assert!(worst(isa, sigmoid, sigma, -80.0, 80.0) < 3e-7);
            assert!(worst(isa, tanh, f64::tanh, -20.0, 20.0) < 3e-7);
            assert!(worst(isa, tanh, f64::tanh, -0.7, 0.7) < 3e-7);
        }
        on_every_path!(check);
    }

    #[test]
    fn what_is_no_number_and_what_is_none_any_more() {
        fn check<I: Isa>(isa: I) {
            let of = |f: fn(I, f32) -> f32, x: f32| isa.run(|| f(isa, x));
            assert_eq!([of(exp, f32::INFINITY), of(exp, 100.0)], [f32::INFINITY; 2]);
            assert!(of(exp, f32::NEG_INFINITY) < 1.3e-38 && of(exp, -100.0) < 1.3e-38);
            assert_eq!([of(sigmoid, f32::INFINITY), of(sigmoid, 200.0)], [1.0; 2]);
            assert!(of(sigmoid, f32::NEG_INFINITY) == 0.0 && of(sigmoid, -200.0) < 1e-37);
            assert_eq!(
                [of(tanh, f32::INFINITY), of(tanh, f32::NEG_INFINITY), of(tanh, 0.0)],
                [1.0, -1.0, 0.0]
            );
            for f in [exp, sigmoid, tanh] {
                assert!(of(f, f32::NAN).is_nan());
            }
        }
        on_every_path!(check);
    }
}
