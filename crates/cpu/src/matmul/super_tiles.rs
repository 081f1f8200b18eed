//! Many tokens, K types, on machines that multiply tiles: sixteen tokens meet a panel of sixteen rows, block by block.
//!
//! The whole scales are multiplied into the codes, and these numbers cut into two bytes, so that tiles are as deep as the
//! machine has them and the sums of a block stay in them. What becomes of those is what `super_panels` does.

use super::product::Product;
use super::super_block::SuperBlock;
use super::super_panels::{KeepSpan, SpanPanel, add, empty};
use super::walk::Meeting;
use crate::arch::{CutPanel, GROUP, Isa, PANEL, TILE_TOKENS, TileSums, Tiles, list};
use crate::groups::EIGHT;
use crate::span_codes::SpanTile;

/// Numbers cut into low bits and what is above.
#[derive(Clone)]
pub(crate) struct Cut(CutPanel);

/// Blocks that are multiplied before the sums of the first are taken.
const AHEAD: usize = 2;

pub(crate) const EMPTY_CUT: SpanPanel<Cut> = empty(Cut([[[[[0; 4]; PANEL]; GROUP / 4]; EIGHT]; 2]));

impl<B: SuperBlock> KeepSpan<B> for Cut {
    #[inline(always)]
    fn put<I: Isa>(isa: I, spans: &[&B::Span; PANEL], scales: &[[u8; EIGHT]; PANEL], out: &mut Self) {
        let none = isa.bytes(&[0; GROUP]);
        let [low, high] = &mut out.0;
        for (group, (low, high)) in low.iter_mut().zip(high).enumerate() {
            for (half, (spans, scales)) in
                spans.as_chunks::<8>().0.iter().zip(scales.as_chunks::<8>().0).enumerate()
            {
                let cut = list!(8, [none; 2], |row| B::cut(isa, spans[row], group, scales[row][group]));
                isa.turn_half(list!(8, none, |row| cut[row][0]), half, low);
                isa.turn_half(list!(8, none, |row| cut[row][1]), half, high);
            }
        }
    }
}

/// The outputs of a meeting.
#[inline(always)]
pub(super) fn tile<I: Isa, B: SuperBlock>(
    isa: I,
    tiles: &I::Tiles,
    product: &Product<'_>,
    panel: &[SpanPanel<Cut>],
    meeting: Meeting<'_>,
) {
    match meeting.tokens.1 {
        ..=4 => cell::<I, B, 4>(isa, tiles, product, panel, meeting),
        5..=8 => cell::<I, B, 8>(isa, tiles, product, panel, meeting),
        9..=12 => cell::<I, B, 12>(isa, tiles, product, panel, meeting),
        _ => cell::<I, B, TILE_TOKENS>(isa, tiles, product, panel, meeting),
    }
}

/// A panel's outputs of up to `T` tokens.
#[inline(always)]
fn cell<I: Isa, B: SuperBlock, const T: usize>(
    isa: I,
    tiles: &I::Tiles,
    product: &Product<'_>,
    panel: &[SpanPanel<Cut>],
    Meeting { outputs: (output, count), tokens: (token, tokens), ahead, .. }: Meeting<'_>,
) {
    let SpanTile { steps, facts, .. } = product.input.span_tile::<TILE_TOKENS>(token);
    let (steps, facts) = (&steps[..panel.len()], &facts[..panel.len()]);
    let mut ahead = ahead.in_parts(panel.len());
    let mut found = [[TileSums::ZERO; 2]; AHEAD];
    for at in 0..AHEAD.min(panel.len()) {
        tiles.span(&panel[at].codes.0, &steps[at], &mut found[at]);
    }
    let mut sums = [isa.splat(0.0); T];
    for (at, own) in panel.iter().enumerate() {
        ahead.ask(isa);
        let found = &mut found[at % AHEAD];
        for t in 0..T {
            let [low, high] =
                list!(2, isa.load_sums(&found[0].0[t]), |part| isa.load_sums(&found[part].0[t]));
            let whole = isa.sums_join(low, high);
            sums[t] = isa.settled(add::<I, B, _>(isa, own, whole, &facts[at][t], sums[t]));
        }
        let next = at + AHEAD;
        if next < panel.len() {
            tiles.span(&panel[next].codes.0, &steps[next], found);
        }
    }
    for t in 0..tokens.min(T) {
        let mut out = [0.0; PANEL];
        isa.store(sums[t], &mut out);
        product.finish(isa, token + t, output, &out[..count]);
    }
}
