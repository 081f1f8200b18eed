//! Products against a plain f64 twin: every element type, both layouts, sizes that divide nothing.

use wkv7_core::{Bytes, Dtype, Tensor};

use super::*;
use crate::arch::tests::on_every_path;

/// Numbers in (-1, 1) from a linear congruential generator.
fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    }
}

/// A stored matrix of random bytes whose every scale is a tame f16 number.
fn random_tensor(dtype: Dtype, rows: usize, columns: usize, seed: u64) -> Tensor {
    let mut noise = noise(seed);
    let blocks = rows * columns / dtype.block_len();
    let mut bytes = Vec::new();
    for _ in 0..blocks {
        match dtype {
            Dtype::F64 => bytes.extend(f64::from(noise()).to_le_bytes()),
            Dtype::F32 => bytes.extend(noise().to_le_bytes()),
            Dtype::F16 => bytes.extend(half::f16::from_f32(noise()).to_le_bytes()),
            Dtype::BF16 => bytes.extend(half::bf16::from_f32(noise()).to_le_bytes()),
            _ => {
                let start = bytes.len();
                bytes.extend((0..dtype.block_bytes()).map(|_| (noise() * 128.0) as i8 as u8));
                for at in scales(dtype) {
                    let scale = half::f16::from_f32(0.01 + 0.01 * noise().abs()).to_le_bytes();
                    bytes[start + at..start + at + 2].copy_from_slice(&scale);
                }
            }
        }
    }
    Tensor::new("random", dtype, &[rows, columns], Bytes::from(bytes)).expect("valid")
}

/// Where a block keeps its f16 numbers.
fn scales(dtype: Dtype) -> &'static [usize] {
    match dtype {
        Dtype::Q4_1 | Dtype::Q5_1 | Dtype::Q4K | Dtype::Q5K => &[0, 2],
        Dtype::Q2K => &[80, 82],
        Dtype::Q3K => &[108],
        Dtype::Q6K => &[208],
        _ => &[0],
    }
}

fn products(isa: impl Isa, pool: &Pool, matrix: &Matrix, x: &[f32], then: Then, out: &mut [f32]) {
    multiply(isa, pool, &[Product::new(matrix, x, out, then)]);
}

/// Every output within rounding of its f64 twin, measured against the sum of magnitudes it was made from.
fn check_against_twin(isa: impl Isa, pool: &Pool, tensor: &Tensor, tokens: usize) {
    let matrix = Matrix::of(tensor);
    let (inputs, outputs) = (matrix.inputs(), matrix.outputs());
    let mut noise = noise(7);
    let x: Vec<f32> = (0..tokens * inputs).map(|_| noise()).collect();
    let mut got = vec![0.0; tokens * outputs];
    products(isa, pool, &matrix, &x, Then::Store, &mut got);
    let weights = tensor.to_f32();
    for (token, x) in x.chunks_exact(inputs).enumerate() {
        for (output, row) in weights.chunks_exact(inputs).enumerate() {
            let terms = row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
            let (sum, magnitude) = terms.fold((0.0, 0.0), |(s, m), term| (s + term, m + term.abs()));
            let off = (f64::from(got[token * outputs + output]) - sum).abs();
            let (dtype, layout) = (tensor.dtype(), tensor.layout());
            assert!(off <= 1e-6 * magnitude, "{dtype} {layout:?} token {token} output {output}: off {off:e}");
        }
    }
}

#[test]
fn every_type_and_layout_matches_its_f64_twin() {
    fn check(isa: impl Isa) {
        let pool = Pool::new(Some(2)).expect("threads");
        for (seed, dtype) in Dtype::ALL.into_iter().enumerate() {
            let columns = if dtype.is_block() { 3 * dtype.block_len() } else { 83 };
            for tokens in [1, 5] {
                let tensor = random_tensor(dtype, 71, columns, seed as u64);
                check_against_twin(isa, &pool, &tensor, tokens);
                check_against_twin(isa, &pool, &tensor.transposed(), tokens);
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn sizes_that_divide_nothing_match_their_f64_twin() {
    fn check(isa: impl Isa) {
        let pool = Pool::new(Some(1)).expect("threads");
        for (rows, columns) in [(1, 1), (1, 300), (2, 15), (3, 17), (33, 31), (65, 129), (300, 1), (64, 64)] {
            for tokens in [1, 2, 3, 4, 7] {
                let tensor = random_tensor(Dtype::F32, rows, columns, 3);
                check_against_twin(isa, &pool, &tensor, tokens);
                check_against_twin(isa, &pool, &tensor.transposed(), tokens);
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn a_token_gets_the_same_bits_in_any_company_and_on_any_number_of_threads() {
    fn check(isa: impl Isa) {
        let (one, three) = (Pool::new(Some(1)).expect("threads"), Pool::new(Some(3)).expect("threads"));
        let tensor = random_tensor(Dtype::BF16, 139, 203, 5);
        for tensor in [tensor.clone(), tensor.transposed()] {
            let matrix = Matrix::of(&tensor);
            let (inputs, outputs) = (matrix.inputs(), matrix.outputs());
            let mut noise = noise(11);
            let x: Vec<f32> = (0..11 * inputs).map(|_| noise()).collect();
            let mut together = vec![0.0; 11 * outputs];
            products(isa, &three, &matrix, &x, Then::Store, &mut together);
            for (x, together) in x.chunks_exact(inputs).zip(together.chunks_exact(outputs)) {
                let mut alone = vec![0.0; outputs];
                products(isa, &one, &matrix, x, Then::Store, &mut alone);
                assert_eq!(alone, together);
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn what_becomes_of_a_product() {
    let pool = Pool::new(Some(1)).expect("threads");
    let matrix = Matrix::of(&Tensor::from_f32("m", &[2, 1], &[2.0, -3.0]).expect("valid"));
    let cases: [(Then, [f32; 2]); 5] = [
        (Then::Store, [2.0, -3.0]),
        (Then::Add, [12.0, 7.0]),
        (Then::SquaredRelu, [4.0, 0.0]),
        (Then::Tanh, [2.0f32.tanh(), (-3.0f32).tanh()]),
        (Then::Sigmoid, [1.0 / (1.0 + (-2.0f32).exp()), 1.0 / (1.0 + 3.0f32.exp())]),
    ];
    for (then, want) in cases {
        let mut out = [10.0; 2];
        products(crate::arch::Portable, &pool, &matrix, &[1.0], then, &mut out);
        assert_eq!(out, want, "{then:?}");
    }
}

#[test]
fn extreme_numbers_go_through() {
    fn check(isa: impl Isa) {
        for x in [0.0, f32::MIN_POSITIVE / 8.0, f32::MAX / 64.0] {
            let a = [x; 37];
            let got = isa.run(
                #[inline(always)]
                || dot(isa, &a, &[1.0; 37]),
            );
            assert!((f64::from(got) - 37.0 * f64::from(x)).abs() <= 1e-6 * 37.0 * f64::from(x), "{x}: {got}");
        }
    }
    on_every_path!(check);
}
