//! Many tokens, block types: sixteen rows at a time are turned into a panel of codes, one row to a lane, and meet tile
//! after tile of tokens in integers.
//!
//! The sums of a group are exact, so they are those of `block_rows`; they become f32 with the same multiplications,
//! are added up in the same eight classes, and folded in the same order. A class of groups is finished before the next one
//! begins, so that the sums of a tile stay in registers.

use super::block::{Block, Pairs, Quads};
use super::panels::{fold, of_tile};
use super::product::{Classes, Product};
use super::walk::Meeting;
use crate::arch::{GROUP, Isa, MAX_TILE, PANEL, list};
use crate::code_tiles::{CodeTile, GroupFacts, place};
use crate::groups::EIGHT;

/// A panel of one group: codes as bytes or as 16-bit numbers, and the scales and shifts of its rows.
#[derive(Clone)]
#[repr(C, align(64))] // rows of codes are cache lines
pub(crate) struct GroupPanel<C> {
    pub(super) codes: C,
    pub(super) scales: [f32; PANEL],
    pub(super) shifts: [f32; PANEL],
}

pub(crate) const EMPTY_QUADS: GroupPanel<Quads> =
    GroupPanel { codes: [[[0; 4]; PANEL]; GROUP / 4], scales: [0.0; PANEL], shifts: [0.0; PANEL] };
pub(crate) const EMPTY_PAIRS: GroupPanel<Pairs> =
    GroupPanel { codes: [[[0; 4]; PANEL]; GROUP / 2], scales: [0.0; PANEL], shifts: [0.0; PANEL] };

/// How the codes of a panel are kept.
pub(crate) trait Keep<B: Block>: Sized {
    /// Puts group `group` of the spans of all rows into `out`.
    fn put<I: Isa>(isa: I, spans: &[&B::Span; PANEL], group: usize, out: &mut Self);

    /// Told the scales of a group besides, those of half `half` of the rows.
    #[inline(always)]
    fn put_scales<I: Isa>(isa: I, scales: I::Eight, half: usize, out: &mut Self) {
        let _ = (isa, scales, half, out);
    }
}

/// How they are multiplied.
pub(crate) trait Meet<B: Block>: Keep<B> {
    /// The sums of the group that lies at `at`, added to `from`.
    fn sums<I: Isa, const T: usize>(
        isa: I,
        codes: &Self,
        x: &CodeTile<'_, T>,
        at: usize,
        from: [I::Sums; T],
    ) -> [I::Sums; T];
    /// What is added to the sums of a group: codes are counted from somewhere.
    fn start(facts: &GroupFacts) -> i32;
}

impl<B: Block> Keep<B> for Quads {
    #[inline(always)]
    fn put<I: Isa>(isa: I, spans: &[&B::Span; PANEL], group: usize, out: &mut Self) {
        isa.turn_panel(
            B::BITS == 8,
            #[inline(always)]
            |row| B::codes(isa, spans[row], group),
            out,
        );
    }
}

impl<B: Block> Meet<B> for Quads {
    #[inline(always)]
    fn sums<I: Isa, const T: usize>(
        isa: I,
        codes: &Self,
        x: &CodeTile<'_, T>,
        at: usize,
        from: [I::Sums; T],
    ) -> [I::Sums; T] {
        let x = list!(T, &[[0; 4]; GROUP / 4], |t| &x.codes[at][t].0.as_chunks().0.as_chunks().0[0]);
        match B::BITS {
            ..=4 => isa.quads::<T, 4, _>(codes, x, from),
            5 => isa.quads::<T, 5, _>(codes, x, from),
            _ => isa.quads::<T, 8, _>(codes, x, from),
        }
    }

    #[inline(always)]
    fn start(facts: &GroupFacts) -> i32 {
        match (B::BITS, B::OFFSET) {
            (8, _) => facts.from_128,
            (_, 0) => 0,
            (_, offset) => offset / 8 * facts.from_8,
        }
    }
}

impl<B: Block> Keep<B> for Pairs {
    #[inline(always)]
    fn put<I: Isa>(isa: I, spans: &[&B::Span; PANEL], group: usize, out: &mut Self) {
        let none = isa.bytes(&[0; GROUP]);
        let (first, second) = out.split_at_mut(GROUP / 4);
        for (half, spans) in spans.as_chunks::<8>().0.iter().enumerate() {
            let words = list!(8, [none; 2], |row| B::words(isa, spans[row], group));
            isa.turn_half(list!(8, none, |row| words[row][0]), half, first);
            isa.turn_half(list!(8, none, |row| words[row][1]), half, second);
        }
    }
}

impl<B: Block> Meet<B> for Pairs {
    #[inline(always)]
    fn sums<I: Isa, const T: usize>(
        isa: I,
        codes: &Self,
        x: &CodeTile<'_, T>,
        at: usize,
        from: [I::Sums; T],
    ) -> [I::Sums; T] {
        isa.pairs(codes, list!(T, &x.words[at][0], |t| &x.words[at][t]), from)
    }

    #[inline(always)]
    fn start(_: &GroupFacts) -> i32 {
        0 // it is in the numbers
    }
}

/// Turns `count` rows of `raw` into `panel`, one [`GroupPanel`] a group, class after class ([`place`]); missing rows are zero.
#[inline(always)]
pub(super) fn pack<I: Isa, B: Block, C: Keep<B>>(
    isa: I,
    raw: &[u8],
    count: usize,
    panel: &mut [GroupPanel<C>],
) {
    let length = raw.len() / count;
    let row = |row: usize| B::split(raw.get(row * length..(row + 1) * length).unwrap_or(&[]));
    let empty = B::fill(&[]);
    let whole = row(0).0.len();
    for at in 0..panel.len() / EIGHT {
        if at < whole {
            let spans = list!(PANEL, &empty, |n| row(n).0.get(at).unwrap_or(&empty));
            pack_spans(isa, &spans, at, panel);
        } else {
            let filled = list!(PANEL, empty, |n| B::fill(row(n).1));
            pack_spans(isa, &list!(PANEL, &empty, |n| &filled[n]), at, panel);
        }
    }
}

/// Packs span number `at` of every row.
#[inline(always)]
fn pack_spans<I: Isa, B: Block, C: Keep<B>>(
    isa: I,
    spans: &[&B::Span; PANEL],
    at: usize,
    panel: &mut [GroupPanel<C>],
) {
    let groups = panel.len();
    let place = |group: usize| place(at * EIGHT + group, groups);
    for group in 0..EIGHT {
        C::put(isa, spans, group, &mut panel[place(group)].codes);
    }
    let none = isa.splat_eight(0.0);
    for (half, spans) in spans.as_chunks::<EIGHT>().0.iter().enumerate() {
        let found = list!(EIGHT, [none; 2], |row| {
            let found = B::scales(isa, spans[row]);
            [found.scales, found.shifts]
        });
        let scales = isa.turn_eight(list!(EIGHT, none, |row| found[row][0]));
        for (group, scales) in scales.into_iter().enumerate() {
            let panel = &mut panel[place(group)];
            isa.store_eight(scales, &mut panel.scales.as_chunks_mut().0[half]);
            C::put_scales(isa, scales, half, &mut panel.codes);
        }
        if B::SHIFTED {
            let shifts = isa.turn_eight(list!(EIGHT, none, |row| found[row][1]));
            for (group, shifts) in shifts.into_iter().enumerate() {
                isa.store_eight(shifts, &mut panel[place(group)].shifts.as_chunks_mut().0[half]);
            }
        }
    }
}

/// The outputs of a meeting.
#[inline(always)]
pub(super) fn tile<I: Isa, B: Block, C: Meet<B>>(
    isa: I,
    product: &Product<'_>,
    panel: &[GroupPanel<C>],
    meeting: Meeting<'_>,
    classes: &mut Classes,
) {
    match meeting.room {
        2 => cell::<I, B, C, 2>(isa, product, panel, meeting, classes),
        4 => cell::<I, B, C, 4>(isa, product, panel, meeting, classes),
        6 => cell::<I, B, C, 6>(isa, product, panel, meeting, classes),
        8 => cell::<I, B, C, 8>(isa, product, panel, meeting, classes),
        10 => cell::<I, B, C, 10>(isa, product, panel, meeting, classes),
        _ => cell::<I, B, C, MAX_TILE>(isa, product, panel, meeting, classes),
    }
}

/// A panel's outputs of up to `T` tokens.
#[inline(always)]
fn cell<I: Isa, B: Block, C: Meet<B>, const T: usize>(
    isa: I,
    product: &Product<'_>,
    panel: &[GroupPanel<C>],
    Meeting { outputs: (output, count), tokens: (token, tokens), ahead, .. }: Meeting<'_>,
    classes: &mut Classes,
) {
    if T > I::TILE || T < I::TILE / 2 {
        debug_assert!(false, "{tokens} tokens in a tile of {}", I::TILE);
        return; // never asked for: spares the compiler the tiles of other instruction sets
    }
    let x = product.input.tile::<T>(token);
    product.ask_for_outputs(isa, token..token + tokens, output..output + count);
    let steps = panel.len() / EIGHT;
    let classes = of_tile::<T, 1, EIGHT>(classes);
    let mut ahead = ahead.in_parts(panel.len());
    for (class, sums_out) in classes.iter_mut().enumerate() {
        let mut sums = [isa.splat(0.0); T];
        for at in class * steps..(class + 1) * steps {
            ahead.ask(isa);
            let panel = &panel[at];
            let none = isa.splat_sums(0);
            let from = list!(T, none, |t| isa.splat_sums(C::start(&x.facts[at][t])));
            let found = C::sums(isa, &panel.codes, &x, at, from);
            let scales = isa.load(&panel.scales);
            for t in 0..T {
                let own = isa.lanes_mul(isa.sums_to_lanes(found[t]), scales);
                sums[t] = isa.lanes_mul_add(own, isa.splat(x.facts[at][t].scale), sums[t]);
                if B::SHIFTED {
                    let shifts = isa.load(&panel.shifts);
                    sums[t] = isa.lanes_mul_add(shifts, isa.splat(x.facts[at][t].shift), sums[t]);
                }
            }
        }
        for t in 0..T {
            isa.store(sums[t], &mut sums_out[t][0]);
        }
    }
    for t in 0..tokens.min(T) {
        let sums = fold::<I, EIGHT>(isa, |class| &classes[class][t][0]);
        product.finish(isa, token + t, output, &sums[..count]);
    }
}
