//! Q4_K: 8 groups of 32 numbers, each as `scale * q - min`, both in 6 bits of a shared f16.
//!
//! Per group a line through (q, x) is fitted by least squares for several roundings of x to q; the best one's
//! scale and minimum are rounded to 6 bits, and their neighbours are tried, as the rounding has moved them.

use super::quantize::{nearest, put_f16};

/// Largest value of q.
const TOP: f32 = 15.0;
/// Largest 6-bit scale or minimum.
const TOP_SCALE: f32 = 63.0;
/// Roundings tried per group: the range of x is cut in 15 - 1.2 to 15 + 0.9 steps. More of them, or finer ones,
/// gain less than 0.1 % of the error.
const TRIES: i32 = 8;
const STRIDE: f32 = 0.3;
/// Beyond this no f16 scale can hold a group, and sums of squares stay far from overflow below it.
const LIMIT: f32 = 65_504.0 * TOP_SCALE * (TOP + 1.0);

/// Writes one block; whether its scales fitted.
pub(super) fn write(x: &[f32; 256], block: &mut [u8; 144]) -> bool {
    if x.iter().any(|x| x.abs() > LIMIT) {
        return false;
    }
    let groups = x.as_chunks::<32>().0;
    let mut fits = [(0.0, 0.0); 8];
    for (fit, x) in fits.iter_mut().zip(groups) {
        *fit = fit_line(x);
    }
    let largest = fits.iter().fold((0.0f32, 0.0f32), |most, fit| (most.0.max(fit.0), most.1.max(fit.1)));
    let d = put_f16(block, 0, largest.0 / TOP_SCALE);
    let dmin = put_f16(block, 2, largest.1 / TOP_SCALE);
    let (Some(d), Some(dmin)) = (d, dmin) else { return false };
    let (mut scales, mut mins) = ([0u8; 8], [0u8; 8]);
    for (n, (x, fit)) in groups.iter().zip(fits).enumerate() {
        let (scale, min) = round_line(x, fit, d, dmin);
        (scales[n], mins[n]) = (scale as u8, min as u8);
        let shift = 4 * (n % 2);
        let (scale, min) = (d * scale, dmin * min);
        let inverse = inverse(scale);
        for (byte, &x) in block[16 + 32 * (n / 2)..].iter_mut().zip(x) {
            let q = quant(x, min, inverse) as u8;
            *byte = if shift == 0 { q } else { *byte | (q << shift) };
        }
    }
    pack(&scales, &mins, &mut block[4..16]);
    true
}

fn inverse(scale: f32) -> f32 {
    if scale > 0.0 { 1.0 / scale } else { 0.0 }
}

#[inline]
fn quant(x: f32, min: f32, inverse: f32) -> f32 {
    // Clamped before rounding: the rounding is exact only for small numbers.
    nearest(((x + min) * inverse).clamp(0.0, TOP))
}

/// Scale and minimum (both at least zero) with the least squared error over the roundings tried.
fn fit_line(x: &[f32; 32]) -> (f32, f32) {
    let low = x.iter().fold(0.0f32, |low, &x| low.min(x));
    let high = x.iter().fold(low, |high, &x| high.max(x));
    if high <= low {
        return (0.0, -low);
    }
    let sum_x: f32 = x.iter().sum();
    let sum_xx: f32 = x.iter().map(|x| x * x).sum();
    let mut best = ((high - low) / TOP, -low);
    let mut least = f32::INFINITY;
    for n in 0..TRIES {
        let inverse = (TOP + STRIDE * (n - TRIES / 2) as f32) / (high - low);
        let (mut sum_q, mut sum_qq, mut sum_qx) = ([0.0f32; 8], [0.0f32; 8], [0.0f32; 8]);
        for x in x.as_chunks::<8>().0 {
            for lane in 0..8 {
                let q = quant(x[lane], -low, inverse);
                sum_q[lane] += q;
                sum_qq[lane] += q * q;
                sum_qx[lane] += q * x[lane];
            }
        }
        let [sum_q, sum_qq, sum_qx] = [sum_q, sum_qq, sum_qx].map(|lanes| lanes.iter().sum::<f32>());
        let Some((scale, shift)) = solve([sum_q, sum_qq, sum_x, sum_qx]) else { continue };
        // The squared error of the least squares solution, by its normal equations.
        let error = sum_xx - scale * sum_qx - shift * sum_x;
        if error < least {
            (least, best) = (error, (scale, -shift));
        }
    }
    best
}

/// The line `x = scale * q + shift` through 32 points; a shift above zero cannot be stored and becomes zero.
fn solve([sum_q, sum_qq, sum_x, sum_qx]: [f32; 4]) -> Option<(f32, f32)> {
    let determinant = 32.0 * sum_qq - sum_q * sum_q;
    if determinant <= 0.0 {
        return None;
    }
    let scale = (32.0 * sum_qx - sum_q * sum_x) / determinant;
    let shift = (sum_qq * sum_x - sum_q * sum_qx) / determinant;
    let (scale, shift) = if shift > 0.0 { (sum_qx / sum_qq, 0.0) } else { (scale, shift) };
    (scale > 0.0).then_some((scale, shift))
}

/// The 6-bit scale and minimum near `fit` with the least squared error.
fn round_line(x: &[f32; 32], fit: (f32, f32), d: f32, dmin: f32) -> (f32, f32) {
    let centre = (nearest(fit.0 * inverse(d)), nearest(fit.1 * inverse(dmin)));
    let mut best = (centre.0.clamp(0.0, TOP_SCALE), centre.1.clamp(0.0, TOP_SCALE));
    let mut least = f32::INFINITY;
    for (step_scale, step_min) in
        [(0.0, 0.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0), (1.0, 1.0), (-1.0, -1.0)]
    {
        let scale = (centre.0 + step_scale).clamp(0.0, TOP_SCALE);
        let min = (centre.1 + step_min).clamp(0.0, TOP_SCALE);
        let error = squared_error(x, d * scale, dmin * min);
        if error < least {
            (least, best) = (error, (scale, min));
        }
    }
    best
}

fn squared_error(x: &[f32; 32], scale: f32, min: f32) -> f32 {
    let inverse = inverse(scale);
    let mut errors = [0.0f32; 8];
    for x in x.as_chunks::<8>().0 {
        for lane in 0..8 {
            let error = scale * quant(x[lane], min, inverse) - min - x[lane];
            errors[lane] += error * error;
        }
    }
    errors.iter().sum()
}

/// The 12 bytes of scales and minima: 6 bits each, the upper two of groups 4..8 above those of groups 0..4.
fn pack(scales: &[u8; 8], mins: &[u8; 8], packed: &mut [u8]) {
    for n in 0..4 {
        packed[n] = scales[n] | (scales[n + 4] >> 4 << 6);
        packed[n + 4] = mins[n] | (mins[n + 4] >> 4 << 6);
        packed[n + 8] = (scales[n + 4] & 15) | (mins[n + 4] << 4);
    }
}
