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
        // The upper half of an f32; spelled out, because the library also looks for NaNs.
        *out = f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
    }
}

/// Every f32 is an f64.
pub(super) fn write_f64(values: &[f32], out: &mut [u8]) -> bool {
    for (bytes, x) in out.as_chunks_mut::<8>().0.iter_mut().zip(values) {
        *bytes = f64::from(*x).to_le_bytes();
    }
    true
}

pub(super) fn write_f32(values: &[f32], out: &mut [u8]) -> bool {
    for (bytes, x) in out.as_chunks_mut::<4>().0.iter_mut().zip(values) {
        *bytes = x.to_le_bytes();
    }
    true
}

/// Whether all were within the range of f16, about 65 thousand.
pub(super) fn write_f16(values: &[f32], out: &mut [u8]) -> bool {
    let mut halves = [f16::ZERO; CHUNK];
    let mut fits = true;
    for (bytes, values) in out.chunks_mut(2 * CHUNK).zip(values.chunks(CHUNK)) {
        let halves = &mut halves[..values.len()];
        halves.convert_from_f32_slice(values);
        for (half, bytes) in halves.iter().zip(bytes.as_chunks_mut::<2>().0) {
            fits &= half.is_finite();
            *bytes = half.to_le_bytes();
        }
    }
    fits
}

/// Whether none was rounded up beyond the largest bf16.
pub(super) fn write_bf16(values: &[f32], out: &mut [u8]) -> bool {
    let mut fits = true;
    for (bytes, x) in out.as_chunks_mut::<2>().0.iter_mut().zip(values) {
        let rounded = bf16::from_f32(*x);
        fits &= rounded.is_finite();
        *bytes = rounded.to_le_bytes();
    }
    fits
}
