//! Super-blocks of 256 numbers whose group scales are quantised themselves.

use super::f16_at;

/// `u8 scales[16], u8 qs[64], f16 d, f16 dmin`: two bits; per 16 numbers a 4-bit scale and a 4-bit minimum.
#[inline(always)]
pub(super) fn read_q2_k(block: &[u8; 84], out: &mut [f32; 256]) {
    let (scales, qs) = (&block[..16], &block[16..80]);
    let (d, dmin) = (f16_at(block, 80), f16_at(block, 82));
    for (n, out) in out.iter_mut().enumerate() {
        let (half, group, lane) = (n / 128, n % 128 / 32, n % 32);
        let q = (qs[32 * half + lane] >> (2 * group)) & 3;
        let scale = scales[n / 16];
        *out = d * f32::from(scale & 15) * f32::from(q) - dmin * f32::from(scale >> 4);
    }
}

/// `u8 hmask[32], u8 qs[64], u8 s[12], f16 d`: three bits around 4; per 16 numbers a 6-bit scale around 32.
#[inline(always)]
pub(super) fn read_q3_k(block: &[u8; 110], out: &mut [f32; 256]) {
    let (hmask, qs, packed) = (&block[..32], &block[32..96], &block[96..108]);
    let d = f16_at(block, 108);
    let scale = |k: usize| {
        let low = if k < 8 { packed[k] & 15 } else { packed[k - 8] >> 4 };
        let high = (packed[8 + k % 4] >> (2 * (k / 4))) & 3;
        f32::from(low | (high << 4)) - 32.0
    };
    for (k, out) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * scale(k);
        for (m, out) in out.iter_mut().enumerate() {
            let n = 16 * k + m;
            let (half, group, lane) = (n / 128, n % 128 / 32, n % 32);
            let low = (qs[32 * half + lane] >> (2 * group)) & 3;
            let high = (hmask[lane] >> (4 * half + group)) & 1;
            *out = scale * (f32::from(low | (high << 2)) - 4.0);
        }
    }
}

/// `f16 d, f16 dmin, u8 s[12], u8 qs[128]`: four bits; per 32 numbers a 6-bit scale and a 6-bit minimum.
#[inline(always)]
pub(super) fn read_q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (d, dmin) = (f16_at(block, 0), f16_at(block, 2));
    let (packed, qs) = (&block[4..16], &block[16..]);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_min(packed, group);
        let (scale, min) = (d * scale, dmin * min);
        let (qs, shift) = (&qs[32 * (group / 2)..], 4 * (group % 2));
        for (out, &q) in out.iter_mut().zip(qs) {
            *out = scale * f32::from((q >> shift) & 15) - min;
        }
    }
}

/// `f16 d, f16 dmin, u8 s[12], u8 qh[32], u8 qs[128]`: as Q4_K with a fifth bit.
#[inline(always)]
pub(super) fn read_q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (d, dmin) = (f16_at(block, 0), f16_at(block, 2));
    let (packed, high, qs) = (&block[4..16], &block[16..48], &block[48..]);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_min(packed, group);
        let (scale, min) = (d * scale, dmin * min);
        let (qs, shift) = (&qs[32 * (group / 2)..], 4 * (group % 2));
        for ((out, &q), &high) in out.iter_mut().zip(qs).zip(high) {
            let q = ((q >> shift) & 15) | (((high >> group) & 1) << 4);
            *out = scale * f32::from(q) - min;
        }
    }
}

/// `u8 ql[128], u8 qh[64], i8 sc[16], f16 d`: six bits around 32; per 16 numbers an 8-bit scale.
#[inline(always)]
pub(super) fn read_q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = f16_at(block, 208);
    for (n, out) in out.iter_mut().enumerate() {
        let (half, group, lane) = (n / 128, n % 128 / 32, n % 32);
        let low = (low[64 * half + 32 * (group & 1) + lane] >> (4 * (group >> 1))) & 15;
        let high = (high[32 * half + lane] >> (2 * group)) & 3;
        let scale = d * f32::from(scales[n / 16] as i8);
        *out = scale * (f32::from(low | (high << 4)) - 32.0);
    }
}

/// Scale and minimum of group `group` (0..8) in the 12 bytes of Q4_K and Q5_K: 6 bits each.
#[inline(always)]
fn scale_min(packed: &[u8], group: usize) -> (f32, f32) {
    let (scale, min) = if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        let (both, scale_top, min_top) = (packed[group + 4], packed[group - 4] >> 6, packed[group] >> 6);
        ((both & 15) | (scale_top << 4), (both >> 4) | (min_top << 4))
    };
    (f32::from(scale), f32::from(min))
}
