//! Many tokens, K types: sixteen rows at a time are turned into a panel of codes, one row to a lane, and meet tile after tile
//! of tokens in integers.
//!
//! The sums of a block are exact, so they are those of `super_rows`; they become f32 with the same multiplications, in the
//! same order.

use super::block::{Pairs, Quads};
use super::product::Product;
use super::super_block::{FROM, SuperBlock};
use super::walk::Meeting;
use crate::arch::{GROUP, Isa, MAX_TILE, PANEL, list};
use crate::groups::EIGHT;
use crate::span_codes::{Facts, SpanTile};

/// A panel of one block: what is multiplied, and the minima and the two factors of its rows.
#[derive(Clone)]
#[repr(C, align(64))] // rows of codes are cache lines
pub(crate) struct SpanPanel<C> {
    pub(super) codes: C,
    /// In 16 bits, those of two groups for each pair.
    pub(super) minima: [[[u8; 4]; PANEL]; EIGHT / 2],
    pub(super) scales: [f32; PANEL],
    pub(super) shifts: [f32; PANEL],
}

/// Codes, and the whole scales of each group.
#[derive(Clone)]
pub(crate) struct ScaledQuads([Quads; EIGHT], [[i32; PANEL]; EIGHT]);

/// Codes, the whole scales of both halves of each group, and these times what codes are counted from, less, in 16 bits.
#[derive(Clone)]
pub(crate) struct ScaledHalves([Quads; EIGHT], [[[i32; PANEL]; 2]; EIGHT], [[[u8; 4]; PANEL]; EIGHT]);

/// Numbers of 16 bits, in which the whole scales are.
#[derive(Clone)]
pub(crate) struct Numbers([Pairs; EIGHT]);

/// An empty panel.
pub(super) const fn empty<C>(codes: C) -> SpanPanel<C> {
    SpanPanel { codes, minima: [[[0; 4]; PANEL]; EIGHT / 2], scales: [0.0; PANEL], shifts: [0.0; PANEL] }
}

pub(crate) const EMPTY_SCALED: SpanPanel<ScaledQuads> =
    empty(ScaledQuads([[[[0; 4]; PANEL]; GROUP / 4]; EIGHT], [[0; PANEL]; EIGHT]));
pub(crate) const EMPTY_HALVES: SpanPanel<ScaledHalves> = empty(ScaledHalves(
    [[[[0; 4]; PANEL]; GROUP / 4]; EIGHT],
    [[[0; PANEL]; 2]; EIGHT],
    [[[0; 4]; PANEL]; EIGHT],
));
pub(crate) const EMPTY_NUMBERS: SpanPanel<Numbers> = empty(Numbers([[[[0; 4]; PANEL]; GROUP / 2]; EIGHT]));

/// How the codes of a panel are kept.
pub(crate) trait KeepSpan<B: SuperBlock>: Sized {
    /// Puts the blocks of all rows, whose whole scales are given, into `out`.
    fn put<I: Isa>(isa: I, spans: &[&B::Span; PANEL], scales: &[[u8; EIGHT]; PANEL], out: &mut Self);
}

/// How they are multiplied.
pub(crate) trait MeetSpan<B: SuperBlock>: KeepSpan<B> {
    /// The sum of the products of block number `at` for each token.
    fn sums<I: Isa, const T: usize>(isa: I, codes: &Self, x: &SpanTile<'_, T>, at: usize) -> [I::Sums; T];
}

impl<B: SuperBlock> KeepSpan<B> for ScaledQuads {
    #[inline(always)]
    fn put<I: Isa>(isa: I, spans: &[&B::Span; PANEL], scales: &[[u8; EIGHT]; PANEL], out: &mut Self) {
        put_codes::<I, B>(isa, spans, &mut out.0);
        for group in 0..EIGHT {
            out.1[group] = list!(PANEL, 0, |row| i32::from(scales[row][group]));
        }
    }
}

impl<B: SuperBlock> MeetSpan<B> for ScaledQuads {
    #[inline(always)]
    fn sums<I: Isa, const T: usize>(isa: I, codes: &Self, x: &SpanTile<'_, T>, at: usize) -> [I::Sums; T] {
        debug_assert!(B::BITS <= 5 && B::SHIFTED, "one scale a group");
        let none = [isa.splat_sums(0); T];
        let mut sums = none;
        for group in 0..EIGHT {
            let (step, half) = (group / 2, group % 2);
            let x = list!(T, &[[0; 4]; GROUP / 4], |t| {
                &x.steps[at][step][t].0.as_chunks().0.as_chunks().0[half]
            });
            let found = if B::BITS <= 4 {
                isa.quads::<T, 4, _>(&codes.0[group], x, none)
            } else {
                isa.quads::<T, 5, _>(&codes.0[group], x, none)
            };
            let scales = isa.load_sums(&codes.1[group]);
            for t in 0..T {
                sums[t] = isa.sums_mul_add(found[t], scales, sums[t]);
            }
        }
        sums
    }
}

/// Puts the codes of all rows into a panel.
#[inline(always)]
fn put_codes<I: Isa, B: SuperBlock>(isa: I, spans: &[&B::Span; PANEL], out: &mut [Quads; EIGHT]) {
    for (group, out) in out.iter_mut().enumerate() {
        isa.turn_panel(
            false,
            #[inline(always)]
            |row| B::codes(isa, spans[row], group),
            out,
        );
    }
}

impl<B: SuperBlock> KeepSpan<B> for ScaledHalves {
    #[inline(always)]
    fn put<I: Isa>(isa: I, spans: &[&B::Span; PANEL], _: &[[u8; EIGHT]; PANEL], out: &mut Self) {
        put_codes::<I, B>(isa, spans, &mut out.0);
        for (row, span) in spans.iter().enumerate() {
            for (group, [first, second]) in B::of_halves(span).as_chunks().0.iter().enumerate() {
                (out.1[group][0][row], out.1[group][1][row]) = (i32::from(*first), i32::from(*second));
                let [[a, b], [c, d]] = [first, second].map(|scale| (-FROM * i16::from(*scale)).to_le_bytes());
                out.2[group][row] = [a, b, c, d];
            }
        }
    }
}

impl<B: SuperBlock> MeetSpan<B> for ScaledHalves {
    #[inline(always)]
    fn sums<I: Isa, const T: usize>(isa: I, codes: &Self, x: &SpanTile<'_, T>, at: usize) -> [I::Sums; T] {
        debug_assert!(!B::SHIFTED, "scales of halves");
        let none = [isa.splat_sums(0); T];
        let halves = list!(T, &[[0; 2]; EIGHT], |t| &x.facts[at][t].halves.as_chunks().0.as_chunks().0[0]);
        let mut sums = isa.pairs(&codes.2, halves, none);
        for group in 0..EIGHT {
            for half in 0..2 {
                let (step, quarter) = (group / 2, 2 * (group % 2) + half);
                let x = list!(T, &[[0; 4]; GROUP / 8], |t| {
                    &x.steps[at][step][t].0.as_chunks().0.as_chunks().0[quarter]
                });
                let found = isa.quads::<T, 8, _>(&codes.0[group].as_chunks().0[half], x, none);
                let scales = isa.load_sums(&codes.1[group][half]);
                for t in 0..T {
                    sums[t] = isa.sums_mul_add(found[t], scales, sums[t]);
                }
            }
        }
        sums
    }
}

impl<B: SuperBlock> KeepSpan<B> for Numbers {
    #[inline(always)]
    fn put<I: Isa>(isa: I, spans: &[&B::Span; PANEL], scales: &[[u8; EIGHT]; PANEL], out: &mut Self) {
        let none = isa.bytes(&[0; GROUP]);
        for group in 0..EIGHT {
            let (first, second) = out.0[group].split_at_mut(GROUP / 4);
            for (half, (spans, scales)) in
                spans.as_chunks::<8>().0.iter().zip(scales.as_chunks::<8>().0).enumerate()
            {
                let words = list!(8, [none; 2], |row| B::numbers(isa, spans[row], group, scales[row][group]));
                isa.turn_half(list!(8, none, |row| words[row][0]), half, first);
                isa.turn_half(list!(8, none, |row| words[row][1]), half, second);
            }
        }
    }
}

impl<B: SuperBlock> MeetSpan<B> for Numbers {
    #[inline(always)]
    fn sums<I: Isa, const T: usize>(isa: I, codes: &Self, x: &SpanTile<'_, T>, at: usize) -> [I::Sums; T] {
        let mut sums = [isa.splat_sums(0); T];
        for group in 0..EIGHT {
            sums = isa.pairs(
                &codes.0[group],
                list!(T, &x.words[at][group][0], |t| &x.words[at][group][t]),
                sums,
            );
        }
        sums
    }
}

/// Turns `count` rows of `raw` into `panel`, one [`SpanPanel`] a block; missing rows are zero.
#[inline(always)]
pub(super) fn pack<I: Isa, B: SuperBlock, C: KeepSpan<B>>(
    isa: I,
    raw: &[u8],
    count: usize,
    panel: &mut [SpanPanel<C>],
) {
    let length = raw.len() / count;
    let empty = B::EMPTY;
    let row = |row: usize| B::split(raw.get(row * length..(row + 1) * length).unwrap_or(&[]));
    let rows = list!(PANEL, row(0), |n| row(n));
    for (at, out) in panel.iter_mut().enumerate() {
        let spans = list!(PANEL, &empty, |row| rows[row].get(at).unwrap_or(&empty));
        let wholes = list!(PANEL, [0; 2], |row| B::wholes(spans[row]));
        C::put(isa, &spans, &list!(PANEL, [0; EIGHT], |row| wholes[row][0].to_le_bytes()), &mut out.codes);
        for row in 0..PANEL {
            [out.scales[row], out.shifts[row]] = B::factors(isa, spans[row]);
            if B::SHIFTED {
                for (pair, [a, b]) in wholes[row][1].to_le_bytes().as_chunks().0.iter().enumerate() {
                    out.minima[pair][row] = [*a, 0, *b, 0];
                }
            }
        }
    }
}

/// The outputs of a meeting.
#[inline(always)]
pub(super) fn tile<I: Isa, B: SuperBlock, C: MeetSpan<B>>(
    isa: I,
    product: &Product<'_>,
    panel: &[SpanPanel<C>],
    meeting: Meeting<'_>,
) {
    match meeting.room {
        2 => cell::<I, B, C, 2>(isa, product, panel, meeting),
        4 => cell::<I, B, C, 4>(isa, product, panel, meeting),
        6 => cell::<I, B, C, 6>(isa, product, panel, meeting),
        8 => cell::<I, B, C, 8>(isa, product, panel, meeting),
        10 => cell::<I, B, C, 10>(isa, product, panel, meeting),
        _ => cell::<I, B, C, MAX_TILE>(isa, product, panel, meeting),
    }
}

/// A panel's outputs of up to `T` tokens.
#[inline(always)]
fn cell<I: Isa, B: SuperBlock, C: MeetSpan<B>, const T: usize>(
    isa: I,
    product: &Product<'_>,
    panel: &[SpanPanel<C>],
    Meeting { outputs: (output, count), tokens: (token, tokens), ahead, .. }: Meeting<'_>,
) {
    if T > I::TILE || T < I::TILE / 2 {
        debug_assert!(false, "{tokens} tokens in a tile of {}", I::TILE);
        return; // never asked for: spares the compiler the tiles of other instruction sets
    }
    let x = product.input.span_tile::<T>(token);
    product.ask_for_outputs(isa, token..token + tokens, output..output + count);
    let mut sums = [[0.0; PANEL]; T];
    let mut ahead = ahead.in_parts(panel.len());
    for (at, panel) in panel.iter().enumerate() {
        ahead.ask(isa);
        let found = C::sums(isa, &panel.codes, &x, at);
        for t in 0..T {
            let before = isa.load(&sums[t]);
            isa.store(add::<I, B, C>(isa, panel, found[t], &x.facts[at][t], before), &mut sums[t]);
        }
    }
    for t in 0..tokens.min(T) {
        product.finish(isa, token + t, output, &sums[t][..count]);
    }
}

/// `sums` and what a block gives for one token, whose products with the codes add up to `found`.
#[inline(always)]
pub(super) fn add<I: Isa, B: SuperBlock, C>(
    isa: I,
    panel: &SpanPanel<C>,
    found: I::Sums,
    x: &Facts,
    sums: I::Lanes,
) -> I::Lanes {
    let mut own = isa.lanes_mul(isa.load(&panel.scales), isa.sums_to_lanes(found));
    if B::SHIFTED {
        let [minima] = isa.pairs(&panel.minima, [&x.sums], [isa.splat_sums(0)]);
        own = isa.lanes_mul_add(isa.load(&panel.shifts), isa.sums_to_lanes(minima), own);
    }
    isa.lanes_mul_add(isa.splat(x.scale), own, sums)
}
