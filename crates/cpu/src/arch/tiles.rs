//! Products of a whole tile of tokens with a panel, for machines where that is one instruction.

use super::GROUP;
use super::PANEL;
use crate::bf16x3::{Cells, HALF, SIDE, Slab};
use crate::code_tiles::GroupCodes;

/// Tokens of a tile.
pub(crate) const TILE_TOKENS: usize = 16;

/// A group of a panel: 4 signed codes of each row, for each quad of the group.
pub(crate) type SignedQuads = [[[u8; 4]; PANEL]; GROUP / 4];

/// What a group gives for each token of a tile: a sum for each row of the panel.
#[derive(Clone, Copy)]
#[repr(C, align(64))] // rows are cache lines
pub(crate) struct TileSums(pub(crate) [[i32; PANEL]; TILE_TOKENS]);

impl TileSums {
    pub(crate) const ZERO: Self = Self([[0; PANEL]; TILE_TOKENS]);
}

/// Tiles, set up on this thread for a number of tokens. They lie in registers that the compiler knows nothing of, so that
/// each method leaves nothing in them that another one needs.
pub(crate) trait Tiles {
    /// The products of a group of a panel with the codes of every token, summed: exact integers. Sums of tokens that there
    /// are not stay as they are.
    fn group(&self, panel: &SignedQuads, x: &[GroupCodes; TILE_TOKENS], sums: &mut TileSums);
}

/// The twin in plain loops.
pub(crate) struct PlainTiles {
    pub(super) tokens: usize,
}

impl Tiles for PlainTiles {
    fn group(&self, panel: &SignedQuads, x: &[GroupCodes; TILE_TOKENS], sums: &mut TileSums) {
        for (x, sums) in x.iter().zip(&mut sums.0).take(self.tokens) {
            let x = x.0.as_chunks::<4>().0;
            *sums = [0; PANEL];
            for (quad, x) in panel.iter().zip(x) {
                for (codes, sum) in quad.iter().zip(&mut *sums) {
                    let products =
                        codes.iter().zip(x).map(|(code, x)| i32::from(*code as i8) * i32::from(*x));
                    *sum += products.sum::<i32>();
                }
            }
        }
    }
}

/// The twin in plain loops: the same sums in the same order, so that it agrees to the bit where no number is subnormal,
/// which the instructions take for zero.
pub(crate) struct PlainCells;

impl Cells for PlainCells {
    fn cell(&self, left: &[Slab], right: &[Slab], add: bool, c: &mut [f32], stride: usize) {
        assert_eq!(left.len(), right.len(), "the depth of both factors");
        assert!(c.len() >= (SIDE - 1) * stride + SIDE && stride >= SIDE, "room for a cell");
        let wide = |word: u32| [f32::from_bits(word << 16), f32::from_bits(word & 0xffff_0000)];
        if left.is_empty() {
            return;
        }
        for (row, c) in c.chunks_mut(stride).take(SIDE).enumerate() {
            let mut totals = [0.0; SIDE];
            for (left, right) in left.iter().zip(right) {
                for (of_left, of_right) in [(2, 0), (1, 0), (1, 1), (0, 1), (0, 0), (0, 2)] {
                    let xs = &left.0[of_left][row / HALF][row % HALF];
                    for (column, total) in totals.iter_mut().enumerate() {
                        let ys = &right.0[of_right][column / HALF];
                        let mut sums = [0.0_f32; 2];
                        for (x, y) in xs.iter().zip(ys) {
                            let (x, y) = (wide(*x), wide(y[column % HALF]));
                            sums = [x[0].mul_add(y[0], sums[0]), x[1].mul_add(y[1], sums[1])];
                        }
                        *total += sums[0] + sums[1];
                    }
                }
            }
            for (c, total) in c.iter_mut().zip(totals) {
                *c = if add { *c + total } else { total };
            }
        }
    }
}
