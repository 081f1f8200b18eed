//! Element types as bytes: reading any type as f32, writing those that files are made of.
//!
//! The block layouts are those of ggml (`ggml-common.h`, `ggml-quants.c`), bit for bit. All integers and
//! scales are little endian. One file per family:
//!
//! | file | types | a block holds |
//! |---|---|---|
//! | `plain` | F64 F32 F16 BF16 | one number |
//! | `q32` | Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 | 32 numbers, one scale, perhaps a minimum |
//! | `k256` | Q2_K Q3_K Q4_K Q5_K Q6_K | 256 numbers, scales of scales |
//! | `iq4` | IQ4_NL IQ4_XS | indices into a table of 16 levels |
//!
//! [`dequantize`] reads them all; [`quantize`] writes those that a converter makes (`*_write`).
//!
//! Everything here is always inlined, so that a caller compiled for a larger instruction set takes the loops with it.

mod iq4;
mod k256;
mod plain;
mod q32;
mod q32_write;
mod q4_k_write;
mod q6_k_write;
mod quantize;

use crate::Dtype;

pub use quantize::{QuantizeError, is_written, quantize};

/// Numbers in the largest block.
pub const MAX_LEN: usize = 256;

/// Reads `bytes` (whole blocks of `dtype`) as f32 into `out`.
///
/// # Panics
/// Where `bytes` and `out` are not the same number of whole blocks: a mistake of the caller.
#[inline(always)]
pub fn dequantize(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    assert_eq!(dtype.row_bytes(out.len()), Some(bytes.len()), "bytes of {} numbers of {dtype}", out.len());
    match dtype {
        Dtype::F64 => plain::read_f64(bytes, out),
        Dtype::F32 => plain::read_f32(bytes, out),
        Dtype::F16 => plain::read_f16(bytes, out),
        Dtype::BF16 => plain::read_bf16(bytes, out),
        Dtype::Q8_0 => each(bytes, out, q32::read_q8_0),
        Dtype::Q4_0 => each(bytes, out, q32::read_q4_0),
        Dtype::Q4_1 => each(bytes, out, q32::read_q4_1),
        Dtype::Q5_0 => each(bytes, out, q32::read_q5_0),
        Dtype::Q5_1 => each(bytes, out, q32::read_q5_1),
        Dtype::Q2K => each(bytes, out, k256::read_q2_k),
        Dtype::Q3K => each(bytes, out, k256::read_q3_k),
        Dtype::Q4K => each(bytes, out, k256::read_q4_k),
        Dtype::Q5K => each(bytes, out, k256::read_q5_k),
        Dtype::Q6K => each(bytes, out, k256::read_q6_k),
        Dtype::Iq4Nl => each(bytes, out, iq4::read_nl),
        Dtype::Iq4Xs => each(bytes, out, iq4::read_xs),
    }
}

/// Runs `read` on every block of `BYTES` bytes and `LEN` numbers.
#[inline(always)]
fn each<const BYTES: usize, const LEN: usize>(
    bytes: &[u8],
    out: &mut [f32],
    read: impl Fn(&[u8; BYTES], &mut [f32; LEN]),
) {
    let (blocks, _) = bytes.as_chunks::<BYTES>();
    let (outs, _) = out.as_chunks_mut::<LEN>();
    for (block, out) in blocks.iter().zip(outs) {
        read(block, out);
    }
}

/// The f16 number at byte `at` of a block.
#[inline(always)]
fn f16_at(block: &[u8], at: usize) -> f32 {
    half::f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

#[cfg(test)]
mod quantize_tests;
#[cfg(test)]
mod tests;
