//! Plain numbers. Byte order is little endian and alignment is not assumed: files promise neither.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// Numbers converted at once; small enough for the stack, large enough for SIMD conversion.
const CHUNK: usize = 64;

#[inline(always)]
pub(super) fn read_f64(bytes: &[u8], out: &mut [f32]) {
    for (bytes, out) in bytes.as_chunks::<8>().0.iter().zip(out) {
        *out = f64::from_le_bytes(*bytes) as f32;
    }
}

#[inline(always)]
pub(super) fn read_f32(bytes: &[u8], out: &mut [f32]) {
    for (bytes, out) in bytes.as_chunks::<4>().0.iter().zip(out) {
        *out = f32::from_le_bytes(*bytes);
    }
}

#[inline(always)]
pub(super) fn read_f16(bytes: &[u8], out: &mut [f32]) {
    let mut halves = [f16::ZERO; CHUNK];
    for (bytes, out) in bytes.chunks(2 * CHUNK).zip(out.chunks_mut(CHUNK)) {
        let halves = &mut halves[..out.len()];
        for (half, bytes) in halves.iter_mut().zip(bytes.as_chunks::<2>().0) {
            *half = f16::from_le_bytes(*bytes);
        }
        halves.convert_to_f32_slice(out);
    }
}

#[inline(always)]
pub(super) fn read_bf16(bytes: &[u8], out: &mut [f32]) {
    for (bytes, out) in bytes.as_chunks::<2>().0.iter().zip(out) {
        *out = bf16::from_le_bytes(*bytes).to_f32();
    }
}
