//! Products against a plain f64 twin: every element type, both layouts, sizes that divide nothing.

use wkv7_core::{Bytes, Dtype, Tensor};

use super::*;
use crate::activations::{Activations, MANY, MANY_CODES};
use crate::arch::tests::on_every_path;
use crate::arch::{Isa, LANES, Path, With};
use crate::part_tiles::rounded;
use crate::team::{Shared, Team};
use crate::weights::Matrix;

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
            Dtype::F16 => bytes.extend(::half::f16::from_f32(noise()).to_le_bytes()),
            Dtype::BF16 => bytes.extend(::half::bf16::from_f32(noise()).to_le_bytes()),
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

/// Products as a forward does them: vectors put in one phase, multiplied in the next.
fn products<I: Isa>(
    isa: I,
    team: &mut Team,
    matrix: &Matrix,
    x: &[f32],
    then: Then,
    out: &mut [f32],
) -> Vec<f32> {
    products_in(isa, &mut Activations::default(), team, matrix, x, then, out)
}

/// [`products`] in vectors that may have been used before.
fn products_in<I: Isa>(
    isa: I,
    vectors: &mut Activations,
    team: &mut Team,
    matrix: &Matrix,
    x: &[f32],
    then: Then,
    out: &mut [f32],
) -> Vec<f32> {
    let n = matrix.inputs();
    let tokens = x.len() / n;
    vectors.resize(n, tokens, matrix.kind.forms::<I>(), team.members());
    let mut desks: Vec<Desk> = std::iter::repeat_with(Desk::default).take(team.members()).collect();
    {
        let (vectors, out, desks) = (vectors.share(), Shared::new(out), Shared::new(&mut desks));
        team.run(|member| {
            member.each_group(tokens, vectors.group(), |token| {
                isa.run(
                    #[inline(always)]
                    // SAFETY: each task puts its own group.
                    || unsafe { vectors.put(isa, token, &x[token * n..(token + 1) * n]) },
                );
            });
            // SAFETY: each member takes its own desk.
            let desk = &mut unsafe { desks.part(member.number()..member.number() + 1) }[0];
            // SAFETY: the vectors are in, and the members have met since.
            let input = unsafe { vectors.input() };
            let products = [Product::new(matrix, input, out, then)];
            multiply(isa, member, desk, &products, Meanwhile::default());
        });
    }
    x.chunks_exact(n).flat_map(|x| seen(isa, matrix, x)).collect()
}

/// What the kernels see of a vector: codes stand for numbers a little off, and so does bf16.
fn seen<I: Isa>(isa: I, matrix: &Matrix, x: &[f32]) -> Vec<f32> {
    let mut vectors = Activations::default();
    vectors.resize(x.len(), 1, matrix.kind.forms::<I>(), 1);
    let shared = vectors.share();
    // SAFETY: there is only this thread.
    isa.run(|| unsafe { shared.put(isa, 0, x) });
    // SAFETY: as above.
    let input = unsafe { shared.input() };
    match matrix.kind {
        Kind::Block(_) => {
            let codes = input.codes(0);
            let numbers = codes.codes.iter().zip(codes.scales);
            let numbers = numbers.flat_map(|(codes, scale)| codes.0.map(|code| f32::from(code) * scale));
            numbers.take(x.len()).collect()
        }
        Kind::SuperBlock(_) => {
            let numbers = input.spans(0).iter().flat_map(|span| {
                span.codes.as_flattened().iter().map(|code| f32::from(*code) * span.facts.scale)
            });
            numbers.take(x.len()).collect()
        }
        kind if kind.is_paired::<I>() => x.iter().map(|x| rounded(*x)).collect(),
        _ => x.to_vec(),
    }
}

/// Numbers for vectors: tame ones, or what breaks kernels.
fn vectors(of: &str, len: usize) -> Vec<f32> {
    let mut noise = noise(7);
    let odd = [0.0, -0.0, f32::MIN_POSITIVE, 1e-40, -1e-45, 1.0, -1e-20, 3e4];
    (0..len)
        .map(|at| match of {
            "zeros" => 0.0,
            "subnormal" => noise() * 1e-40,
            "large" => noise() * 1e30,
            "spikes" => odd[(at * 7 + at / 5) % odd.len()],
            _ => noise(),
        })
        .collect()
}

/// Every output within rounding of its f64 twin over what the kernel saw, measured against the sum of magnitudes it was
/// made from; and what it saw within half a step of what it was given.
fn check_against_twin<I: Isa>(
    isa: I,
    team: &mut Team,
    tensor: &Tensor,
    tokens: usize,
    exact: bool,
    of: &str,
) {
    let matrix = Matrix::right(tensor, exact).expect("a matrix");
    let (inputs, outputs) = (matrix.inputs(), matrix.outputs());
    let x = vectors(of, tokens * inputs);
    let mut got = vec![0.0; tokens * outputs];
    let seen = products(isa, team, &matrix, &x, Then::Store, &mut got);
    for (x, seen) in x.chunks(inputs).zip(seen.chunks(inputs)) {
        let shared = if matches!(matrix.kind, Kind::SuperBlock(_)) { 256 } else { 32 }; // numbers to a scale
        for (x, seen) in x.chunks(shared).zip(seen.chunks(shared)) {
            let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
            let near = |(x, seen): (&f32, &f32)| (x - seen).abs() <= largest * 0.501 / 127.0 + 1e-30;
            assert!(x.iter().zip(seen).all(near), "{of}: {x:?} seen as {seen:?}");
        }
    }
    let weights = tensor.to_f32();
    for (token, x) in seen.chunks_exact(inputs).enumerate() {
        for (output, row) in weights.chunks_exact(inputs).enumerate() {
            let terms = row.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
            let (sum, magnitude) = terms.fold((0.0, 0.0), |(s, m), term| (s + term, m + term.abs()));
            let off = (f64::from(got[token * outputs + output]) - sum).abs();
            let (dtype, layout) = (tensor.dtype(), tensor.layout());
            // Shifts and scales are multiplied with whole groups: their magnitude is that of both parts.
            let bound = match matrix.kind {
                Kind::Block(_) | Kind::SuperBlock(_) => 4e-6,
                Kind::Parts(2) if I::TILED => 8e-6, // 2^-17: activations in two parts
                _ => 1e-6,
            };
            assert!(
                off <= bound * magnitude + 1e-37,
                "{dtype} {layout:?} {of} [{outputs}, {inputs}] token {token} of {tokens}, output {output}: off {off:e}"
            );
        }
    }
}

#[test]
fn every_type_and_layout_matches_its_f64_twin() {
    fn check(isa: impl Isa) {
        let mut team = Team::new(Some(2)).expect("threads");
        for (seed, dtype) in Dtype::ALL.into_iter().enumerate() {
            let columns = if dtype.is_block() { 3 * dtype.block_len() } else { 83 };
            for tokens in [1, 2, 5, 19, 28] {
                let tensor = random_tensor(dtype, 71, columns, seed as u64);
                for exact in [false, true] {
                    check_against_twin(isa, &mut team, &tensor, tokens, exact, "noise");
                }
                if tokens == 5 {
                    check_against_twin(isa, &mut team, &tensor.transposed(), tokens, false, "noise");
                }
            }
            for (rows, columns, tokens) in
                [(16, 32, 1), (71, 96, 2), (40, 64, 16), (71, 96, 35), (16, 160, 97)]
            {
                let tensor = random_tensor(Dtype::BF16, rows, columns, seed as u64);
                for exact in [false, true] {
                    check_against_twin(isa, &mut team, &tensor, tokens, exact, "noise");
                }
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn odd_numbers_match_their_f64_twin() {
    fn check(isa: impl Isa) {
        let mut team = Team::new(Some(1)).expect("threads");
        for (seed, dtype) in Dtype::ALL.into_iter().enumerate() {
            let columns = if dtype.is_block() { 2 * dtype.block_len() } else { 37 };
            let tensor = random_tensor(dtype, 18, columns, seed as u64);
            for of in ["zeros", "subnormal", "large", "spikes"] {
                for tokens in [1, 3, MANY_CODES, MANY + 1, LANES] {
                    check_against_twin(isa, &mut team, &tensor, tokens, false, of);
                    let steps = random_tensor(Dtype::BF16, 18, 64, seed as u64);
                    check_against_twin(isa, &mut team, &steps, tokens, tokens == 3, of);
                }
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn every_length_up_to_300_matches_its_f64_twin() {
    fn check(isa: impl Isa) {
        let mut team = Team::new(Some(1)).expect("threads");
        for length in 1..=300 {
            let dtype = [Dtype::F32, Dtype::F16, Dtype::BF16][length % 3];
            for tokens in [1, MANY] {
                let tensor = random_tensor(dtype, 1 + length % 21, length, 3);
                check_against_twin(isa, &mut team, &tensor, tokens, false, "noise");
            }
        }
        for blocks in 1..=5 {
            for dtype in [Dtype::Q4K, Dtype::Q5K, Dtype::Q6K] {
                for tokens in [1, 2, MANY] {
                    let tensor = random_tensor(dtype, 15 + blocks, 256 * blocks, 4);
                    check_against_twin(isa, &mut team, &tensor, tokens, false, "noise");
                }
            }
        }
        // bf16 rows that are read in places far from each other: so many panels, and some that leave rows over.
        for rows in [32, 48, 53, 64, 81] {
            for tokens in [1, 5] {
                let tensor = random_tensor(Dtype::BF16, rows, 1024, 4);
                check_against_twin(isa, &mut team, &tensor, tokens, false, "noise");
            }
        }
        for groups in 1..=20 {
            for dtype in [Dtype::Q8_0, Dtype::Q4_0, Dtype::Q4_1, Dtype::Q5_0, Dtype::Q5_1] {
                for tokens in [1, MANY, 40] {
                    let tensor = random_tensor(dtype, 1 + groups % 19, 32 * groups, 4);
                    check_against_twin(isa, &mut team, &tensor, tokens, false, "noise");
                }
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn a_token_gets_the_same_bits_in_any_company_and_on_any_number_of_threads() {
    fn check(isa: impl Isa) {
        let (mut one, mut three) =
            (Team::new(Some(1)).expect("threads"), Team::new(Some(3)).expect("threads"));
        for dtype in Dtype::ALL {
            let columns = match dtype {
                Dtype::BF16 => 224,
                _ if dtype.is_block() => 512,
                _ => 203,
            };
            let tensor = random_tensor(dtype, 151, columns, 5);
            for exact in [false, true] {
                let matrix = Matrix::right(&tensor, exact).expect("a matrix");
                let (inputs, outputs) = (matrix.inputs(), matrix.outputs());
                let x = vectors("noise", 40 * inputs);
                let mut alone = vec![0.0; 40 * outputs];
                for (x, alone) in x.chunks_exact(inputs).zip(alone.chunks_exact_mut(outputs)) {
                    products(isa, &mut one, &matrix, x, Then::Store, alone);
                }
                for company in [2, 3, 4, 6, 7, 9, 16, 17, 22, 23, 28, 40] {
                    // One thread has tasks of several panels, the last of which is not whole.
                    for team in [&mut one, &mut three] {
                        let (threads, x) = (team.members(), &x[..company * inputs]);
                        let mut together = vec![0.0; company * outputs];
                        products(isa, team, &matrix, x, Then::Store, &mut together);
                        let as_alone = alone[..company * outputs] == together;
                        assert!(as_alone, "{dtype}, {company} tokens, {threads} threads");
                    }
                }
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn what_longer_passes_left_behind_changes_no_bit() {
    fn check(isa: impl Isa) {
        let mut team = Team::new(Some(1)).expect("threads");
        for dtype in [Dtype::F16, Dtype::BF16, Dtype::Q8_0, Dtype::Q4_1, Dtype::Q4K, Dtype::Q5K, Dtype::Q6K] {
            let tensor = random_tensor(dtype, 21, 256, 6);
            let matrix = Matrix::right(&tensor, false).expect("a matrix");
            let (mut vectors_room, x) = (Activations::default(), vectors("noise", 17 * 256));
            let mut out = vec![0.0; 32 * 21];
            products_in(
                isa,
                &mut vectors_room,
                &mut team,
                &matrix,
                &[f32::NAN; 32 * 256],
                Then::Store,
                &mut out,
            );
            assert!(out.iter().all(|y| y.is_nan()), "{dtype}");
            for tokens in [17, 15] {
                let x = &x[..tokens * 256];
                let [mut again, mut fresh] = [vec![0.0; tokens * 21], vec![0.0; tokens * 21]];
                products_in(isa, &mut vectors_room, &mut team, &matrix, x, Then::Store, &mut again);
                products(isa, &mut team, &matrix, x, Then::Store, &mut fresh);
                assert!(again == fresh, "{dtype}, {tokens} tokens");
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn what_becomes_of_a_product() {
    let mut team = Team::new(Some(1)).expect("threads");
    let tensor = Tensor::from_f32("m", &[2, 1], &[2.0, -3.0]).expect("valid");
    let matrix = Matrix::right(&tensor, false).expect("a matrix");
    let cases: [(Then, [f32; 2]); 5] = [
        (Then::Store, [2.0, -3.0]),
        (Then::Add, [12.0, 7.0]),
        (Then::SquaredRelu, [4.0, 0.0]),
        (Then::Tanh, [2.0f32.tanh(), (-3.0f32).tanh()]),
        (Then::Sigmoid, [1.0 / (1.0 + (-2.0f32).exp()), 1.0 / (1.0 + 3.0f32.exp())]),
    ];
    for (then, want) in cases {
        let mut out = [10.0; 2];
        products(crate::arch::Portable::<false, false>, &mut team, &matrix, &[1.0], then, &mut out);
        let near = |(out, want): (&f32, &f32)| (out - want).abs() <= 3e-7 * want.abs();
        assert!(out.iter().zip(&want).all(near), "{then:?}: {out:?}");
    }
}

#[test]
fn what_is_no_number_shows() {
    fn check(isa: impl Isa) {
        let mut team = Team::new(Some(1)).expect("threads");
        for dtype in [Dtype::F16, Dtype::BF16, Dtype::Q8_0, Dtype::Q4_0, Dtype::Q4K, Dtype::Q5K, Dtype::Q6K] {
            let tensor = random_tensor(dtype, 16, 256, 9);
            let matrix = Matrix::right(&tensor, false).expect("a matrix");
            for tokens in [1, MANY, LANES] {
                let mut x = vectors("noise", tokens * 256);
                x[100..104].fill(f32::NAN);
                let mut out = vec![0.0; tokens * 16];
                products(isa, &mut team, &matrix, &x, Then::SquaredRelu, &mut out);
                assert!(out[..16].iter().all(|y| y.is_nan()), "{dtype}: {out:?}");
                assert!(out[16..].iter().all(|y| y.is_finite()), "{dtype}: {out:?}");
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn stored_by_unit_a_matrix_gives_the_same_bits() {
    fn check<I: Isa>(isa: I) {
        for (dtype, size) in [(Dtype::F32, 4), (Dtype::F16, 2), (Dtype::BF16, 2)] {
            for (rows, columns) in [(1, 1), (64, 256), (71, 83), (130, 512)] {
                let mut team = Team::new(Some(2)).expect("threads");
                let tensor = random_tensor(dtype, rows, columns, 8);
                let mut matrix = Matrix::right(&tensor, false).expect("a matrix");
                // Two of three are zero, one token has none at all.
                let mut x = vectors("noise", (MANY + 1) * columns);
                for (at, x) in x.iter_mut().enumerate() {
                    *x = if at % 3 == 0 && at >= columns { *x } else { 0.0 };
                }
                let mut want = vec![0.0; (MANY + 1) * rows];
                products(isa, &mut team, &matrix, &x, Then::Store, &mut want);
                let mut units = Units::new(rows, columns, size).expect("memory");
                let order = matrix.kind.order::<I>();
                {
                    let strips = units.strips();
                    let (shared, strip_bytes) = units.share();
                    for strip in 0..strips {
                        // SAFETY: there is only this thread.
                        let out = unsafe { shared.part(strip * strip_bytes..(strip + 1) * strip_bytes) };
                        let of = matrix.rows(strip * STRIP..((strip + 1) * STRIP).min(rows));
                        match size {
                            2 => fill::<2>(order, of, columns, out),
                            _ => fill::<4>(order, of, columns, out),
                        }
                    }
                }
                matrix.units = Some(units);
                for tokens in [1, 3, MANY + 1] {
                    let mut got = vec![0.0; tokens * rows];
                    let x = &x[..tokens * columns];
                    if tokens >= MANY {
                        products(isa, &mut team, &matrix, x, Then::Store, &mut got);
                    } else {
                        let mut active = Active::default();
                        active.resize(order, columns, tokens);
                        for (token, x) in x.chunks_exact(columns).enumerate() {
                            let count = x.iter().filter(|x| **x != 0.0).count();
                            assert_eq!(active.find(token, x), count);
                        }
                        let mut vectors = Activations::default();
                        vectors.resize(columns, tokens, matrix.kind.forms::<I>(), 1);
                        // SAFETY: there is only this thread.
                        let input = unsafe { vectors.share().input() };
                        let product = Product::new(&matrix, input, Shared::new(&mut got), Then::Store);
                        product.with_active(&active).run(isa, 0..rows, &mut Desk::default());
                    }
                    assert!(want[..tokens * rows] == got, "{dtype} [{rows}, {columns}], {tokens} tokens");
                }
            }
        }
    }
    on_every_path!(check);
}

/// The bits of one matrix's products with few and with many tokens.
struct Bits<'a>(&'a Tensor);

impl With for Bits<'_> {
    type Out = Vec<u32>;

    fn with<I: Isa>(self, isa: I) -> Vec<u32> {
        let mut team = Team::new(Some(1)).expect("threads");
        let matrix = Matrix::right(self.0, false).expect("a matrix");
        let mut bits = Vec::new();
        for tokens in [1, 2, 3, 17, 40] {
            let x = vectors("noise", tokens * matrix.inputs());
            let mut out = vec![0.0; tokens * matrix.outputs()];
            products(isa, &mut team, &matrix, &x, Then::Store, &mut out);
            bits.extend(out.into_iter().map(f32::to_bits));
        }
        bits
    }
}

#[test]
fn paths_that_fuse_multiplication_and_addition_agree_to_the_bit() {
    for dtype in Dtype::ALL {
        // bf16 in whole steps would be added up in another order where there are tiles.
        let tensor = random_tensor(dtype, 37, if dtype.is_block() { 512 } else { 203 }, 11);
        let paths = Path::ALL.into_iter().filter(|path| *path != Path::Portable);
        let bits: Vec<_> = paths.filter_map(|path| path.with(Bits(&tensor)).ok()).collect();
        assert!(bits.windows(2).all(|two| two[0] == two[1]), "{dtype}");
    }
}
