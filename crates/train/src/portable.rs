//! Logarithm, power and cosine from `+ - * /` alone: the same bits on every machine.
//!
//! The standard library's call the system's, which differ in the last bit. These are within a few units of it
//! (relative error below 1e-14 for the powers of an initialisation), which rounding to f32 hides.

/// ln 2 in two parts: the first has zeros at its end, so that its small multiples are exact.
const LN2: [f64; 2] = [f64::from_bits(0x3FE6_2E42_FEE0_0000), 1.908_214_929_270_587_7e-10];

/// The natural logarithm of a positive normal number.
pub(crate) fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i32 - 1023;
    let mut m = f64::from_bits(bits & MANTISSA | 1023 << 52);
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        exponent += 1;
    }
    // ln m = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...), where s^2 < 0.03
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut series = 0.0;
    for n in (1..=12).rev() {
        series = (series + 1.0 / f64::from(2 * n + 1)) * square;
    }
    let e = f64::from(exponent);
    e * LN2[0] + (e * LN2[1] + (2.0 * s + 2.0 * s * series))
}

/// e to the power of `x`; 0 below the smallest normal number, and `x` is no larger than 700.
fn exp(x: f64) -> f64 {
    let k = (x * std::f64::consts::LOG2_E).round_ties_even();
    if k < -1022.0 {
        return 0.0;
    }
    let r = x - k * LN2[0] - k * LN2[1]; // within 0.35 of 0
    let mut sum = 1.0;
    for n in (1..=15).rev() {
        sum = 1.0 + sum * r / f64::from(n);
    }
    sum * f64::from_bits(((k as i64 + 1023) as u64) << 52)
}

/// `x` to the power of `p`, for `x` and `p` that are not negative.
pub(crate) fn pow(x: f64, p: f64) -> f64 {
    if p == 0.0 || x == 1.0 {
        1.0
    } else if x == 0.0 {
        0.0
    } else {
        exp(p * ln(x))
    }
}

/// `x` to a whole power, by squaring.
pub(crate) fn power(mut x: f64, mut n: u64) -> f64 {
    let mut product = 1.0;
    while n > 0 {
        if n & 1 == 1 {
            product *= x;
        }
        x *= x;
        n >>= 1;
    }
    product
}

/// The cosine of `p` half turns, `p` from 0 to 1.
pub(crate) fn cos_pi(p: f64) -> f64 {
    if p > 0.5 {
        return -cos_pi(1.0 - p);
    }
    let x = std::f64::consts::PI * p;
    let square = x * x;
    let mut sum = 1.0;
    for n in (1..=13).rev() {
        sum = 1.0 - sum * square / f64::from((2 * n - 1) * 2 * n);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_the_systems_own() {
        let close = |ours: f64, theirs: f64, bound: f64| {
            assert!((ours - theirs).abs() <= bound * theirs.abs().max(1e-300), "{ours} for {theirs}");
        };
        for n in 1..5000u32 {
            let x = f64::from(n) / 4999.0;
            close(ln(x), x.ln(), 1e-15);
            close(ln(x * x * x * 1e-9), (x * x * x * 1e-9).ln(), 1e-15);
            close(exp(-40.0 * x), (-40.0 * x).exp(), 3e-15);
            for p in [0.01, 0.2, 0.63, 0.9, 1.0, 1.7, 2.0] {
                close(pow(x, p), x.powf(p), 1e-14);
            }
            assert!((cos_pi(x) - (std::f64::consts::PI * x).cos()).abs() < 1e-15, "{x}");
        }
        assert_eq!([pow(0.0, 0.3), pow(0.0, 0.0), pow(1.0, 7.5), exp(-1e9)], [0.0, 1.0, 1.0, 0.0]);
        assert_eq!([power(0.5, 0), power(0.5, 10), power(3.0, 5)], [1.0, 1.0 / 1024.0, 243.0]);
        close(power(0.99, 100_000), 0.99f64.powf(100_000.0), 1e-11);
    }
}
