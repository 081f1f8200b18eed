//! Four-bit indices into a table of 16 uneven levels.

use super::f16_at;

/// The levels, denser near zero where trained weights are.
const LEVELS: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// `f16 d, u8 qs[16]`: d * level.
#[inline(always)]
pub(super) fn read_nl(block: &[u8; 18], out: &mut [f32; 32]) {
    read_group(f16_at(block, 0), &block[2..], out);
}

/// `f16 d, u16 sh, u8 sl[4], u8 qs[128]`: as above in 8 groups, each with a 6-bit scale around 32.
#[inline(always)]
pub(super) fn read_xs(block: &[u8; 136], out: &mut [f32; 256]) {
    let d = f16_at(block, 0);
    let high = u16::from_le_bytes([block[2], block[3]]);
    let (low, qs) = (&block[4..8], &block[8..]);
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let low = (low[group / 2] >> (4 * (group % 2))) & 15;
        let high = ((high >> (2 * group)) & 3) as u8;
        let scale = f32::from(low | (high << 4)) - 32.0;
        read_group(d * scale, &qs[16 * group..16 * group + 16], out);
    }
}

#[inline(always)]
fn read_group(scale: f32, qs: &[u8], out: &mut [f32; 32]) {
    let (low, high) = out.split_at_mut(16);
    for ((low, high), &q) in low.iter_mut().zip(high).zip(qs) {
        *low = scale * f32::from(LEVELS[usize::from(q & 15)]);
        *high = scale * f32::from(LEVELS[usize::from(q >> 4)]);
    }
}
