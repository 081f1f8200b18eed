//! x86-64 with 256-bit vectors, fused multiply-add and f16 conversion: Haswell, Zen and all that followed.

use std::arch::x86_64::{
    __m256, _mm_loadu_si128, _mm256_cvtph_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps,
    _mm256_storeu_ps,
};

use wkv7_core::Dtype;
use wkv7_core::blocks::dequantize;

use super::{Isa, LANES};

/// Proof that this machine has AVX2, FMA and F16C.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The proof, where it holds.
    pub(crate) fn new() -> Option<Self> {
        let all = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        all.then_some(Self(()))
    }
}

impl Isa for Avx2 {
    type Lanes = [__m256; LANES / 8];

    const TOKENS: usize = 3; // 12 of 16 registers hold sums

    #[inline(always)]
    fn run<R>(self, kernel: impl FnOnce() -> R) -> R {
        // SAFETY: only `new` makes a `Avx2`, after finding all three features.
        unsafe { enter(kernel) }
    }

    // One instruction inside `run`, where FMA is on.
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> Self::Lanes {
        let [low, high] = halves(x);
        // SAFETY: eight floats, read without regard to alignment; `self` proves the instruction.
        let low = unsafe { _mm256_loadu_ps(low.as_ptr()) };
        // SAFETY: as above.
        [low, unsafe { _mm256_loadu_ps(high.as_ptr()) }]
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::Lanes {
        // SAFETY: `self` proves the instruction.
        [unsafe { _mm256_set1_ps(x) }; LANES / 8]
    }

    #[inline(always)]
    fn lanes_mul_add(self, a: Self::Lanes, b: Self::Lanes, c: Self::Lanes) -> Self::Lanes {
        // SAFETY: `self` proves the instruction.
        let low = unsafe { _mm256_fmadd_ps(a[0], b[0], c[0]) };
        // SAFETY: as above.
        [low, unsafe { _mm256_fmadd_ps(a[1], b[1], c[1]) }]
    }

    #[inline(always)]
    fn store(self, [low, high]: Self::Lanes) -> [f32; LANES] {
        let mut out = [0.0; LANES];
        // SAFETY: room for eight floats, written without regard to alignment; `self` proves the instruction.
        unsafe { _mm256_storeu_ps(out[..8].as_mut_ptr(), low) };
        // SAFETY: as above.
        unsafe { _mm256_storeu_ps(out[8..].as_mut_ptr(), high) };
        out
    }

    // The library converts halves out of line, which costs more than the conversion.
    #[inline(always)]
    fn read(self, dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
        if dtype != Dtype::F16 {
            return dequantize(dtype, bytes, out);
        }
        let ((halves, last_halves), (eights, last)) = (bytes.as_chunks::<16>(), out.as_chunks_mut::<8>());
        for (halves, eight) in halves.iter().zip(eights) {
            // SAFETY: sixteen bytes, read without regard to alignment; `self` proves the instruction.
            let halves = unsafe { _mm_loadu_si128(halves.as_ptr().cast()) };
            // SAFETY: `self` proves the instruction.
            let numbers = unsafe { _mm256_cvtph_ps(halves) };
            // SAFETY: room for eight floats, written without regard to alignment.
            unsafe { _mm256_storeu_ps(eight.as_mut_ptr(), numbers) };
        }
        dequantize(dtype, last_halves, last);
    }
}

#[inline(always)]
fn halves(x: &[f32; LANES]) -> [&[f32]; 2] {
    [&x[..8], &x[8..]]
}

#[target_feature(enable = "avx2,fma,f16c")]
fn enter<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}
