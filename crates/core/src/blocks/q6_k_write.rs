//! Q6_K: 16 groups of 16 numbers, each as `scale * (q - 32)`, the scale in 8 bits of a shared f16.
//!
//! Per group the scale is fitted by least squares for several roundings of x to q; the best one is rounded to
//! 8 bits and its neighbours are tried, as the rounding has moved it.

use super::quantize::{nearest, put_f16};

/// Smallest and largest value of q.
const BOTTOM: f32 = -32.0;
const TOP: f32 = 31.0;
/// Roundings tried per group: the number farthest from zero becomes 32 - 0.8 to 32 + 0.6 steps.
const TRIES: i32 = 8;
const STRIDE: f32 = 0.2;
/// Beyond this no f16 scale can hold a group, and sums of squares stay far from overflow below it.
const LIMIT: f32 = 65_504.0 * 128.0 * 33.0;

/// Writes one block; whether its scales fitted.
pub(super) fn write(x: &[f32; 256], block: &mut [u8; 210]) -> bool {
    if x.iter().any(|x| x.abs() > LIMIT) {
        return false;
    }
    let groups = x.as_chunks::<16>().0;
    let mut scales = [0.0; 16];
    for (scale, x) in scales.iter_mut().zip(groups) {
        *scale = fit_scale(x);
    }
    let farthest = scales.iter().fold(0.0f32, |far, &s| if s.abs() > far.abs() { s } else { far });
    // -128 has no positive twin among 8-bit numbers: the largest scale takes it.
    let Some(d) = put_f16(block, 208, farthest / -128.0) else { return false };
    let mut quants = [0u8; 256];
    for (n, (x, quants)) in groups.iter().zip(quants.as_chunks_mut::<16>().0).enumerate() {
        let scale = round_scale(x, scales[n], d);
        block[192 + n] = scale as i8 as u8;
        let inverse = inverse(d * scale);
        for (q, &x) in quants.iter_mut().zip(x) {
            *q = (quant(x, inverse) - BOTTOM) as u8;
        }
    }
    pack(&quants, block);
    true
}

fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

#[inline]
fn quant(x: f32, inverse: f32) -> f32 {
    // Clamped before rounding: the rounding is exact only for small numbers.
    nearest((x * inverse).clamp(BOTTOM, TOP))
}

/// The scale with the least squared error over the roundings tried.
fn fit_scale(x: &[f32; 16]) -> f32 {
    let farthest = x.iter().fold(0.0f32, |far, &x| if x.abs() > far.abs() { x } else { far });
    if farthest == 0.0 {
        return 0.0;
    }
    let (mut best, mut most) = (farthest / BOTTOM, 0.0);
    for n in 0..TRIES {
        let inverse = (BOTTOM + STRIDE * (n - TRIES / 2) as f32) / farthest;
        let (mut sum_qq, mut sum_qx) = ([0.0f32; 8], [0.0f32; 8]);
        for x in x.as_chunks::<8>().0 {
            for lane in 0..8 {
                let q = quant(x[lane], inverse);
                sum_qq[lane] += q * q;
                sum_qx[lane] += q * x[lane];
            }
        }
        let [sum_qq, sum_qx] = [sum_qq, sum_qx].map(|lanes| lanes.iter().sum::<f32>());
        // The squared error is sum(x^2) less this.
        let gain = sum_qx * sum_qx / sum_qq;
        if sum_qq > 0.0 && gain > most {
            (most, best) = (gain, sum_qx / sum_qq);
        }
    }
    best
}

/// The 8-bit scale near `fit` with the least squared error.
fn round_scale(x: &[f32; 16], fit: f32, d: f32) -> f32 {
    let centre = nearest((fit * inverse(d)).clamp(-128.0, 127.0));
    let (mut best, mut least) = (centre, f32::INFINITY);
    for step in [0.0, 1.0, -1.0] {
        let scale = (centre + step).clamp(-128.0, 127.0);
        let inverse = inverse(d * scale);
        let mut errors = [0.0f32; 8];
        for x in x.as_chunks::<8>().0 {
            for lane in 0..8 {
                let error = d * scale * quant(x[lane], inverse) - x[lane];
                errors[lane] += error * error;
            }
        }
        let error = errors.iter().sum();
        if error < least {
            (least, best) = (error, scale);
        }
    }
    best
}

/// Low nibbles and high pairs of bits, 128 numbers to a half.
fn pack(quants: &[u8; 256], block: &mut [u8; 210]) {
    for (half, q) in quants.as_chunks::<128>().0.iter().enumerate() {
        for lane in 0..32 {
            let [a, b, c, d] = [q[lane], q[lane + 32], q[lane + 64], q[lane + 96]];
            block[64 * half + lane] = (a & 15) | (c << 4);
            block[64 * half + 32 + lane] = (b & 15) | (d << 4);
            block[128 + 32 * half + lane] = a >> 4 | b >> 4 << 2 | c >> 4 << 4 | d >> 4 << 6;
        }
    }
}
