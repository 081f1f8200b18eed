//! The exponential function of the softmaxes.

/// e^x for x up to 0, within 2e-7 of it relatively; 0 below -87, where f32 has no full precision left.
///
/// Nothing but multiplications, additions and bit moves: the compiler makes vector instructions of it,
/// several times faster than the standard library's, and every platform gives the same bits, which a seed
/// that repeats a run relies on.
pub(crate) fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 355.0 / 512.0; // 9 bits, so that its product with a small integer is exact
    const LN_2_LOW: f32 = (std::f64::consts::LN_2 - 355.0 / 512.0) as f32;
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    const LOWEST: f32 = -87.0;

    // x = n ln 2 + r with |r| <= ln 2 / 2.
    let shifted = x.max(LOWEST) * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x.max(LOWEST) - n * LN_2_HIGH - n * LN_2_LOW;
    // Taylor's series to the 7th power: the rest is below r^8 / 8! = 6e-9.
    let mut series = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        series = series * r + coefficient;
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits())); // 2^n
    if x < LOWEST { 0.0 } else { series * power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_close_to_the_exact_function() {
        let worst = (0..870_000)
            .map(|step| -(step as f32) * 1e-4)
            .map(|x| (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs())
            .fold(0.0, f64::max);
        assert!(worst < 2e-7, "{worst}");
    }

    #[test]
    fn the_ends_are_exact() {
        assert_eq!((exp(0.0), exp(-0.0)), (1.0, 1.0));
        assert_eq!((exp(-87.1), exp(f32::MIN), exp(f32::NEG_INFINITY)), (0.0, 0.0, 0.0));
    }
}
