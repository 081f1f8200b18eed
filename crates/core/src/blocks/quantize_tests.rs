//! Writing and reading back: bounds by type, exact values, and the ends of the range.

use super::{QuantizeError, dequantize, is_written, quantize};
use crate::Dtype;

/// Numbers as trained weights have them: a bell, some ten times wider outliers.
fn bell(count: usize) -> Vec<f32> {
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut uniform = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 40) as f32 / (1u64 << 24) as f32
    };
    (0..count)
        .map(|n| {
            let sum: f32 = (0..12).map(|_| uniform()).sum();
            (sum - 6.0) * if n % 97 == 0 { 0.2 } else { 0.02 }
        })
        .collect()
}

fn round_trip(dtype: Dtype, values: &[f32]) -> Result<Vec<f32>, QuantizeError> {
    let mut bytes = vec![0xAA; dtype.row_bytes(values.len()).expect("whole blocks")];
    quantize(dtype, values, &mut bytes)?;
    let mut back = vec![0.0; values.len()];
    dequantize(dtype, &bytes, &mut back);
    Ok(back)
}

fn relative_error(got: &[f32], want: &[f32]) -> f64 {
    let square = |x: f32| f64::from(x) * f64::from(x);
    let error: f64 = got.iter().zip(want).map(|(g, w)| square(g - w)).sum();
    (error / want.iter().map(|&w| square(w)).sum::<f64>()).sqrt()
}

/// (type, relative error that its number of bits causes on the bell).
const BY_BITS: [(Dtype, f64); 11] = [
    (Dtype::F64, 0.0),
    (Dtype::F32, 0.0),
    (Dtype::F16, 2.5e-4),
    (Dtype::BF16, 1.8e-3),
    (Dtype::Q8_0, 0.0105),
    (Dtype::Q6K, 0.0285),
    (Dtype::Q5_1, 0.052),
    (Dtype::Q5_0, 0.083),
    (Dtype::Q4K, 0.095),
    (Dtype::Q4_1, 0.107),
    (Dtype::Q4_0, 0.16),
];

#[test]
fn the_error_is_that_of_the_bits() {
    let values = bell(256 * 64);
    for (dtype, bound) in BY_BITS {
        let error = relative_error(&round_trip(dtype, &values).expect("fits"), &values);
        assert!(error <= bound, "{dtype}: relative error {error}, bound {bound}");
        assert!(error >= bound / 1.5, "{dtype}: relative error {error}, the bound {bound} says nothing");
    }
}

#[test]
fn whole_steps_are_kept_exactly() {
    // Each group spans the whole range of its type in steps of 1/8, which is a power of two.
    let steps = |bottom: i32, count: usize| -> Vec<f32> {
        (0..256).map(|n| (bottom + (n % 32 % count) as i32) as f32 * 0.125).collect()
    };
    for (dtype, values) in [
        (Dtype::Q4_0, steps(-8, 16)),
        (Dtype::Q4_1, steps(-3, 16)),
        (Dtype::Q5_0, steps(-16, 32)),
        (Dtype::Q5_1, steps(-3, 32)),
        (Dtype::Q8_0, (0..256).map(|n| [127.0, -127.0, 3.0, 64.0][n % 4] * 0.125).collect()),
    ] {
        assert_eq!(round_trip(dtype, &values).expect("fits"), values, "{dtype}");
    }
}

#[test]
fn what_a_k_type_holds_it_keeps() {
    // d = 1/64 and dmin = 7/64 with full 6-bit scales; d = -1/4096 with full 8-bit ones.
    let four: Vec<f32> = (0..256).map(|n| ((n % 16) as f32 - 7.0) * 63.0 / 64.0).collect();
    assert_eq!(round_trip(Dtype::Q4K, &four).expect("fits"), four);
    let six: Vec<f32> = (0..256).map(|n| ((n % 16) as f32 * 4.0 - 32.0) * 128.0 / 4096.0).collect();
    assert_eq!(round_trip(Dtype::Q6K, &six).expect("fits"), six);
}

#[test]
fn zeros_stay_zero_and_signs_do_not_flip() {
    for (dtype, _) in BY_BITS {
        assert_eq!(round_trip(dtype, &[0.0; 256]).expect("fits"), [0.0; 256], "{dtype}");
        for sign in [1.0f32, -1.0] {
            let back = round_trip(dtype, &[sign * 0.75; 256]).expect("fits");
            let off = back.iter().map(|x| (x - sign * 0.75).abs()).fold(0.0, f32::max);
            assert!(off < 0.01, "{dtype}: {sign} * 0.75 off by {off}");
        }
    }
}

#[test]
fn what_is_too_small_becomes_small() {
    for (dtype, _) in BY_BITS {
        for tiny in [f32::from_bits(1), f32::MIN_POSITIVE, 1e-30, 6e-8] {
            let values: Vec<f32> = (0..256).map(|n| if n % 3 == 0 { -tiny } else { tiny }).collect();
            let back = round_trip(dtype, &values).expect("fits");
            // The least f16 is 6e-8: a scale below half of it is lost, one near it is rounded by up to itself;
            // a number is at most 32 such scales.
            let off = back.iter().zip(&values).map(|(g, w)| (g - w).abs()).fold(0.0, f32::max);
            assert!(off <= 32.0 * 6e-8, "{dtype}: {tiny:e} off by {off:e}");
        }
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let mut values = vec![0.5; 256];
    values[77] = f32::MAX;
    for (dtype, _) in BY_BITS {
        let result = round_trip(dtype, &values);
        match dtype {
            Dtype::F32 | Dtype::F64 => assert_eq!(result.expect("fits"), values),
            _ => assert_eq!(result, Err(QuantizeError::TooLarge { dtype, largest: f32::MAX })),
        }
    }
    values[3] = -f32::MAX; // the range itself overflows
    for dtype in [Dtype::Q4_1, Dtype::Q5_1, Dtype::Q4K] {
        assert!(matches!(round_trip(dtype, &values), Err(QuantizeError::TooLarge { .. })), "{dtype}");
    }
    let error = round_trip(Dtype::F16, &[65_520.0]).expect_err("beyond f16").to_string();
    assert_eq!(error, "numbers up to 6.552e4 are too large for F16");
}

#[test]
fn what_is_no_number_is_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = vec![0.5; 256];
        values[200] = value;
        for (dtype, _) in BY_BITS {
            let error = round_trip(dtype, &values).expect_err("not finite");
            assert!(matches!(error, QuantizeError::NotFinite { index: 200, .. }), "{dtype}: {error}");
        }
    }
}

#[test]
fn types_without_a_writer_say_so() {
    for dtype in Dtype::ALL {
        let listed = BY_BITS.iter().any(|&(known, _)| known == dtype);
        assert_eq!(is_written(dtype), listed, "{dtype}");
        if !listed {
            assert_eq!(round_trip(dtype, &[0.5; 256]), Err(QuantizeError::NotWritten { dtype }));
        }
    }
}
