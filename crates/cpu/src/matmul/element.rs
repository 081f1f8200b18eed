//! Plain numbers as a stored row holds them, read sixteen at a time.

use crate::arch::{Isa, LANES};

/// A plain element type.
pub(crate) trait Element {
    /// What a stored row is made of: bytes of a file, or numbers that were dequantised.
    type Raw: Copy;
    /// [`LANES`] numbers.
    type Chunk;
    /// Raw items of one number.
    const SIZE: usize;

    /// Whole chunks, and the raw rest.
    fn split(row: &[Self::Raw]) -> (&[Self::Chunk], &[Self::Raw]);

    fn read<I: Isa>(isa: I, chunk: &Self::Chunk) -> I::Lanes;

    /// The numbers of `rest`, fewer than [`LANES`], and zeros.
    fn read_rest(rest: &[Self::Raw]) -> [f32; LANES];
}

/// IEEE single, little endian.
pub(crate) struct F32;
/// IEEE half, little endian.
pub(crate) struct F16;
/// Upper half of an IEEE single, little endian.
pub(crate) struct BF16;
/// Numbers in memory.
pub(crate) struct Numbers;

impl Element for F32 {
    type Raw = u8;
    type Chunk = [u8; 64];
    const SIZE: usize = 4;

    #[inline(always)]
    fn split(row: &[u8]) -> (&[[u8; 64]], &[u8]) {
        row.as_chunks()
    }

    #[inline(always)]
    fn read<I: Isa>(isa: I, chunk: &[u8; 64]) -> I::Lanes {
        isa.read_f32(chunk)
    }

    #[inline(always)]
    fn read_rest(rest: &[u8]) -> [f32; LANES] {
        let (numbers, _) = rest.as_chunks::<4>();
        std::array::from_fn(|lane| numbers.get(lane).map_or(0.0, |x| f32::from_le_bytes(*x)))
    }
}

impl Element for F16 {
    type Raw = u8;
    type Chunk = [u8; 32];
    const SIZE: usize = 2;

    #[inline(always)]
    fn split(row: &[u8]) -> (&[[u8; 32]], &[u8]) {
        row.as_chunks()
    }

    #[inline(always)]
    fn read<I: Isa>(isa: I, chunk: &[u8; 32]) -> I::Lanes {
        isa.read_f16(chunk)
    }

    #[inline(always)]
    fn read_rest(rest: &[u8]) -> [f32; LANES] {
        let (numbers, _) = rest.as_chunks::<2>();
        let half = |x: &[u8; 2]| crate::arch::Portable::<false>.half(u16::from_le_bytes(*x));
        std::array::from_fn(|lane| numbers.get(lane).map_or(0.0, half))
    }
}

impl Element for BF16 {
    type Raw = u8;
    type Chunk = [u8; 32];
    const SIZE: usize = 2;

    #[inline(always)]
    fn split(row: &[u8]) -> (&[[u8; 32]], &[u8]) {
        row.as_chunks()
    }

    #[inline(always)]
    fn read<I: Isa>(isa: I, chunk: &[u8; 32]) -> I::Lanes {
        isa.read_bf16(chunk)
    }

    #[inline(always)]
    fn read_rest(rest: &[u8]) -> [f32; LANES] {
        let (numbers, _) = rest.as_chunks::<2>();
        let single = |x: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*x)) << 16);
        std::array::from_fn(|lane| numbers.get(lane).map_or(0.0, single))
    }
}

impl Element for Numbers {
    type Raw = f32;
    type Chunk = [f32; LANES];
    const SIZE: usize = 1;

    #[inline(always)]
    fn split(row: &[f32]) -> (&[[f32; LANES]], &[f32]) {
        row.as_chunks()
    }

    #[inline(always)]
    fn read<I: Isa>(isa: I, chunk: &[f32; LANES]) -> I::Lanes {
        isa.load(chunk)
    }

    #[inline(always)]
    fn read_rest(rest: &[f32]) -> [f32; LANES] {
        std::array::from_fn(|lane| rest.get(lane).copied().unwrap_or(0.0))
    }
}
