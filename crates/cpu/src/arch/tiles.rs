//! Products of a whole tile of tokens with a panel, for machines where that is one instruction.

use super::GROUP;
use super::PANEL;
use crate::bf16x3::{Cells, HALF, HIGH, SIDE, Slab};
use crate::code_tiles::GroupCodes;
use crate::groups::EIGHT;
use crate::part_tiles::{Line, PAIRS, PartSums, STEP};
use crate::span_codes::StepTile;

/// Tokens of a tile.
pub(crate) const TILE_TOKENS: usize = 16;

/// A group of a panel: 4 signed codes of each row, for each quad of the group.
pub(crate) type SignedQuads = [[[u8; 4]; PANEL]; GROUP / 4];

/// A block of a panel, numbers of more than a byte: their low bits, and what is above ([`Isa::cut_words`](super::Isa::cut_words)).
pub(crate) type CutPanel = [[SignedQuads; EIGHT]; 2];

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

    /// The same for both parts of a block.
    fn span(&self, panel: &CutPanel, x: &StepTile<TILE_TOKENS>, sums: &mut [TileSums; 2]);
}

/// The twin in plain loops.
pub(crate) struct PlainTiles {
    pub(super) tokens: usize,
}

impl Tiles for PlainTiles {
    fn group(&self, panel: &SignedQuads, x: &[GroupCodes; TILE_TOKENS], sums: &mut TileSums) {
        for (x, sums) in x.iter().zip(&mut sums.0).take(self.tokens) {
            *sums = [0; PANEL];
            add_quads(panel, &x.0, sums);
        }
    }

    fn span(&self, panel: &CutPanel, x: &StepTile<TILE_TOKENS>, sums: &mut [TileSums; 2]) {
        for (panel, sums) in panel.iter().zip(sums) {
            for (token, sums) in sums.0.iter_mut().enumerate().take(self.tokens) {
                *sums = [0; PANEL];
                for (groups, x) in panel.as_chunks::<2>().0.iter().zip(x) {
                    add_quads(groups.as_flattened(), &x[token].0, sums);
                }
            }
        }
    }
}

/// Adds the products of each row's quads with `x`.
fn add_quads(quads: &[[[u8; 4]; PANEL]], x: &[i8], sums: &mut [i32; PANEL]) {
    for (quad, x) in quads.iter().zip(x.as_chunks::<4>().0) {
        for (codes, sum) in quad.iter().zip(&mut *sums) {
            let products = codes.iter().zip(x).map(|(code, x)| i32::from(*code as i8) * i32::from(*x));
            *sum += products.sum::<i32>();
        }
    }
}

/// Tiles for panels of bf16 rows and the parts of so many tokens' vectors, set up on this thread; otherwise as [`Tiles`].
pub(crate) trait Bf16Tiles {
    /// The products of `rows` with a tile of `vectors`, as [`crate::part_tiles`] lays them out, in so many `parts`.
    ///
    /// # Panics
    /// Where `vectors` has not as many steps as a row.
    fn one(&self, rows: Sixteen<'_>, vectors: &[u32], parts: usize, sums: &mut PartSums);

    /// Two panels, whose tiles lie one after the other, `[steps, PANEL]`, and two tiles of 16 tokens: the sums of the first panel
    /// with both, then of the second.
    ///
    /// # Panics
    /// As [`Bf16Tiles::one`].
    fn four(&self, rows: [&[Line]; 2], vectors: [&[u32]; 2], parts: usize, sums: &mut [PartSums; 4]);
}

/// Sees that `vectors` has `parts` of so many steps of a tile of `width` tokens.
///
/// # Panics
/// Where it has not.
#[inline(always)]
pub(super) fn check(steps: usize, vectors: &[u32], parts: usize, width: usize) {
    let fits = parts > 0 && vectors.len() == steps * parts * PAIRS * width;
    assert!(fits, "vectors as long as the rows");
}

/// Sixteen stored rows of bf16 numbers, of so many steps each, at equal distances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sixteen<'a> {
    bytes: &'a [u8],
    distance: usize,
    steps: usize,
}

impl<'a> Sixteen<'a> {
    /// Those that begin every `distance` bytes of `bytes`.
    ///
    /// # Panics
    /// Where the last is not there as a whole.
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8], distance: usize, steps: usize) -> Self {
        let before = distance.checked_mul(PANEL - 1);
        let end = before.zip(steps.checked_mul(2 * STEP)).and_then(|(before, row)| before.checked_add(row));
        assert!(end.is_some_and(|end| end <= bytes.len()), "sixteen rows");
        Self { bytes, distance, steps }
    }

    /// Where the first begins, bytes from one to the next, and steps.
    #[inline(always)]
    pub(super) fn parts(&self) -> (*const u8, usize, usize) {
        (self.bytes.as_ptr(), self.distance, self.steps)
    }
}

/// The twin in plain loops, in the order of [`PlainCells`].
pub(crate) struct PlainBf16 {
    pub(super) width: usize,
}

impl PlainBf16 {
    /// The sums of a panel whose row `row` has `line(row, step)` at a step.
    fn sums<'a>(
        &self,
        line: impl Fn(usize, usize) -> &'a [u8; 64],
        vectors: &[u32],
        parts: usize,
        sums: &mut PartSums,
    ) {
        for (at, total) in sums.0.iter_mut().take(PANEL * self.width).enumerate() {
            let (row, token) = (at / self.width, at % self.width);
            *total = 0.0;
            for (step, vectors) in vectors.chunks_exact(parts * PAIRS * self.width).enumerate() {
                for part in vectors.chunks_exact(PAIRS * self.width) {
                    let mut sums = [0.0_f32; 2];
                    for (pair, word) in line(row, step).as_chunks::<4>().0.iter().enumerate() {
                        let (x, y) = (both(u32::from_le_bytes(*word)), both(part[pair * self.width + token]));
                        sums = [x[0].mul_add(y[0], sums[0]), x[1].mul_add(y[1], sums[1])];
                    }
                    *total += sums[0] + sums[1];
                }
            }
        }
    }
}

impl Bf16Tiles for PlainBf16 {
    fn one(&self, rows: Sixteen<'_>, vectors: &[u32], parts: usize, sums: &mut PartSums) {
        check(rows.steps, vectors, parts, self.width);
        let line = |row, step| {
            let row: &[u8] = &rows.bytes[row * rows.distance..];
            &row.as_chunks::<64>().0[step]
        };
        self.sums(line, vectors, parts, sums);
    }

    fn four(&self, rows: [&[Line]; 2], vectors: [&[u32]; 2], parts: usize, sums: &mut [PartSums; 4]) {
        for (at, sums) in sums.iter_mut().enumerate() {
            let (rows, vectors) = (rows[at / 2], vectors[at % 2]);
            check(rows.len() / PANEL, vectors, parts, self.width);
            self.sums(|row, step| &rows[step * PANEL + row].0, vectors, parts, sums);
        }
    }
}

/// The two bf16 numbers of a word.
#[inline(always)]
pub(super) fn both(word: u32) -> [f32; 2] {
    [f32::from_bits(word << 16), f32::from_bits(word & HIGH)]
}

/// The twin in plain loops: the same sums in the same order, so that it agrees to the bit where no number is subnormal,
/// which the instructions take for zero.
pub(crate) struct PlainCells;

impl Cells for PlainCells {
    fn cell(&self, left: &[Slab], right: &[Slab], add: bool, c: &mut [f32], stride: usize) {
        assert_eq!(left.len(), right.len(), "the depth of both factors");
        assert!(c.len() >= (SIDE - 1) * stride + SIDE && stride >= SIDE, "room for a cell");
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
                            let (x, y) = (both(*x), both(y[column % HALF]));
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
