//! Random numbers as the bytes of any element type.

use half::{bf16, f16};
use wkv7_core::{Dtype, blocks};

use crate::Random;

/// `count` numbers drawn evenly from `[low, high)`, as bytes of `dtype`.
///
/// Plain types hold the same numbers, rounded. Block types are filled with random bits, so that every bit
/// pattern of quants and group scales occurs; only the scales of whole blocks are chosen, to give mean about
/// zero and the standard deviation of the range.
///
/// # Panics
/// Where `count` is not whole blocks.
#[must_use]
pub fn random_bytes(dtype: Dtype, count: usize, low: f64, high: f64, random: &mut Random) -> Vec<u8> {
    if dtype.is_block() {
        assert!(count.is_multiple_of(dtype.block_len()), "{count} numbers are not whole blocks of {dtype}");
        let deviation = (high - low) / 12f64.sqrt();
        return (0..count / dtype.block_len()).flat_map(|_| random_block(dtype, deviation, random)).collect();
    }
    let values: Vec<f64> = (0..count).map(|_| random.between(low, high)).collect();
    plain_bytes(dtype, &values)
}

/// `values` rounded to a plain type.
///
/// # Panics
/// For a block type.
#[must_use]
pub fn plain_bytes(dtype: Dtype, values: &[f64]) -> Vec<u8> {
    let each = values.iter();
    match dtype {
        Dtype::F64 => each.flat_map(|x| x.to_le_bytes()).collect(),
        Dtype::F32 => each.flat_map(|&x| (x as f32).to_le_bytes()).collect(),
        // By way of f32, as checkpoints are rounded.
        Dtype::F16 => each.flat_map(|&x| f16::from_f32(x as f32).to_le_bytes()).collect(),
        Dtype::BF16 => each.flat_map(|&x| bf16::from_f32(x as f32).to_le_bytes()).collect(),
        _ => panic!("{dtype} is a block type"),
    }
}

/// Where a block type keeps its scales.
struct Scales {
    /// Byte of the f16 scale `d`.
    d: usize,
    /// Byte of the f16 minimum, and the minimum that makes the mean zero for d = 1.
    min: Option<(usize, f32)>,
}

/// Layouts: see `wkv7_core::blocks`. A minimum is the mean of quant (times group scale) over that of what
/// it multiplies.
fn scales(dtype: Dtype) -> Scales {
    let (d, min) = match dtype {
        Dtype::Q4_1 => (0, Some((2, -7.5))),
        Dtype::Q5_1 => (0, Some((2, -15.5))),
        Dtype::Q2K => (80, Some((82, 1.5))),
        Dtype::Q3K => (108, None),
        Dtype::Q4K => (0, Some((2, 7.5))),
        Dtype::Q5K => (0, Some((2, 15.5))),
        Dtype::Q6K => (208, None),
        _ => (0, None),
    };
    Scales { d, min }
}

fn random_block(dtype: Dtype, deviation: f64, random: &mut Random) -> Vec<u8> {
    let mut block: Vec<u8> = (0..dtype.block_bytes()).map(|_| random.bits() as u8).collect();
    let scales = scales(dtype);
    let set = |block: &mut [u8], scale: f32| {
        block[scales.d..scales.d + 2].copy_from_slice(&f16::from_f32(scale).to_le_bytes());
        if let Some((at, min)) = scales.min {
            block[at..at + 2].copy_from_slice(&f16::from_f32(scale * min).to_le_bytes());
        }
    };
    set(&mut block, 1.0);
    let mut values = vec![0.0; dtype.block_len()];
    blocks::dequantize(dtype, &block, &mut values);
    let square = values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / values.len() as f64;
    // Blocks differ in scale, as in a real file, so that a scale taken from the wrong block shows.
    let scale = random.between(0.7, 1.3) * deviation / square.sqrt().max(1e-9);
    set(&mut block, scale as f32);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_the_deviation_asked_for() {
        for dtype in Dtype::ALL {
            let bytes = random_bytes(dtype, 4096, -0.1, 0.1, &mut Random::new(1));
            let mut values = vec![0.0; 4096];
            blocks::dequantize(dtype, &bytes, &mut values);
            let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / 4096.0;
            let deviation = (values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / 4096.0).sqrt();
            let want = 0.2 / 12f64.sqrt();
            assert!((0.9..1.15).contains(&(deviation / want)), "{dtype}: {deviation} for {want}");
            assert!(mean.abs() < 0.15 * want, "{dtype}: mean {mean}");
        }
    }
}
