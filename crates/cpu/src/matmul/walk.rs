//! Many tokens: how they meet the panels of a task.

use std::ops::Range;

use super::product::Product;
use crate::arch::{Isa, PANEL, TILE_TOKENS};
use crate::code_tiles::Tiling;

impl Product<'_> {
    /// How [`Product::walk`] cuts the tokens.
    pub(super) fn tiling<I: Isa>(&self) -> Tiling {
        Tiling::new(self.input.tokens, I::TILE)
    }

    /// Lets every tile of tokens meet every panel, which are `own` items each, `together` at a time; `meet` is given the
    /// product with the part of what is ahead that is to be asked for meanwhile, the panels, their outputs, and the tile.
    pub(super) fn walk<I: Isa, P>(
        &self,
        outputs: Range<usize>,
        panels: &[P],
        own: usize,
        together: usize,
        mut meet: impl FnMut(&Self, &[P], (usize, usize), (usize, usize)),
    ) {
        let walks = panels.len().div_ceil(own * together);
        let mut ahead = self.ahead_in(walks * self.input.tokens.div_ceil(I::TILE));
        let width = self.tiling::<I>().width;
        for token in (0..self.input.tokens).step_by(width) {
            let tile = (token, width.min(self.input.tokens - token));
            let panels = panels.chunks(own * together);
            for (output, panels) in outputs.clone().step_by(PANEL * together).zip(panels) {
                let product = Self { ahead: ahead.next().unwrap_or(&[]), ..*self };
                meet(&product, panels, (output, (PANEL * together).min(outputs.end - output)), tile);
            }
        }
    }

    /// As [`Product::walk`] where tokens meet panels in tiles of the machine's.
    pub(super) fn walk_tiles<I: Isa, P>(
        &self,
        isa: I,
        outputs: Range<usize>,
        panels: &[P],
        own: usize,
        mut meet: impl FnMut(&I::Tiles, &Self, &[P], (usize, usize), (usize, usize)),
    ) {
        let mut ahead = self.ahead_in(panels.len() / own * self.input.tokens.div_ceil(TILE_TOKENS));
        for token in (0..self.input.tokens).step_by(TILE_TOKENS) {
            let tokens = (self.input.tokens - token).min(TILE_TOKENS);
            isa.tiled(tokens, |tiles| {
                for (output, panel) in outputs.clone().step_by(PANEL).zip(panels.chunks_exact(own)) {
                    let product = Self { ahead: ahead.next().unwrap_or(&[]), ..*self };
                    let outputs = (output, PANEL.min(outputs.end - output));
                    meet(tiles, &product, panel, outputs, (token, tokens));
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
