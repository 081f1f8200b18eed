//! Many tokens, block types: sixteen rows at a time are turned into a panel of codes, one row to a lane, and meet tile
//! after tile of tokens in integers.
//!
//! The sums of a group are exact, so they are those of `block_rows`; they become f32 with the same multiplications,
//! are added up in the same eight classes, and folded in the same order.

use super::block::{Block, Pairs, Quads};
use super::panels::{fold, of_tile};
use super::product::{Classes, Product};
use crate::activations::{Codes, EIGHT};
use crate::arch::{GROUP, Isa, MAX_TILE, PANEL, list};

/// A panel of one group: codes as bytes or as 16-bit numbers, and the scales and shifts of its rows.
#[derive(Clone)]
pub(crate) struct GroupPanel<C> {
    codes: C,
    scales: [f32; PANEL],
    shifts: [f32; PANEL],
}

pub(crate) const EMPTY_QUADS: GroupPanel<Quads> =
    GroupPanel { codes: [[[0; 4]; PANEL]; GROUP / 4], scales: [0.0; PANEL], shifts: [0.0; PANEL] };
pub(crate) const EMPTY_PAIRS: GroupPanel<Pairs> =
    GroupPanel { codes: [[[0; 2]; PANEL]; GROUP / 2], scales: [0.0; PANEL], shifts: [0.0; PANEL] };

/// How the codes of a panel are kept and multiplied.
pub(crate) trait Keep<B: Block>: Sized {
    fn put<I: Isa>(isa: I, span: &B::Span, group: usize, row: usize, out: &mut Self);
    fn sums<I: Isa, const T: usize>(isa: I, codes: &Self, x: &[Codes<'_>; T], group: usize) -> [I::Sums; T];
    /// What is taken from a group's sums for a token whose codes add up to `sum`.
    fn offset(sum: i32) -> i32;
}

impl<B: Block> Keep<B> for Quads {
    #[inline(always)]
    fn put<I: Isa>(isa: I, span: &B::Span, group: usize, row: usize, out: &mut Self) {
        let mut codes = [0; GROUP];
        isa.store_bytes(B::codes(isa, span, group), &mut codes);
        for (quad, out) in codes.as_chunks().0.iter().zip(out) {
            // Signed bytes are counted from -128.
            let flipped = if B::BITS == 8 { 0x8080_8080 } else { 0 };
            out[row] = (u32::from_le_bytes(*quad) ^ flipped).to_le_bytes();
        }
    }

    #[inline(always)]
    fn sums<I: Isa, const T: usize>(isa: I, codes: &Self, x: &[Codes<'_>; T], group: usize) -> [I::Sums; T] {
        let x = list!(T, &[0; GROUP], |t| &x[t].codes[group]);
        match B::BITS {
            ..=4 => isa.quads::<T, 4>(codes, x),
            5 => isa.quads::<T, 5>(codes, x),
            _ => isa.quads::<T, 8>(codes, x),
        }
    }

    #[inline(always)]
    fn offset(sum: i32) -> i32 {
        if B::BITS == 8 { 128 * sum } else { B::OFFSET * sum }
    }
}

impl<B: Block> Keep<B> for Pairs {
    #[inline(always)]
    fn put<I: Isa>(isa: I, span: &B::Span, group: usize, row: usize, out: &mut Self) {
        let words = B::words(isa, span, group);
        for (pair, out) in words.as_chunks().0.iter().zip(out) {
            out[row] = *pair;
        }
    }

    #[inline(always)]
    fn sums<I: Isa, const T: usize>(isa: I, codes: &Self, x: &[Codes<'_>; T], group: usize) -> [I::Sums; T] {
        let x = list!(T, &[0; GROUP], |t| &x[t].words[group]);
        isa.pairs(codes, x)
    }

    #[inline(always)]
    fn offset(_: i32) -> i32 {
        0 // it is in the numbers
    }
}

/// Turns `count` rows of `raw` into `panel`, one [`GroupPanel`] a group; missing rows are zero.
#[inline(always)]
pub(super) fn pack<I: Isa, B: Block, C: Keep<B>>(
    isa: I,
    raw: &[u8],
    count: usize,
    panel: &mut [GroupPanel<C>],
) {
    let length = raw.len() / count;
    for (row, raw) in raw.chunks_exact(length).enumerate() {
        let (spans, rest) = B::split(raw);
        let filled = if rest.is_empty() { None } else { Some(B::fill(rest)) };
        for (span, panel) in spans.iter().chain(&filled).zip(panel.chunks_exact_mut(EIGHT)) {
            let found = B::scales(isa, span);
            let (mut scales, mut shifts) = ([0.0; EIGHT], [0.0; EIGHT]);
            isa.store_eight(found.scales, &mut scales);
            isa.store_eight(found.shifts, &mut shifts);
            for (group, panel) in panel.iter_mut().enumerate() {
                C::put(isa, span, group, row, &mut panel.codes);
                (panel.scales[row], panel.shifts[row]) = (scales[group], shifts[group]);
            }
        }
    }
    for panel in panel {
        panel.scales[count..].fill(0.0);
        panel.shifts[count..].fill(0.0);
    }
}

/// The `outputs` (the first, and how many) of the tokens from `token` on, as many as make a tile.
#[inline(always)]
pub(super) fn tile<I: Isa, B: Block, C: Keep<B>>(
    isa: I,
    product: &Product<'_>,
    panel: &[GroupPanel<C>],
    outputs: (usize, usize),
    token: usize,
    classes: &mut Classes,
) {
    match (product.input.tokens - token).min(I::TILE) {
        1 => cell::<I, B, C, 1>(isa, product, panel, outputs, token, classes),
        2 => cell::<I, B, C, 2>(isa, product, panel, outputs, token, classes),
        3 => cell::<I, B, C, 3>(isa, product, panel, outputs, token, classes),
        4 => cell::<I, B, C, 4>(isa, product, panel, outputs, token, classes),
        5 => cell::<I, B, C, 5>(isa, product, panel, outputs, token, classes),
        6 => cell::<I, B, C, 6>(isa, product, panel, outputs, token, classes),
        7 => cell::<I, B, C, 7>(isa, product, panel, outputs, token, classes),
        8 => cell::<I, B, C, 8>(isa, product, panel, outputs, token, classes),
        9 => cell::<I, B, C, 9>(isa, product, panel, outputs, token, classes),
        10 => cell::<I, B, C, 10>(isa, product, panel, outputs, token, classes),
        11 => cell::<I, B, C, 11>(isa, product, panel, outputs, token, classes),
        _ => cell::<I, B, C, MAX_TILE>(isa, product, panel, outputs, token, classes),
    }
}

/// A panel's outputs of `T` tokens.
#[inline(always)]
fn cell<I: Isa, B: Block, C: Keep<B>, const T: usize>(
    isa: I,
    product: &Product<'_>,
    panel: &[GroupPanel<C>],
    (output, count): (usize, usize),
    token: usize,
    classes: &mut Classes,
) {
    if T > I::TILE {
        return; // never asked for: spares the compiler the larger tiles of other instruction sets
    }
    let xs = list!(T, product.input.codes(token), |t| product.input.codes(token + t));
    let classes = of_tile::<T, EIGHT>(classes);
    for (group, panel) in panel.iter().enumerate() {
        let sums = C::sums(isa, &panel.codes, &xs, group);
        let (scales, shifts) = (isa.load(&panel.scales), isa.load(&panel.shifts));
        let class = &mut classes[group % EIGHT];
        for t in 0..T {
            let sums = isa.sums_to_lanes(sums[t], C::offset(xs[t].sums[group]));
            let own = isa.lanes_mul(scales, isa.splat(xs[t].scales[group]));
            // A class begins with its first group.
            let before = if group < EIGHT { isa.splat(0.0) } else { isa.load(&class[t]) };
            let mut sum = isa.lanes_mul_add(sums, own, before);
            if B::SHIFTED {
                sum = isa.lanes_mul_add(shifts, isa.splat(xs[t].shifts[group]), sum);
            }
            isa.store(sum, &mut class[t]);
        }
    }
    for t in 0..T {
        let sums = fold::<I, EIGHT>(isa, |class| &classes[class][t]);
        product.finish(isa, token + t, output, &sums[..count]);
    }
}
