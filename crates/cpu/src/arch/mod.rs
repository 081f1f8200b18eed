//! Instruction sets. The kernels are written once, over [`Isa`], and compiled once per instruction set.
//!
//! A value of an [`Isa`] type is the proof that this machine has those instructions: it is made by detection when
//! a model is loaded, and [`Isa::run`] compiles whatever is inlined into its closure for them. Kernels are
//! therefore generic functions marked `#[inline(always)]`, called from `isa.run(#[inline(always)] || ...)`: what is
//! left out of line is compiled for the target at large, where `mul_add` is a library call a hundred times slower.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod path;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
pub use path::Path;
pub(crate) use portable::Portable;

use wkv7_core::Dtype;
use wkv7_core::blocks::dequantize;

/// Numbers that a kernel works on side by side, and so the partial sums of one dot product, on every path.
pub(crate) const LANES: usize = 16;

/// An instruction set that this machine is known to have.
pub(crate) trait Isa: Copy + Send + Sync + 'static {
    /// [`LANES`] numbers in registers. Spelled out, because the compiler does not reliably keep a whole tile of
    /// sums in registers by itself.
    type Lanes: Copy;

    /// Tokens that share a pass over two rows, at most 3: as many as leave all sums in registers.
    const TOKENS: usize;

    /// Runs `kernel`, compiled for this instruction set together with all that is inlined into it.
    fn run<R>(self, kernel: impl FnOnce() -> R) -> R;

    /// `a * b + c`, rounded once where the machine can. Only fast inside [`Isa::run`].
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32;

    /// The numbers of `x`.
    fn load(self, x: &[f32; LANES]) -> Self::Lanes;

    /// The same number [`LANES`] times.
    fn splat(self, x: f32) -> Self::Lanes;

    /// [`Isa::mul_add`] on every lane.
    fn lanes_mul_add(self, a: Self::Lanes, b: Self::Lanes, c: Self::Lanes) -> Self::Lanes;

    /// The numbers of all lanes.
    fn store(self, lanes: Self::Lanes) -> [f32; LANES];

    /// Reads `bytes` (whole blocks of `dtype`) as f32 into `out`, bit for bit as [`dequantize`] does.
    #[inline(always)]
    fn read(self, dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
        dequantize(dtype, bytes, out);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    /// Calls a generic function with a value of every instruction set that this machine has.
    macro_rules! on_every_path {
        ($check:ident) => {{
            $check(crate::arch::Portable);
            #[cfg(target_arch = "x86_64")]
            if let Some(isa) = crate::arch::Avx2::new() {
                $check(isa);
            }
        }};
    }
    pub(crate) use on_every_path;

    use super::Isa;
    use wkv7_core::Dtype;
    use wkv7_core::blocks::dequantize;

    fn halves_are_read_exactly<I: Isa>(isa: I) {
        let all: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        for (skipped, count) in [(0, 65_536), (1, 65_535), (3, 1), (5, 8), (70, 27)] {
            let bytes = &all[2 * skipped..2 * (skipped + count)];
            let (mut got, mut want) = (vec![0.0; count], vec![0.0; count]);
            isa.run(|| isa.read(Dtype::F16, bytes, &mut got));
            dequantize(Dtype::F16, bytes, &mut want);
            let same =
                |(got, want): (&f32, &f32)| got.to_bits() == want.to_bits() || want.is_nan() && got.is_nan();
            assert!(got.iter().zip(&want).all(same), "{count} halves from {skipped}");
        }
    }

    #[test]
    fn every_half_is_read_exactly_on_every_path() {
        on_every_path!(halves_are_read_exactly);
    }
}
