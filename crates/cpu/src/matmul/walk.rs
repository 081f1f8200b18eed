//! Many tokens: how they meet the panels of a task.

use std::ops::Range;

use super::ahead::Ahead;
use super::product::Product;
use crate::arch::{Isa, PANEL, TILE_TOKENS};
use crate::code_tiles::Tiling;

/// A tile of tokens and the panels that it meets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meeting<'a> {
    /// The first, and how many.
    pub(super) outputs: (usize, usize),
    /// The same.
    pub(super) tokens: (usize, usize),
    /// Tokens that the tile has room for.
    pub(super) room: usize,
    /// What of the product's is to be asked for meanwhile.
    pub(super) ahead: Ahead<'a>,
}

impl Product<'_> {
    /// Lets every tile of tokens meet every panel, which are `own` items each, `together` at a time; `meet` is given the
    /// panels.
    pub(super) fn walk<P>(
        &self,
        tiling: Tiling,
        outputs: Range<usize>,
        panels: &[P],
        own: usize,
        together: usize,
        mut meet: impl FnMut(&[P], Meeting<'_>),
    ) {
        let width = tiling.width;
        let all = panels.len().div_ceil(own * together) * tiling.all();
        let mut done = 0;
        for token in (0..self.input.tokens).step_by(width) {
            let (tokens, room) = ((token, width.min(self.input.tokens - token)), tiling.place(token).room);
            let panels = panels.chunks(own * together);
            for (output, panels) in outputs.clone().step_by(PANEL * together).zip(panels) {
                let outputs = (output, (PANEL * together).min(outputs.end - output));
                meet(panels, Meeting { outputs, tokens, room, ahead: self.ahead.share(done, room, all) });
                done += room;
            }
        }
    }

    /// Packs the panels of `outputs` ([`Product::packed`]) and lets the tokens meet them. Where one tile holds all tokens, each panel
    /// is met as soon as it is packed, while the caches nearby have it: on a Xeon without AMX, 6 tokens of Q4_K take 0.96 of the
    /// time, 32 of Q8_0 0.98.
    pub(super) fn pack_and_walk<P: Clone>(
        &self,
        tiling: Tiling,
        outputs: Range<usize>,
        own: usize,
        (panels, empty): (&mut Vec<P>, &P),
        pack: impl Fn(&[u8], usize, &mut [P]),
        mut meet: impl FnMut(&[P], Meeting<'_>),
    ) {
        let piece = if tiling.is_one() { PANEL } else { outputs.len().max(1) };
        let all = outputs.len().div_ceil(piece);
        for (number, first) in outputs.clone().step_by(piece).enumerate() {
            let of = first..outputs.end.min(first + piece);
            let part = Product { ahead: self.ahead.share(number, 1, all), ..*self };
            let panels = part.packed(&of, self.matrix.rows(of.clone()), own, panels, empty, &pack);
            part.walk(tiling, of, panels, own, 1, &mut meet);
        }
    }

    /// As [`Product::walk`] where tokens meet panels in tiles of the machine's.
    pub(super) fn walk_tiles<I: Isa, P>(
        &self,
        isa: I,
        outputs: Range<usize>,
        panels: &[P],
        own: usize,
        mut meet: impl FnMut(&I::Tiles, &[P], Meeting<'_>),
    ) {
        let all = panels.len() / own * self.input.tokens.div_ceil(TILE_TOKENS);
        let mut done = 0;
        for token in (0..self.input.tokens).step_by(TILE_TOKENS) {
            let tokens = (token, TILE_TOKENS.min(self.input.tokens - token));
            isa.tiled(tokens.1, |tiles| {
                for (output, panel) in outputs.clone().step_by(PANEL).zip(panels.chunks_exact(own)) {
                    let outputs = (output, PANEL.min(outputs.end - output));
                    let ahead = self.ahead.share(done, 1, all);
                    done += 1;
                    meet(tiles, panel, Meeting { outputs, tokens, room: TILE_TOKENS, ahead });
                }
            });
        }
    }

    /// The panels of `outputs`, whose stored rows are `raw`, `own` items each; `pack` is given the rows of one, how many, and
    /// room.
    pub(super) fn packed<'d, P: Clone>(
        &self,
        outputs: &Range<usize>,
        raw: &[u8],
        own: usize,
        panels: &'d mut Vec<P>,
        empty: &P,
        pack: impl Fn(&[u8], usize, &mut [P]),
    ) -> &'d [P] {
        let count = outputs.len().div_ceil(PANEL);
        if panels.len() < count * own {
            panels.resize(count * own, empty.clone());
        }
        let length = self.matrix.tensor.stored_row_bytes();
        let panels = &mut panels[..count * own];
        for (raw, panel) in raw.chunks(PANEL * length).zip(panels.chunks_exact_mut(own)) {
            pack(raw, raw.len() / length, panel);
        }
        panels
    }
}
