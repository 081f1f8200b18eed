//! x86-64 with 256-bit vectors, fused multiply-add and f16 conversion: Haswell, Zen and all that followed.

use super::Isa;

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
}

#[target_feature(enable = "avx2,fma,f16c")]
fn enter<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}
