//! Plain numbers as a stored row holds them, read sixteen at a time, and how they are multiplied.

use std::marker::PhantomData;

use crate::activations::Input;
use crate::arch::{Isa, LANES};

/// What dot products are made of: items of four bytes, which kernels move about without regard to what is in them.
pub(crate) trait Terms {
    /// Numbers of an item.
    const NUMBERS: usize;

    /// One token's items.
    fn of<'a>(input: &Input<'a>, token: usize) -> &'a [f32];

    /// `a * b + c` for every item.
    fn mul_add<I: Isa>(isa: I, a: I::Lanes, b: I::Lanes, c: I::Lanes) -> I::Lanes;
}

/// f32 numbers.
pub(crate) struct Singles;
/// Two bf16 numbers, whose products go to the same sum, that of the second first.
pub(crate) struct BF16Pairs;

impl Terms for Singles {
    const NUMBERS: usize = 1;

    #[inline(always)]
    fn of<'a>(input: &Input<'a>, token: usize) -> &'a [f32] {
        input.numbers(token)
    }

    #[inline(always)]
    fn mul_add<I: Isa>(isa: I, a: I::Lanes, b: I::Lanes, c: I::Lanes) -> I::Lanes {
        isa.lanes_mul_add(a, b, c)
    }
}

impl Terms for BF16Pairs {
    const NUMBERS: usize = 2;

    #[inline(always)]
    fn of<'a>(input: &Input<'a>, token: usize) -> &'a [f32] {
        input.pairs(token)
    }

    #[inline(always)]
    fn mul_add<I: Isa>(isa: I, a: I::Lanes, b: I::Lanes, c: I::Lanes) -> I::Lanes {
        isa.lanes_dot_bf16(a, b, c)
    }
}

/// A plain element type.
pub(crate) trait Element {
    /// How it is multiplied.
    type Terms: Terms;
    /// What a stored row is made of: bytes of a file, or numbers that were dequantised.
    type Raw: Copy;
    /// [`LANES`] of [`Terms`].
    type Chunk;
    /// What of `Raw` makes one.
    const SIZE: usize;

    /// Whole chunks, and the raw rest.
    fn split(row: &[Self::Raw]) -> (&[Self::Chunk], &[Self::Raw]);

    fn read<I: Isa>(isa: I, chunk: &Self::Chunk) -> I::Lanes;

    /// The numbers of `rest`, fewer than [`LANES`], and zeros.
    fn read_rest(rest: &[Self::Raw]) -> [f32; LANES];
}

/// Four bytes as they are, which the terms say the meaning of.
pub(crate) struct Fours<M>(PhantomData<M>);
/// IEEE single, little endian.
pub(crate) type F32 = Fours<Singles>;
/// IEEE half, little endian.
pub(crate) struct F16;
/// Upper half of an IEEE single, little endian.
pub(crate) struct BF16;
/// Numbers in memory.
pub(crate) struct Numbers;

impl<M: Terms> Element for Fours<M> {
    type Terms = M;
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
    type Terms = Singles;
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
        let half =
            |x: &[u8; 2]| crate::arch::Portable::<false, false>.half_pair(u16::from_le_bytes(*x).into())[0];
        std::array::from_fn(|lane| numbers.get(lane).map_or(0.0, half))
    }
}

impl Element for BF16 {
    type Terms = Singles;
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
    type Terms = Singles;
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
