//! Writing numbers as any type that a converter may ask for.

use super::{plain, q4_k_write, q6_k_write, q32_write};
use crate::Dtype;

/// Why numbers could not be stored in a type.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// There is no writer for the type; files that hold it can be read.
    #[error(
        "{dtype} is read but not written; written are F64 F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q6_K"
    )]
    NotWritten {
        /// The type asked for.
        dtype: Dtype,
    },
    /// An infinity or not a number at all: a block's scale would spread it over its neighbours.
    #[error("number {index} is {value}, which {dtype} cannot hold")]
    NotFinite {
        /// The type asked for.
        dtype: Dtype,
        /// Position among the numbers given.
        index: usize,
        /// What stands there.
        value: f32,
    },
    /// A number or the scale of its block would become an infinity.
    #[error("numbers up to {largest:e} are too large for {dtype}")]
    TooLarge {
        /// The type asked for.
        dtype: Dtype,
        /// Largest absolute value among the numbers given.
        largest: f32,
    },
}

/// Whether [`quantize`] writes `dtype`.
#[must_use]
pub fn is_written(dtype: Dtype) -> bool {
    !matches!(dtype, Dtype::Q2K | Dtype::Q3K | Dtype::Q5K | Dtype::Iq4Nl | Dtype::Iq4Xs)
}

/// Stores `values` as whole blocks of `dtype` in `out`.
///
/// Plain types round to nearest, ties to even. The types of 32 numbers are rounded as ggml's own reference
/// does, bit for bit; Q4_K and Q6_K search the scales with the least squared error.
///
/// # Errors
/// [`QuantizeError`]; the content of `out` is then unspecified.
///
/// # Panics
/// Where `values` and `out` are not the same number of whole blocks: a mistake of the caller.
pub fn quantize(dtype: Dtype, values: &[f32], out: &mut [u8]) -> Result<(), QuantizeError> {
    assert_eq!(
        dtype.row_bytes(values.len()),
        Some(out.len()),
        "bytes of {} numbers of {dtype}",
        values.len()
    );
    if let Some(index) = values.iter().position(|x| !x.is_finite()) {
        return Err(QuantizeError::NotFinite { dtype, index, value: values[index] });
    }
    let fits = match dtype {
        Dtype::F64 => plain::write_f64(values, out),
        Dtype::F32 => plain::write_f32(values, out),
        Dtype::F16 => plain::write_f16(values, out),
        Dtype::BF16 => plain::write_bf16(values, out),
        Dtype::Q8_0 => each(values, out, q32_write::write_q8_0),
        Dtype::Q4_0 => each(values, out, q32_write::write_q4_0),
        Dtype::Q4_1 => each(values, out, q32_write::write_q4_1),
        Dtype::Q5_0 => each(values, out, q32_write::write_q5_0),
        Dtype::Q5_1 => each(values, out, q32_write::write_q5_1),
        Dtype::Q4K => each(values, out, q4_k_write::write),
        Dtype::Q6K => each(values, out, q6_k_write::write),
        Dtype::Q2K | Dtype::Q3K | Dtype::Q5K | Dtype::Iq4Nl | Dtype::Iq4Xs => {
            return Err(QuantizeError::NotWritten { dtype });
        }
    };
    if fits {
        return Ok(());
    }
    let largest = values.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    Err(QuantizeError::TooLarge { dtype, largest })
}

/// Runs `write` on every block; whether all fitted.
#[inline]
fn each<const BYTES: usize, const LEN: usize>(
    values: &[f32],
    out: &mut [u8],
    write: impl Fn(&[f32; LEN], &mut [u8; BYTES]) -> bool,
) -> bool {
    let (blocks, _) = values.as_chunks::<LEN>();
    let (outs, _) = out.as_chunks_mut::<BYTES>();
    blocks.iter().zip(outs).all(|(block, out)| write(block, out))
}

/// Stores an f16 at byte `at` of a block and gives the number as it will be read; `None` where it is infinite.
#[inline]
pub(super) fn put_f16(block: &mut [u8], at: usize, value: f32) -> Option<f32> {
    let rounded = half::f16::from_f32(value);
    block[at..at + 2].copy_from_slice(&rounded.to_le_bytes());
    rounded.is_finite().then(|| rounded.to_f32())
}

/// The nearest whole number, ties to even, of anything below 2^22.
///
/// Adding 1.5 * 2^23 leaves no bit for a fraction; unlike `f32::round_ties_even` it is two instructions on
/// every CPU and in every vector unit.
#[inline]
pub(super) fn nearest(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    (x + MAGIC) - MAGIC
}
