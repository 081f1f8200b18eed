//! The K types as the integer kernels see them: super-blocks of 256 codes, each group of 32 (or, in Q6_K, of 16) with a small
//! whole scale and perhaps a whole minimum, and all with two f32 factors: a number is
//! `scale * whole scale * code + shift * whole minimum`, where codes of Q6_K are counted from 32.
//!
//! Layouts: `wkv7_core::blocks`, where each type is read number by number.

use wkv7_core::Dtype;

use super::block::part;
use crate::arch::{Isa, LOW_BITS, list, wholes_of_k};
use crate::groups::EIGHT;
use crate::span_codes::CodedSpan;

/// Q4_K, Q5_K or Q6_K; the other K types are dequantised.
pub(crate) trait SuperBlock {
    /// A block.
    type Span: Copy;

    const DTYPE: Dtype;

    /// Codes are below `1 << BITS`.
    const BITS: u32;

    /// Whether there are minima.
    const SHIFTED: bool;

    /// The header of a block, where all it has is in one, as [`Isa::headers`] wants it.
    #[inline(always)]
    fn header(span: &Self::Span) -> Option<&[u8; 16]> {
        let _ = span;
        None
    }

    /// The blocks of a row.
    fn split(row: &[u8]) -> &[Self::Span];

    /// A block of zeros.
    const EMPTY: Self::Span;

    /// The codes of a group.
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes;

    /// The whole scales of all groups, ready to be multiplied with.
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> I::Scales;

    /// `scale` and `shift`.
    fn factors<I: Isa>(isa: I, span: &Self::Span) -> [f32; 2];

    /// The whole scales of the groups, a byte each, the lowest first, and their minima. Nothing where there are none.
    fn wholes(span: &Self::Span) -> [u64; 2];

    /// The whole scales of the halves of all groups, where those have scales of their own.
    #[inline(always)]
    fn of_halves(span: &Self::Span) -> [i8; 2 * EIGHT] {
        let _ = span;
        [0; 2 * EIGHT]
    }

    /// The sum of all products with `x`, whole `scales` and offset included, in parts that add up to it.
    #[inline(always)]
    fn total<I: Isa>(isa: I, span: &Self::Span, scales: I::Scales, x: &CodedSpan) -> I::Ints {
        macro_rules! dot {
            ($sums:expr, $group:literal) => {
                isa.dot_scaled_add(
                    $sums,
                    Self::codes(isa, span, $group),
                    isa.signed_bytes(&x.codes[$group]),
                    scales,
                    $group,
                )
            };
        }
        // Two chains, neither of which the other waits for.
        let none = isa.load_ints(&[0; 8]);
        let even = dot!(dot!(dot!(dot!(none, 0), 2), 4), 6);
        let odd = dot!(dot!(dot!(dot!(none, 1), 3), 5), 7);
        Self::less_offset(isa, span, x, isa.ints_add(even, odd))
    }

    /// `total` less what the offset makes of it.
    #[inline(always)]
    fn less_offset<I: Isa>(isa: I, span: &Self::Span, x: &CodedSpan, total: I::Ints) -> I::Ints {
        let _ = (isa, span, x);
        total
    }

    /// The numbers of a group without the two factors and the minimum: whole, in 16 bits. `scale` is the group's, where it
    /// has one.
    fn numbers<I: Isa>(isa: I, span: &Self::Span, group: usize, scale: u8) -> [I::Bytes; 2];

    /// The same cut into bytes: the low bits, and what is above.
    #[inline(always)]
    fn cut<I: Isa>(isa: I, span: &Self::Span, group: usize, scale: u8) -> [I::Bytes; 2] {
        isa.cut_words(Self::numbers(isa, span, group, scale))
    }
}

/// [`SuperBlock::BITS`] of a K type, 0 of others.
pub(crate) const fn bits(dtype: Dtype) -> u32 {
    match dtype {
        Dtype::Q4K => Q4K::BITS,
        Dtype::Q5K => Q5K::BITS,
        Dtype::Q6K => Q6K::BITS,
        _ => 0,
    }
}

/// What all have in common.
macro_rules! super_blocks {
    ($bytes:literal) => {
        type Span = [u8; $bytes];

        const EMPTY: Self::Span = [0; $bytes];

        #[inline(always)]
        fn split(row: &[u8]) -> &[Self::Span] {
            row.as_chunks().0 // a row is whole blocks
        }
    };
}

/// What Q4_K and Q5_K have in common: `f16 d, f16 dmin`, then the whole scales and minima.
macro_rules! scales_and_minima {
    () => {
        const SHIFTED: bool = true;

        #[inline(always)]
        fn header(span: &Self::Span) -> Option<&[u8; 16]> {
            span.first_chunk()
        }

        #[inline(always)]
        fn scales<I: Isa>(isa: I, span: &Self::Span) -> I::Scales {
            isa.scales_of_groups(Self::wholes(span)[0])
        }

        #[inline(always)]
        fn factors<I: Isa>(isa: I, span: &Self::Span) -> [f32; 2] {
            let [scale, of_minima] = isa.half_pair(u32::from_le_bytes(*part(span, 0)));
            [scale, -of_minima]
        }

        #[inline(always)]
        fn wholes(span: &Self::Span) -> [u64; 2] {
            wholes_of_k(part(span, 0))
        }

        #[inline(always)]
        fn numbers<I: Isa>(isa: I, span: &Self::Span, group: usize, scale: u8) -> [I::Bytes; 2] {
            let scale = i16::from(scale);
            let [low, high] = isa.words(Self::codes(isa, span, group), 0);
            [isa.words_mul(low, scale), isa.words_mul(high, scale)]
        }
    };
}

pub(crate) struct Q4K;

impl SuperBlock for Q4K {
    const DTYPE: Dtype = Dtype::Q4K;
    const BITS: u32 = 4;
    super_blocks!(144);
    scales_and_minima!();

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        isa.shift_right(isa.bytes(part(span, 16 + 32 * (group / 2))), 4 * (group % 2), 15)
    }

    // Sixteen codes and 64 scales have 1024 products: looking them up is less work than multiplying and cutting.
    #[inline(always)]
    fn cut<I: Isa>(isa: I, span: &Self::Span, group: usize, scale: u8) -> [I::Bytes; 2] {
        static PRODUCTS: [[[u8; 16]; 2]; 64] = products();
        let codes = Self::codes(isa, span, group);
        let [low, high] = &PRODUCTS[usize::from(scale % 64)];
        [isa.look_up(low, codes), isa.look_up(high, codes)]
    }
}

/// The products of every 6-bit scale and every 4-bit code, cut.
const fn products() -> [[[u8; 16]; 2]; 64] {
    let mut products = [[[0; 16]; 2]; 64];
    let mut at = 0;
    while at < 64 * 16 {
        let (scale, code) = (at / 16, at % 16);
        products[scale][0][code] = (scale * code % (1 << LOW_BITS)) as u8;
        products[scale][1][code] = ((scale * code) >> LOW_BITS) as u8;
        at += 1;
    }
    products
}

pub(crate) struct Q5K;

impl SuperBlock for Q5K {
    const DTYPE: Dtype = Dtype::Q5K;
    const BITS: u32 = 5;
    super_blocks!(176);
    scales_and_minima!();

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        let low = isa.shift_right(isa.bytes(part(span, 48 + 32 * (group / 2))), 4 * (group % 2), 15);
        let high = isa.shift_right(isa.bytes(part(span, 16)), group, 1);
        isa.or(low, isa.shift_left(high, 4, 1))
    }
}

pub(crate) struct Q6K;

/// What codes of Q6_K are counted from.
pub(super) const FROM: i16 = 32;

impl SuperBlock for Q6K {
    const DTYPE: Dtype = Dtype::Q6K;
    const BITS: u32 = 6;
    const SHIFTED: bool = false;
    super_blocks!(210);

    #[inline(always)]
    fn codes<I: Isa>(isa: I, span: &Self::Span, group: usize) -> I::Bytes {
        let (half, group) = (group / 4, group % 4);
        let low = isa.bytes(part(span, 64 * half + 32 * (group & 1)));
        let low = isa.shift_right(low, 4 * (group >> 1), 15);
        let high = isa.shift_right(isa.bytes(part(span, 128 + 32 * half)), 2 * group, 3);
        isa.or(low, isa.shift_left(high, 4, 3))
    }

    #[inline(always)]
    fn scales<I: Isa>(isa: I, span: &Self::Span) -> I::Scales {
        isa.scales(&Self::of_halves(span))
    }

    #[inline(always)]
    fn factors<I: Isa>(isa: I, span: &Self::Span) -> [f32; 2] {
        [isa.half_pair(u32::from_le_bytes(*part(span, 206)))[1], 0.0]
    }

    #[inline(always)]
    fn wholes(_: &Self::Span) -> [u64; 2] {
        [0; 2]
    }

    #[inline(always)]
    fn of_halves(span: &Self::Span) -> [i8; 2 * EIGHT] {
        let scales = part::<16>(span, 192);
        list!(16, 0, |n| scales[n] as i8)
    }

    #[inline(always)]
    fn less_offset<I: Isa>(isa: I, span: &Self::Span, x: &CodedSpan, total: I::Ints) -> I::Ints {
        // `FROM` is taken from every code.
        isa.ints_sub(total, isa.ints_times_32(isa.scaled_sums(&Self::of_halves(span), &x.facts.halves)))
    }

    #[inline(always)]
    fn numbers<I: Isa>(isa: I, span: &Self::Span, group: usize, _: u8) -> [I::Bytes; 2] {
        let [low, high] = isa.words(Self::codes(isa, span, group), FROM);
        let (first, second) = (span[192 + 2 * group] as i8, span[193 + 2 * group] as i8);
        [isa.words_mul(low, i16::from(first)), isa.words_mul(high, i16::from(second))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::GROUP;
    use crate::arch::tests::on_every_path;

    #[test]
    fn looking_products_up_is_multiplying_and_cutting() {
        fn check<I: Isa>(isa: I) {
            let mut span = Q4K::EMPTY;
            for (at, byte) in span[16..].iter_mut().enumerate() {
                *byte = (at * 37 + at / 16) as u8; // every nibble in every group
            }
            let read = |x: I::Bytes| {
                let mut out = [0; GROUP];
                isa.store_bytes(x, &mut out);
                out
            };
            isa.run(|| {
                for scale in 0..64 {
                    for group in 0..8 {
                        let found = Q4K::cut(isa, &span, group, scale).map(read);
                        let want = isa.cut_words(Q4K::numbers(isa, &span, group, scale)).map(read);
                        assert_eq!(found, want, "scale {scale}, group {group}");
                        let codes = read(Q4K::codes(isa, &span, group));
                        for (n, code) in codes.into_iter().enumerate() {
                            let number = u32::from(found[1][n]) << LOW_BITS | u32::from(found[0][n]);
                            assert_eq!(number, u32::from(scale) * u32::from(code));
                        }
                    }
                }
            });
        }
        on_every_path!(check);
    }
}
