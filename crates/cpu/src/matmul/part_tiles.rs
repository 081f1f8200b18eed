//! bf16 rows on machines that multiply tiles of those: sixteen rows, for few tokens straight from where they lie, meet the parts
//! of a tile of tokens, step by step.
//!
//! A step's products with one part are added up by the machine, numbers of even place apart from those of odd place, before
//! they go to the sum. One token alone goes the same way, so that it gets the same bits. The sixteen rows that few tokens meet
//! lie as far from each other as can be, so that each of sixteen places is read without a gap: next to each other, decoding
//! took a fifth longer.

use std::ops::Range;

use super::product::Product;
use crate::arch::{Bf16Tiles, Isa, LANES, PANEL, Sixteen, list};
use crate::part_tiles::{Line, PartSums, STEP};
use crate::scratch::grow;

/// The outputs `outputs` of `product` for all of its tokens.
#[inline(always)]
pub(super) fn all<I: Isa>(isa: I, product: &Product<'_>, outputs: Range<usize>, room: &mut Vec<Line>) {
    let cut = product.input.cut();
    isa.bf16_tiled(cut.room, |tiles| {
        isa.run(
            #[inline(always)]
            || {
                if cut.tiles == 1 {
                    one(isa, tiles, product, outputs);
                } else {
                    many(isa, tiles, product, outputs, room);
                }
            },
        );
    });
}

/// Bytes of outputs from which on their rows are read in sixteen places far from each other.
const FAR: usize = 64 << 10;

/// How many rows lie from one place to the next where sixteen are read side by side; 1 where rows are read as they come.
///
/// An odd number: were the places whole powers of two apart, all would fight for the same lines of the caches, which took a
/// sixth of the speed of a model of 2048 channels. Where that leaves a panel over, it is read as it comes.
pub(super) const fn distance(rows: usize, row_bytes: usize) -> usize {
    if rows * row_bytes < FAR { 1 } else { (rows / PANEL).saturating_sub(1) | 1 }
}

/// Sixteen rows of a matrix, of which some are wanted: the last of a matrix go with others before them.
struct Rows<'a> {
    bytes: &'a [u8],
    /// The first that is wanted.
    output: usize,
    /// How many come before it.
    before: usize,
    wanted: usize,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn new(product: &Product<'a>, outputs: &Range<usize>, output: usize) -> Self {
        let first = output.min(product.matrix.outputs() - PANEL);
        let wanted = outputs.end.saturating_sub(output).min(PANEL - (output - first));
        Self { bytes: product.matrix.rows(first..first + PANEL), output, before: output - first, wanted }
    }
}

/// Few tokens.
#[inline(always)]
fn one<I: Isa>(isa: I, tiles: &I::Bf16Tiles, product: &Product<'_>, mut outputs: Range<usize>) {
    let cut = product.input.cut();
    let vectors = product.input.part_tile(0);
    let mut sums = PartSums::ZERO;
    let row_bytes = 2 * STEP * cut.steps;
    let places = distance(outputs.len(), row_bytes);
    if places > 1 {
        let bytes = product.matrix.rows(outputs.clone());
        for turn in 0..places {
            let rows = Sixteen::new(&bytes[turn * row_bytes..], places * row_bytes, cut.steps);
            tiles.one(rows, vectors, cut.parts, &mut sums);
            for (row, sums) in sums.0.chunks_exact(cut.room).take(PANEL).enumerate() {
                for (token, sum) in sums[..cut.tokens].iter().enumerate() {
                    product.finish(isa, token, outputs.start + turn + row * places, &[*sum]);
                }
            }
        }
        outputs.start += places * PANEL;
    }
    for output in outputs.clone().step_by(PANEL) {
        let rows = Rows::new(product, &outputs, output);
        let sixteen = Sixteen::new(rows.bytes, row_bytes, cut.steps);
        tiles.one(sixteen, vectors, cut.parts, &mut sums);
        finish(isa, product, &rows, 0, &sums);
    }
}

/// Many: two tiles of them at a time meet 32 rows, whose tiles are put together first: from where they lie, they take twice as
/// long to load, and are loaded again for every two tiles.
#[inline(always)]
fn many<I: Isa>(
    isa: I,
    tiles: &I::Bf16Tiles,
    product: &Product<'_>,
    outputs: Range<usize>,
    room: &mut Vec<Line>,
) {
    let cut = product.input.cut();
    let panels = outputs.len().div_ceil(PANEL);
    let own = PANEL * cut.steps;
    grow(room, panels * own, Line::ZERO);
    for (output, panel) in outputs.clone().step_by(PANEL).zip(room.chunks_exact_mut(own)) {
        pack(Rows::new(product, &outputs, output).bytes, panel);
    }
    let mut ahead = product.ahead.in_parts(cut.tiles / 2 * panels.div_ceil(2));
    let mut sums = [PartSums::ZERO; 4];
    for tile in (0..cut.tiles).step_by(2) {
        let vectors = [0, 1].map(|n| product.input.part_tile(tile + n));
        for (pair, panels) in room[..panels * own].chunks(2 * own).enumerate() {
            ahead.ask(isa);
            let (first, second) = panels.split_at(own);
            let second = if second.is_empty() { first } else { second };
            tiles.four([first, second], vectors, cut.parts, &mut sums);
            let start = outputs.start + 2 * PANEL * pair;
            for (output, sums) in (start..outputs.end).step_by(PANEL).zip(sums.as_chunks::<2>().0) {
                let rows = Rows::new(product, &outputs, output);
                finish(isa, product, &rows, tile, &sums[0]);
                finish(isa, product, &rows, tile + 1, &sums[1]);
            }
        }
    }
}

/// Turns sixteen stored rows into tiles: `[steps, PANEL]`.
#[inline(always)]
fn pack(rows: &[u8], panel: &mut [Line]) {
    let steps = panel.len() / PANEL;
    for (row, lines) in rows.as_chunks::<64>().0.chunks_exact(steps).enumerate() {
        for (line, tile) in lines.iter().zip(panel.as_chunks_mut::<PANEL>().0) {
            tile[row] = Line(*line);
        }
    }
}

/// Hands the sums of one tile of tokens on.
#[inline(always)]
fn finish<I: Isa>(isa: I, product: &Product<'_>, rows: &Rows<'_>, tile: usize, sums: &PartSums) {
    let cut = product.input.cut();
    let wanted = rows.before..rows.before + rows.wanted;
    if cut.room == 1 {
        return product.finish(isa, tile, rows.output, &sums.0[wanted]);
    }
    let by_row = list!(PANEL, isa.splat(0.0), |row| match sums.0[row * cut.room..].first_chunk::<LANES>() {
        Some(lanes) => isa.load(lanes),
        None => isa.splat(0.0),
    });
    let by_token = isa.transpose(by_row);
    let tokens = tile * cut.width..((tile + 1) * cut.width).min(cut.tokens);
    for (token, lanes) in tokens.zip(by_token) {
        let mut out = [0.0; PANEL];
        isa.store(lanes, &mut out);
        product.finish(isa, token, rows.output, &out[wanted.clone()]);
    }
}
