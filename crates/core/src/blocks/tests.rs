//! One block of each type against values worked out by hand from the layouts: byte p of the block is
//! (37 p + 11) mod 256, then d is set to 0.0625 and the minimum's scale, where there is one, to 0.03125.

use super::*;

/// (type, offset of d, offset of m or dmin, (index, value)..., sum, sum of n * x\[n\])
type Case = (Dtype, usize, Option<usize>, &'static [(usize, f32)], f64, f64);

const CASES: [Case; 12] = [
    (Dtype::Q8_0, 0, None, &[(0, 5.3125), (1, 7.625), (17, -3.375), (31, -3.0)], -11.0, -494.0),
    (Dtype::Q4_0, 0, None, &[(0, -0.1875), (1, 0.125), (17, -0.0625), (31, 0.0)], -1.3125, -31.0625),
    (Dtype::Q4_1, 0, Some(2), &[(0, 0.96875), (1, 0.28125), (17, 0.78125), (31, 0.78125)], 16.3125, 249.125),
    (Dtype::Q5_0, 0, None, &[(0, 0.5625), (1, -0.125), (17, 0.0), (31, 0.0625)], 0.9375, 6.0625),
    (Dtype::Q5_1, 0, Some(2), &[(0, 1.21875), (1, 1.53125), (17, 0.34375), (31, 0.34375)], 32.5625, 477.75),
    (Dtype::Iq4Nl, 0, None, &[(0, -2.1875), (1, 1.5625), (17, -0.625), (31, 0.0625)], -16.0625, -416.375),
    (
        Dtype::Q2K,
        80,
        Some(82),
        &[(0, 2.0625), (17, -0.09375), (33, -0.15625), (255, 0.28125)],
        128.6875,
        15066.9375,
    ),
    (
        Dtype::Q3K,
        108,
        None,
        &[(0, 5.0625), (1, -6.75), (17, 8.0), (33, 2.75), (255, 2.625)],
        59.875,
        11011.6875,
    ),
    (Dtype::Q4K, 0, Some(2), &[(0, 19.71875), (1, -1.59375), (33, 1.25), (100, 5.9375)], 3402.5, 469_900.0),
    (
        Dtype::Q5K,
        0,
        Some(2),
        &[(0, 50.71875), (33, -0.25), (100, 14.6875), (255, 6.78125)],
        7263.5,
        994_452.0,
    ),
    (Dtype::Q6K, 208, None, &[(0, -89.4375), (1, 106.0), (100, 157.6875), (255, -3.75)], 288.25, 48738.0),
    (
        Dtype::Iq4Xs,
        0,
        None,
        &[(0, 4.0625), (17, 2.1875), (200, 71.25), (255, -1.0)],
        -687.8125,
        -130_008.062_5,
    ),
];

#[test]
fn every_layout_is_read_bit_for_bit() {
    for (dtype, d, min, values, sum, weighted) in CASES {
        let mut block: Vec<u8> = (0..dtype.block_bytes()).map(|p| ((37 * p + 11) % 256) as u8).collect();
        block[d..d + 2].copy_from_slice(&0x2C00u16.to_le_bytes());
        if let Some(min) = min {
            block[min..min + 2].copy_from_slice(&0x2800u16.to_le_bytes());
        }
        let mut out = vec![0.0; dtype.block_len()];
        dequantize(dtype, &block, &mut out);
        for &(n, value) in values {
            assert_eq!(out[n], value, "{dtype} number {n}");
        }
        let total: f64 = out.iter().map(|&x| f64::from(x)).sum();
        let moment: f64 = out.iter().enumerate().map(|(n, &x)| n as f64 * f64::from(x)).sum();
        assert_eq!((total, moment), (sum, weighted), "{dtype}");
    }
}

#[test]
fn plain_numbers_are_read_from_any_offset() {
    let values = [1.5f32, -2.0, 0.25, 3.0e-5];
    let half: Vec<u8> = values.iter().flat_map(|&x| half::f16::from_f32(x).to_le_bytes()).collect();
    let brain: Vec<u8> = values.iter().flat_map(|&x| half::bf16::from_f32(x).to_le_bytes()).collect();
    let double: Vec<u8> = values.iter().flat_map(|&x| f64::from(x).to_le_bytes()).collect();
    for (dtype, bytes, tolerance) in
        [(Dtype::F16, half, 1e-3), (Dtype::BF16, brain, 4e-3), (Dtype::F64, double, 0.0)]
    {
        let shifted: Vec<u8> = std::iter::once(0).chain(bytes).collect();
        let mut out = [0.0; 4];
        dequantize(dtype, &shifted[1..], &mut out);
        for (got, want) in out.iter().zip(values) {
            assert!((got - want).abs() <= tolerance * want.abs(), "{dtype}: {got} for {want}");
        }
    }
}
