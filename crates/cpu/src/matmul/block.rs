//! The block types as the integer kernels see them: spans of eight groups of 32 codes, each group with a scale and
//! perhaps a shift: a number is `scale * (code - OFFSET) + shift`.
//!
//! Layouts: `wkv7_core::blocks`, where each type is read number by number.

use wkv7_core::Dtype;

use crate::activations::Codes;
use crate::arch::{GROUP, Isa, PANEL, list};
use crate::code_tiles::GroupCodes;
use crate::groups::EIGHT;

/// Scales and shifts of the eight groups of a span.
pub(crate) struct Scales<I: Isa> {
    pub(crate) scales: I::Eight,
    /// Meaningless where the type has no shifts.
    pub(crate) shifts: I::Eight,
}

/// A block type of 32 numbers a block; `super_block` has those of 256.
pub(crate) trait Block {
    /// Eight groups, 256 numbers: eight blocks.
    type Span: Copy;

    const DTYPE: Dtype;

    /// Codes are below `1 << BITS`; 8 for signed bytes.
    const BITS: u32;

    /// What a code's value is counted from. Codes of 8 bits are signed, and this is 0.
    const OFFSET: i32;

    /// Whether groups have shifts.
    const SHIFTED: bool;

    /// Whole spans, and the bytes of the blocks that do not fill one.
    fn split(row: &[u8]) -> (&[Self::Span], &[u8]);

    /// A span of those blocks and empty ones.
    fn fill(rest: &[u8]) -> Self::Span;

    /// The codes of a group.
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes;

    /// The scales of all groups.
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> Scales<I>;

    /// Partial sums of the products of a group's codes with `x`, the offset aside.
    #[inline(always)]
    fn dot<I: Isa>(isa: I, span: &Self::Span, group: usize, x: &[i8; GROUP]) -> I::Ints {
        isa.dot_codes(Self::codes(isa, span, group), isa.signed_bytes(x))
    }

    /// The sums of all groups' products with `x`, the offset aside.
    #[inline(always)]
    fn totals<I: Isa>(isa: I, span: &Self::Span, x: &[GroupCodes; EIGHT]) -> I::Ints {
        // Spelled out: the compiler keeps a list that a loop fills in memory.
        let sums = [
            Self::dot(isa, span, 0, &x[0].0),
            Self::dot(isa, span, 1, &x[1].0),
            Self::dot(isa, span, 2, &x[2].0),
            Self::dot(isa, span, 3, &x[3].0),
            Self::dot(isa, span, 4, &x[4].0),
            Self::dot(isa, span, 5, &x[5].0),
            Self::dot(isa, span, 6, &x[6].0),
            Self::dot(isa, span, 7, &x[7].0),
        ];
        // Sixteen products of 4-bit codes stay below 16 * 15 * 127.
        if Self::BITS <= 4 { isa.small_totals(sums) } else { isa.totals(sums) }
    }

    /// Whether [`Block::add_four`] is faster than row by row.
    #[inline(always)]
    fn in_fours<I: Isa>() -> bool {
        false
    }

    /// Adds to `sums` what span number `at` of four rows comes to, as [`Isa::add_four_nibbles`] has them.
    #[inline(always)]
    fn add_four<I: Isa>(
        isa: I,
        spans: [&Self::Span; 4],
        codes: &Codes<'_>,
        at: usize,
        sums: [I::Lanes; 2],
    ) -> [I::Lanes; 2] {
        let _ = (isa, spans, codes, at);
        sums
    }

    /// The codes of a group as signed numbers in 16 bits, offset included.
    #[inline(always)]
    fn words<I: Isa>(isa: I, span: &Self::Span, group: usize) -> [I::Bytes; 2] {
        isa.words(Self::codes(isa, span, group), Self::OFFSET as i16)
    }
}

/// [`Block::BITS`] of a type that the integer kernels see, 0 of others.
pub(crate) const fn bits(dtype: Dtype) -> u32 {
    match dtype {
        Dtype::Q8_0 => Q8_0::BITS,
        Dtype::Q4_0 => Q4_0::BITS,
        Dtype::Q4_1 => Q4_1::BITS,
        Dtype::Q5_0 => Q5_0::BITS,
        Dtype::Q5_1 => Q5_1::BITS,
        _ => 0,
    }
}

/// Codes of a panel: 4 of each row for each quad of a group, or 2 of 16 bits for each pair.
pub(crate) type Quads = [[[u8; 4]; PANEL]; GROUP / 4];
pub(crate) type Pairs = [[[u8; 4]; PANEL]; GROUP / 2];

/// What all have in common: a span is eight blocks of `[u8; N]`.
macro_rules! blocks {
    ($bytes:literal) => {
        type Span = [[u8; $bytes]; EIGHT];

        #[inline(always)]
        fn split(row: &[u8]) -> (&[Self::Span], &[u8]) {
            let (blocks, _) = row.as_chunks::<$bytes>();
            let (spans, rest) = blocks.as_chunks();
            (spans, rest.as_flattened())
        }

        #[inline(always)]
        fn fill(rest: &[u8]) -> Self::Span {
            let mut span = [[0; $bytes]; EIGHT];
            span.as_flattened_mut()[..rest.len()].copy_from_slice(rest);
            span
        }
    };
}

/// The f16 numbers at byte `AT` of eight blocks.
#[inline(always)]
fn halves_at<I: Isa, const N: usize>(isa: I, span: &[[u8; N]; EIGHT], at: usize) -> I::Eight {
    isa.halves(list!(EIGHT, 0, |n| u32::from_le_bytes(*part(&span[n], at))))
}

#[inline(always)]
fn scale_only<I: Isa, const N: usize>(isa: I, span: &[[u8; N]; EIGHT]) -> Scales<I> {
    Scales { scales: halves_at(isa, span, 0), shifts: isa.splat_eight(0.0) }
}

#[inline(always)]
fn scale_and_minimum<I: Isa, const N: usize>(isa: I, span: &[[u8; N]; EIGHT]) -> Scales<I> {
    Scales { scales: halves_at(isa, span, 0), shifts: halves_at(isa, span, 2) }
}

/// `N` bytes from `AT` on.
#[inline(always)]
pub(super) fn part<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    bytes[at..].first_chunk().unwrap_or(&[0; N]) // the block is long enough: the caller knows its layout
}

pub(crate) struct Q8_0;

impl Block for Q8_0 {
    const DTYPE: Dtype = Dtype::Q8_0;
    const BITS: u32 = 8;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = false;
    blocks!(34);

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        isa.bytes(part(&span[group], 2))
    }

    #[inline(always)]
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> Scales<I> {
        scale_only(isa, span)
    }

    #[inline(always)]
    fn dot<I: Isa>(isa: I, span: &Self::Span, group: usize, x: &[i8; GROUP]) -> I::Ints {
        isa.dot_signed(Self::codes(isa, span, group), isa.signed_bytes(x))
    }

    #[inline(always)]
    fn words<I: Isa>(isa: I, span: &Self::Span, group: usize) -> [I::Bytes; 2] {
        isa.signed_words(Self::codes(isa, span, group))
    }
}

pub(crate) struct Q4_0;

impl Block for Q4_0 {
    const DTYPE: Dtype = Dtype::Q4_0;
    const BITS: u32 = 4;
    const OFFSET: i32 = 8;
    const SHIFTED: bool = false;
    blocks!(18);

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        isa.nibbles(part(&span[group], 2))
    }

    #[inline(always)]
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> Scales<I> {
        scale_only(isa, span)
    }

    #[inline(always)]
    fn in_fours<I: Isa>() -> bool {
        I::FOUR_NIBBLES
    }

    #[inline(always)]
    fn add_four<I: Isa>(
        isa: I,
        spans: [&Self::Span; 4],
        codes: &Codes<'_>,
        at: usize,
        sums: [I::Lanes; 2],
    ) -> [I::Lanes; 2] {
        let (x, scales) = (&codes.codes.as_chunks().0[at], &codes.scales.as_chunks().0[at]);
        isa.add_four_nibbles(spans, x, scales, &codes.sums.as_chunks().0[at], sums)
    }
}

pub(crate) struct Q4_1;

impl Block for Q4_1 {
    const DTYPE: Dtype = Dtype::Q4_1;
    const BITS: u32 = 4;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    blocks!(20);

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        isa.nibbles(part(&span[group], 4))
    }

    #[inline(always)]
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> Scales<I> {
        scale_and_minimum(isa, span)
    }
}

pub(crate) struct Q5_0;

impl Block for Q5_0 {
    const DTYPE: Dtype = Dtype::Q5_0;
    const BITS: u32 = 5;
    const OFFSET: i32 = 16;
    const SHIFTED: bool = false;
    blocks!(22);

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        five_bits(isa, &span[group], 2)
    }

    #[inline(always)]
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> Scales<I> {
        scale_only(isa, span)
    }
}

pub(crate) struct Q5_1;

impl Block for Q5_1 {
    const DTYPE: Dtype = Dtype::Q5_1;
    const BITS: u32 = 5;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    blocks!(24);

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        five_bits(isa, &span[group], 4)
    }

    #[inline(always)]
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> Scales<I> {
        scale_and_minimum(isa, span)
    }
}

/// Fifth bits at `at`, nibbles behind them.
#[inline(always)]
fn five_bits<I: Isa>(isa: I, block: &[u8], at: usize) -> I::Bytes {
    let high = isa.sixteens(u32::from_le_bytes(*part(block, at)));
    isa.or(isa.nibbles(part(block, at + 4)), high)
}
