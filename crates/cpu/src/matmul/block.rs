//! The block types as the integer kernels see them: spans of eight groups of 32 codes, each group with a scale and
//! perhaps a shift: a number is `scale * (code - OFFSET) + shift`.
//!
//! Layouts: `wkv7_core::blocks`, where each type is read number by number.

use wkv7_core::Dtype;

use crate::activations::EIGHT;
use crate::arch::{GROUP, Isa, PANEL, list};

/// Scales and shifts of the eight groups of a span.
pub(crate) struct Scales<I: Isa> {
    pub(crate) scales: I::Eight,
    /// Meaningless where the type has no shifts.
    pub(crate) shifts: I::Eight,
}

/// A block type.
pub(crate) trait Block {
    /// Eight groups, 256 numbers: one block of the K types, eight of the others.
    type Span: Copy;

    const DTYPE: Dtype;

    /// Codes are below `1 << BITS`; 8 for signed bytes, 16 where only 16 bits hold them and scales of their own.
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

    /// The sums of all groups' products with `x`, the offset aside. `halves` are the sums of the sixteens of `x`.
    #[inline(always)]
    fn totals<I: Isa>(isa: I, span: &Self::Span, x: &[[i8; GROUP]; EIGHT], halves: &[i16; 16]) -> I::Ints {
        let _ = halves;
        // Spelled out: the compiler keeps a list that a loop fills in memory.
        let sums = [
            Self::dot(isa, span, 0, &x[0]),
            Self::dot(isa, span, 1, &x[1]),
            Self::dot(isa, span, 2, &x[2]),
            Self::dot(isa, span, 3, &x[3]),
            Self::dot(isa, span, 4, &x[4]),
            Self::dot(isa, span, 5, &x[5]),
            Self::dot(isa, span, 6, &x[6]),
            Self::dot(isa, span, 7, &x[7]),
        ];
        // Sixteen products of 4-bit codes stay below 16 * 15 * 127.
        if Self::BITS <= 4 { isa.small_totals(sums) } else { isa.totals(sums) }
    }

    /// The codes of a group as signed numbers in 16 bits, offset and scales of their own included.
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
        Dtype::Q4K => Q4K::BITS,
        Dtype::Q5K => Q5K::BITS,
        Dtype::Q6K => Q6K::BITS,
        _ => 0,
    }
}

/// Codes of a panel: 4 of each row for each quad of a group, or 2 of 16 bits for each pair.
pub(crate) type Quads = [[[u8; 4]; PANEL]; GROUP / 4];
pub(crate) type Pairs = [[[u8; 4]; PANEL]; GROUP / 2];

/// What the types of 32 numbers a block have in common: a span is eight blocks of `[u8; N]`.
macro_rules! blocks_of_32 {
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

/// What the types of 256 numbers a block have in common: a span is a block.
macro_rules! blocks_of_256 {
    ($bytes:literal) => {
        type Span = [u8; $bytes];

        #[inline(always)]
        fn split(row: &[u8]) -> (&[Self::Span], &[u8]) {
            row.as_chunks()
        }

        #[inline(always)]
        fn fill(_: &[u8]) -> Self::Span {
            [0; $bytes] // a row is whole blocks: there is nothing to fill
        }
    };
}

/// The f16 numbers at byte `AT` of eight blocks.
#[inline(always)]
fn halves_at<I: Isa, const N: usize>(isa: I, span: &[[u8; N]; EIGHT], at: usize) -> I::Eight {
    isa.halves(list!(EIGHT, 0, |n| u16::from_le_bytes([span[n][at], span[n][at + 1]])))
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
fn part<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    bytes[at..].first_chunk().unwrap_or(&[0; N]) // the block is long enough: the caller knows its layout
}

pub(crate) struct Q8_0;

impl Block for Q8_0 {
    const DTYPE: Dtype = Dtype::Q8_0;
    const BITS: u32 = 8;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = false;
    blocks_of_32!(34);

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
    blocks_of_32!(18);

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        isa.nibbles(part(&span[group], 2))
    }

    #[inline(always)]
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> Scales<I> {
        scale_only(isa, span)
    }
}

pub(crate) struct Q4_1;

impl Block for Q4_1 {
    const DTYPE: Dtype = Dtype::Q4_1;
    const BITS: u32 = 4;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    blocks_of_32!(20);

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
    blocks_of_32!(22);

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
    blocks_of_32!(24);

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

pub(crate) struct Q4K;

impl Block for Q4K {
    const DTYPE: Dtype = Dtype::Q4K;
    const BITS: u32 = 4;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    blocks_of_256!(144);

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        isa.shift_right(isa.bytes(part(span, 16 + 32 * (group / 2))), 4 * (group % 2), 15)
    }

    #[inline(always)]
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> Scales<I> {
        scales_of_k(isa, span)
    }
}

pub(crate) struct Q5K;

impl Block for Q5K {
    const DTYPE: Dtype = Dtype::Q5K;
    const BITS: u32 = 5;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    blocks_of_256!(176);

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        let low = isa.shift_right(isa.bytes(part(span, 48 + 32 * (group / 2))), 4 * (group % 2), 15);
        let high = isa.shift_right(isa.bytes(part(span, 16)), group, 1);
        isa.or(low, isa.shift_left(high, 4, 1))
    }

    #[inline(always)]
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> Scales<I> {
        scales_of_k(isa, span)
    }
}

/// `f16 d, f16 dmin`, then 6-bit scales and minima of eight groups in 12 bytes: those of the first four in the low bits
/// of eight bytes, those of the others in the nibbles of the last four and in the top bits of the eight.
#[inline(always)]
fn scales_of_k<I: Isa>(isa: I, block: &[u8]) -> Scales<I> {
    let half = |at| isa.half(u16::from_le_bytes(*part(block, at)));
    let word = |at| u32::from_le_bytes(*part(block, at));
    let (a, b, c) = (word(4), word(8), word(12));
    let (low, top, nibble) = (0x3f3f_3f3f, 0x0303_0303, 0x0f0f_0f0f);
    let both = |first: u32, last: u32| u64::from(first) | u64::from(last) << 32;
    let scales = both(a & low, (c & nibble) | ((a >> 6) & top) << 4);
    let minima = both(b & low, ((c >> 4) & nibble) | ((b >> 6) & top) << 4);
    Scales {
        scales: isa.eight_mul(isa.splat_eight(half(0)), isa.eight_bytes(scales)),
        shifts: isa.eight_mul(isa.splat_eight(-half(2)), isa.eight_bytes(minima)),
    }
}

pub(crate) struct Q6K;

impl Q6K {
    /// Scales of the halves of all groups.
    #[inline(always)]
    fn own_scales(span: &[u8; 210]) -> [i8; 16] {
        let scales = part::<16>(span, 192);
        list!(16, 0, |n| scales[n] as i8)
    }
}

// Every 16 numbers have an integer scale; it is applied to the integers, and what is left is one scale a block. The
// largest sums, 32 * 32 * 127 * 128, are below 2^24: exact as f32.
impl Block for Q6K {
    const DTYPE: Dtype = Dtype::Q6K;
    const BITS: u32 = 16;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = false;
    blocks_of_256!(210);

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        let (half, group) = (group / 4, group % 4);
        let low = isa.bytes(part(span, 64 * half + 32 * (group & 1)));
        let low = isa.shift_right(low, 4 * (group >> 1), 15);
        let high = isa.shift_right(isa.bytes(part(span, 128 + 32 * half)), 2 * group, 3);
        isa.or(low, isa.shift_left(high, 4, 3))
    }

    #[inline(always)]
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> Scales<I> {
        let d = isa.half(u16::from_le_bytes(*part(span, 208)));
        Scales { scales: isa.splat_eight(d), shifts: isa.splat_eight(0.0) }
    }

    #[inline(always)]
    fn totals<I: Isa>(isa: I, span: &Self::Span, x: &[[i8; GROUP]; EIGHT], halves: &[i16; 16]) -> I::Ints {
        let own = Self::own_scales(span);
        let scales = isa.scales(&own);
        macro_rules! dot {
            ($group:literal) => {
                isa.dot_scaled(Self::codes(isa, span, $group), isa.signed_bytes(&x[$group]), scales, $group)
            };
        }
        let totals = isa.totals([dot!(0), dot!(1), dot!(2), dot!(3), dot!(4), dot!(5), dot!(6), dot!(7)]);
        // The 32 that is taken from every code.
        isa.ints_sub(totals, isa.ints_times_32(isa.scaled_sums(&own, halves)))
    }

    #[inline(always)]
    fn words<I: Isa>(isa: I, span: &Self::Span, group: usize) -> [I::Bytes; 2] {
        let [low, high] = isa.words(Self::codes(isa, span, group), 32);
        let (first, second) = (span[192 + 2 * group] as i8, span[193 + 2 * group] as i8);
        [isa.words_mul(low, i16::from(first)), isa.words_mul(high, i16::from(second))]
    }
}
