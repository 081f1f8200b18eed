//! Blocks of 32 numbers, written as ggml's reference does (`quantize_row_*_ref` in `ggml-quants.c`): the
//! scale is computed and used in f32 and only stored as f16. Each returns whether the scale fitted.

use super::quantize::{nearest, put_f16};

/// Scale by the largest absolute value.
pub(super) fn write_q8_0(x: &[f32; 32], block: &mut [u8; 34]) -> bool {
    let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let (d, inverse) = scale(largest, 127.0);
    let fits = put_f16(block, 0, d).is_some();
    for (q, x) in block[2..].iter_mut().zip(x) {
        *q = away_from_zero(x * inverse) as i8 as u8;
    }
    fits
}

/// Scale by the number farthest from zero, which becomes -8.
pub(super) fn write_q4_0(x: &[f32; 32], block: &mut [u8; 18]) -> bool {
    let (d, inverse) = scale(farthest(x), -8.0);
    let fits = put_f16(block, 0, d).is_some();
    let q = |x: f32| ((x * inverse + 8.5) as u8).min(15);
    for (n, byte) in block[2..].iter_mut().enumerate() {
        *byte = q(x[n]) | (q(x[n + 16]) << 4);
    }
    fits
}

/// Scale by the range, from the minimum.
pub(super) fn write_q4_1(x: &[f32; 32], block: &mut [u8; 20]) -> bool {
    let (min, max) = range(x);
    let (d, inverse) = scale(max - min, 15.0);
    let fits = put_f16(block, 0, d).is_some() & put_f16(block, 2, min).is_some();
    let q = |x: f32| (((x - min) * inverse + 0.5) as u8).min(15);
    for (n, byte) in block[4..].iter_mut().enumerate() {
        *byte = q(x[n]) | (q(x[n + 16]) << 4);
    }
    fits
}

/// Scale by the number farthest from zero, which becomes -16.
pub(super) fn write_q5_0(x: &[f32; 32], block: &mut [u8; 22]) -> bool {
    let (d, inverse) = scale(farthest(x), -16.0);
    let fits = put_f16(block, 0, d).is_some();
    write_five_bits(x, &mut block[2..], |x| ((x * inverse + 16.5) as u8).min(31));
    fits
}

/// Scale by the range, from the minimum.
pub(super) fn write_q5_1(x: &[f32; 32], block: &mut [u8; 24]) -> bool {
    let (min, max) = range(x);
    let (d, inverse) = scale(max - min, 31.0);
    let fits = put_f16(block, 0, d).is_some() & put_f16(block, 2, min).is_some();
    write_five_bits(x, &mut block[4..], |x| (((x - min) * inverse + 0.5) as u8).min(31));
    fits
}

/// `extent` in `steps`, and the inverse; both zero for an extent of zero.
fn scale(extent: f32, steps: f32) -> (f32, f32) {
    let d = extent / steps;
    (d, if d == 0.0 { 0.0 } else { 1.0 / d })
}

/// The number of the largest absolute value, with its sign; the first of equals.
fn farthest(x: &[f32; 32]) -> f32 {
    x.iter().fold(0.0f32, |farthest, &x| if x.abs() > farthest.abs() { x } else { farthest })
}

fn range(x: &[f32; 32]) -> (f32, f32) {
    x.iter().fold((f32::MAX, f32::MIN), |(min, max), &x| (min.min(x), max.max(x)))
}

/// Four bytes of fifth bits, then the nibbles.
fn write_five_bits(x: &[f32; 32], out: &mut [u8], q: impl Fn(f32) -> u8) {
    let mut high = 0u32;
    for n in 0..16 {
        let (low, up) = (q(x[n]), q(x[n + 16]));
        out[4 + n] = (low & 15) | (up << 4);
        high |= u32::from(low >> 4) << n | u32::from(up >> 4) << (n + 16);
    }
    out[..4].copy_from_slice(&high.to_le_bytes());
}

/// C's `roundf` for numbers below 2^22, without a call.
#[inline]
fn away_from_zero(x: f32) -> f32 {
    let even = nearest(x);
    let up = if x > 0.0 && x - even == 0.5 { 1.0 } else { 0.0 };
    let down = if x < 0.0 && x - even == -0.5 { 1.0 } else { 0.0 };
    even + up - down
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_rounded_away_from_zero() {
        for x in [0.5f32, 1.5, 2.5, 0.499_999_97, 126.5, 3.2, 0.0, 127.0] {
            assert_eq!(away_from_zero(x), x.round(), "{x}");
            assert_eq!(away_from_zero(-x), (-x).round(), "-{x}");
        }
    }
}
