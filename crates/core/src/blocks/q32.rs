//! Blocks of 32 numbers. Low nibbles hold numbers 0..16, high nibbles 16..32 (not interleaved).

use super::f16_at;

/// `f16 d, i8 q[32]`: d * q.
#[inline(always)]
pub(super) fn read_q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let d = f16_at(block, 0);
    for (out, &q) in out.iter_mut().zip(&block[2..]) {
        *out = d * f32::from(q as i8);
    }
}

/// `f16 d, u8 qs[16]`: d * (q - 8).
#[inline(always)]
pub(super) fn read_q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = f16_at(block, 0);
    let (low, high) = out.split_at_mut(16);
    for ((low, high), &q) in low.iter_mut().zip(high).zip(&block[2..]) {
        *low = d * (f32::from(q & 15) - 8.0);
        *high = d * (f32::from(q >> 4) - 8.0);
    }
}

/// `f16 d, f16 m, u8 qs[16]`: d * q + m.
#[inline(always)]
pub(super) fn read_q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (d, m) = (f16_at(block, 0), f16_at(block, 2));
    let (low, high) = out.split_at_mut(16);
    for ((low, high), &q) in low.iter_mut().zip(high).zip(&block[4..]) {
        *low = d * f32::from(q & 15) + m;
        *high = d * f32::from(q >> 4) + m;
    }
}

/// `f16 d, u32 qh, u8 qs[16]`: d * (q - 16), bit n of qh being the fifth bit of number n.
#[inline(always)]
pub(super) fn read_q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let d = f16_at(block, 0);
    let high = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
    for (n, out) in out.iter_mut().enumerate() {
        *out = d * (five_bits(&block[6..], high, n) - 16.0);
    }
}

/// `f16 d, f16 m, u32 qh, u8 qs[16]`: d * q + m.
#[inline(always)]
pub(super) fn read_q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (d, m) = (f16_at(block, 0), f16_at(block, 2));
    let high = u32::from_le_bytes([block[4], block[5], block[6], block[7]]);
    for (n, out) in out.iter_mut().enumerate() {
        *out = d * five_bits(&block[8..], high, n) + m;
    }
}

#[inline(always)]
fn five_bits(qs: &[u8], high: u32, n: usize) -> f32 {
    let low = if n < 16 { qs[n] & 15 } else { qs[n - 16] >> 4 };
    f32::from(low | (((high >> n) as u8 & 1) << 4))
}
