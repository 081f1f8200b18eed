//! Many tokens, block types, on machines that multiply tiles: sixteen tokens meet a panel of sixteen rows, group by group.
//!
//! The sums of a group are exact, and what becomes of them is what `block_panels` does. Here a class of groups is finished
//! before the next one begins, so that the sums of sixteen tokens stay in registers.

use super::block::Block;
use super::block_panels::{GroupPanel, Keep};
use super::panels::{fold, of_tile};
use super::product::{Classes, Product};
use super::walk::Meeting;
use crate::arch::{GROUP, Isa, PANEL, SignedQuads, TILE_TOKENS, TileSums, Tiles};
use crate::code_tiles::CodeTile;
use crate::groups::EIGHT;

/// Codes as signed bytes, each less what it is counted from.
#[derive(Clone)]
pub(crate) struct Signed(SignedQuads);

/// Groups that are multiplied before the sums of the first are taken: a tile takes a hundred cycles to be multiplied and
/// to arrive in memory, and the sums of one group a quarter of that.
const AHEAD: usize = 4;

pub(crate) const EMPTY_SIGNED: GroupPanel<Signed> =
    GroupPanel { codes: Signed([[[0; 4]; PANEL]; GROUP / 4]), scales: [0.0; PANEL], shifts: [0.0; PANEL] };

impl<B: Block> Keep<B> for Signed {
    #[inline(always)]
    fn put<I: Isa>(isa: I, spans: &[&B::Span; PANEL], group: usize, out: &mut Self) {
        isa.turn_panel(
            false,
            #[inline(always)]
            |row| {
                let codes = B::codes(isa, spans[row], group);
                if B::OFFSET == 0 { codes } else { isa.less(codes, B::OFFSET as u8) }
            },
            &mut out.0,
        );
    }
}

/// The outputs of a meeting.
#[inline(always)]
pub(super) fn tile<I: Isa, B: Block>(
    isa: I,
    tiles: &I::Tiles,
    product: &Product<'_>,
    panel: &[GroupPanel<Signed>],
    meeting: Meeting<'_>,
    classes: &mut Classes,
) {
    match meeting.tokens.1 {
        ..=4 => cell::<I, B, 4>(isa, tiles, product, panel, meeting, classes),
        5..=8 => cell::<I, B, 8>(isa, tiles, product, panel, meeting, classes),
        9..=12 => cell::<I, B, 12>(isa, tiles, product, panel, meeting, classes),
        _ => cell::<I, B, TILE_TOKENS>(isa, tiles, product, panel, meeting, classes),
    }
}

/// A panel's outputs of up to `T` tokens.
#[inline(always)]
fn cell<I: Isa, B: Block, const T: usize>(
    isa: I,
    tiles: &I::Tiles,
    product: &Product<'_>,
    panel: &[GroupPanel<Signed>],
    Meeting { outputs: (output, count), tokens: (token, tokens), ahead, .. }: Meeting<'_>,
    classes: &mut Classes,
) {
    let groups = panel.len();
    let CodeTile { codes, facts, .. } = product.input.tile::<TILE_TOKENS>(token);
    let (codes, facts) = (&codes[..groups], &facts[..groups]);
    let classes = of_tile::<T, 1, EIGHT>(classes);
    let steps = groups / EIGHT;
    let mut ahead = ahead.in_parts(EIGHT);
    let mut found = [TileSums::ZERO; AHEAD];
    for group in 0..AHEAD.min(groups) {
        tiles.group(&panel[group].codes.0, &codes[group], &mut found[group]);
    }
    for (class, sums_out) in classes.iter_mut().enumerate() {
        ahead.ask(isa);
        let mut sums = [isa.splat(0.0); T];
        for group in class * steps..(class + 1) * steps {
            let found = &mut found[group % AHEAD];
            let own_scales = isa.load(&panel[group].scales);
            for t in 0..T {
                let whole = isa.sums_to_lanes(isa.load_sums(&found.0[t]));
                let own = isa.lanes_mul(whole, own_scales);
                let scale = isa.splat(facts[group][t].scale);
                sums[t] = isa.settled(isa.lanes_mul_add(own, scale, sums[t]));
                if B::SHIFTED {
                    let own_shifts = isa.load(&panel[group].shifts);
                    sums[t] = isa.lanes_mul_add(own_shifts, isa.splat(facts[group][t].shift), sums[t]);
                }
            }
            let next = group + AHEAD;
            if next < groups {
                tiles.group(&panel[next].codes.0, &codes[next], found);
            }
        }
        for t in 0..T {
            isa.store(sums[t], &mut sums_out[t][0]);
        }
    }
    for t in 0..tokens {
        let sums = fold::<I, EIGHT>(isa, |class| &classes[class][t][0]);
        product.finish(isa, token + t, output, &sums[..count]);
    }
}
