//! Products of f32 matrices on machines that multiply tiles of bf16, each number in three parts.
//!
//! The right factor is cut and laid out once for all threads, the left one by each task for its own rows, as many numbers
//! at a time as stay in the first-level cache while all columns pass by.

use rayon::prelude::*;
use wkv7_cpu::bf16x3::{Cells, SIDE, STEP, Side, Slab, Tiles, View, WithCells};

use super::product::{Factor, Into};
use super::rows::Grow;

/// Slabs of depth that meet at a time: 24 KB of each factor.
const STEPS: usize = 4;
/// Depth that is laid out at a time, and columns: 1.5 MB together.
const DEPTH: usize = 4 * STEPS * STEP;
const WIDTH: usize = 512;
/// Rows that a task does at most.
const ROWS: usize = 128;
/// Tasks that there should be at least, so that every thread gets some.
const TASKS: usize = 4;
/// Slabs that are laid out together.
const TOGETHER: usize = 2 * STEPS;
/// Multiply-adds below which the other way is as fast.
const SMALL: usize = 1 << 16;

/// Whether a product of this shape is faster here: slabs that are mostly empty are not.
pub(super) fn is_worth_it(rows: usize, depth: usize, columns: usize) -> bool {
    rows.min(columns) >= SIDE / 2 && depth >= STEP / 2 && rows * depth * columns >= SMALL
}

/// `c = a b` or `c += a b`, as the other product does it.
pub(super) fn product(
    tiles: Tiles,
    a: Factor<'_, f32>,
    b: Factor<'_, f32>,
    into: Into,
    c: &mut [f32],
    slabs: &mut Vec<Slab>,
) {
    let n = b.columns;
    let some = a.rows.div_ceil(TASKS).next_multiple_of(SIDE).min(ROWS);
    for column in (0..n).step_by(WIDTH) {
        for first in (0..a.columns).step_by(DEPTH) {
            let block =
                Block { column, columns: WIDTH.min(n - column), first, depth: DEPTH.min(a.columns - first) };
            let count = block.panels() * block.steps();
            slabs.grow(slabs.len().max(count));
            let right = &mut slabs[..count];
            right.par_chunks_mut(TOGETHER).enumerate().for_each(|(number, slabs)| {
                let view_at = |place: usize| {
                    let (panel, step) = block.at(place);
                    let (item, items) = (column + panel * SIDE, block.columns - panel * SIDE);
                    let (from, depth) = (first + step * STEP, block.depth - step * STEP);
                    view(b.turned(), (item, items), (from, depth))
                };
                for (slab, place) in slabs.iter_mut().zip(number * TOGETHER..) {
                    if place + 1 < count {
                        tiles.prefetch(view_at(place + 1));
                    }
                    tiles.pack(slab, Side::Right, view_at(place));
                }
            });
            let right = &*right;
            let add = into == Into::Add || first > 0;
            c.par_chunks_mut(some * n).enumerate().for_each(|(task, c)| {
                tiles.with(Rows { tiles, a, first: task * some, right, block, add, c, n });
            });
        }
    }
}

/// The part of a product that is done at a time.
#[derive(Debug, Clone, Copy)]
struct Block {
    column: usize,
    columns: usize,
    first: usize, // of the depth
    depth: usize,
}

impl Block {
    fn panels(&self) -> usize {
        self.columns.div_ceil(SIDE)
    }

    fn steps(&self) -> usize {
        self.depth.div_ceil(STEP)
    }

    /// The panel and the step of the slab in this place: those of [`STEPS`] steps lie together, panel after panel.
    fn at(&self, place: usize) -> (usize, usize) {
        let together = STEPS * self.panels();
        let before = place / together * STEPS;
        let (steps, rest) = (STEPS.min(self.steps() - before), place % together);
        (rest / steps, before + rest % steps)
    }
}

/// Up to [`SIDE`] rows and [`STEP`] columns of `matrix`, of which there are as many as are said beside where they begin.
fn view(matrix: Factor<'_, f32>, (item, items): (usize, usize), (from, depth): (usize, usize)) -> View<'_> {
    let Factor { numbers, rows, columns, transposed } = matrix;
    let (by_item, stride) = (!transposed, if transposed { rows } else { columns });
    let at = if by_item { item * stride + from } else { from * stride + item };
    View { numbers: &numbers[at..], stride, by_item, items: items.min(SIDE), depth: depth.min(STEP) }
}

/// Some rows of a block.
struct Rows<'a> {
    tiles: Tiles,
    a: Factor<'a, f32>,
    first: usize,
    right: &'a [Slab],
    block: Block,
    add: bool,
    c: &'a mut [f32],
    n: usize,
}

impl WithCells for Rows<'_> {
    type Out = ();

    fn with<C: Cells>(self, cells: &C) {
        let Self { tiles, a, first, right, block, add, c, n } = self;
        let mut left = [Slab::ZERO; STEPS];
        let last = first + c.len() / n;
        for (number, right) in right.chunks(STEPS * block.panels()).enumerate() {
            let add = add || number > 0;
            let steps = right.len() / block.panels();
            let depth_of = |step: usize| {
                let before = (number * STEPS + step) * STEP;
                (block.first + before, block.depth - before)
            };
            for (strip, c) in c.chunks_mut(SIDE * n).enumerate() {
                let row = first + strip * SIDE;
                for (step, slab) in left.iter_mut().enumerate().take(steps) {
                    tiles.pack(slab, Side::Left, view(a, (row, a.rows - row), depth_of(step)));
                }
                for (panel, right) in right.chunks_exact(steps).enumerate() {
                    // What the next strip is made of is asked for meanwhile, a part at each panel.
                    let next = row + SIDE;
                    if next < last {
                        for step in (panel..steps).step_by(block.panels()) {
                            tiles.prefetch(view(a, (next, a.rows - next), depth_of(step)));
                        }
                    }
                    let columns = SIDE.min(block.columns - panel * SIDE);
                    let c = &mut c[block.column + panel * SIDE..];
                    if panel + 1 < block.panels() {
                        tiles.prefetch_cell(&c[SIDE..], n);
                    }
                    if columns == SIDE && c.len() >= (SIDE - 1) * n + SIDE {
                        cells.cell(&left[..steps], right, add, c, n);
                        continue;
                    }
                    let mut cell = [0.0; SIDE * SIDE];
                    cells.cell(&left[..steps], right, false, &mut cell, SIDE);
                    for (c, cell) in c.chunks_mut(n).zip(cell.chunks_exact(SIDE)) {
                        for (c, x) in c[..columns].iter_mut().zip(cell) {
                            *c = if add { *c + *x } else { *x };
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::tests::{noise, relative};

    /// `[rows, columns]` as it is, or so that it must be turned.
    fn factor(numbers: &[f32], rows: usize, columns: usize, transposed: bool) -> Factor<'_, f32> {
        if transposed {
            Factor::new(numbers, columns, rows).turned()
        } else {
            Factor::new(numbers, rows, columns)
        }
    }

    #[test]
    fn every_orientation_and_odd_shapes_match_the_definition_with_and_without_instructions() {
        let shapes = [(1, 1, 1), (32, 32, 32), (45, 140, 70), (130, 33, 65), (3, 5, 515), (2, 520, 3)];
        for tiles in [Tiles::plain()].into_iter().chain(Tiles::of_this_machine()) {
            for (rows, depth, columns) in shapes {
                for turns in 0..4 {
                    let (a, b) = (noise::<f32>(rows * depth, 1), noise::<f32>(depth * columns, 2));
                    let (a, b) =
                        (factor(&a, rows, depth, turns & 1 == 1), factor(&b, depth, columns, turns & 2 == 2));
                    let at = |x: &Factor<'_, f32>, row: usize, column: usize| match x.transposed {
                        false => f64::from(x.numbers[row * x.columns + column]),
                        true => f64::from(x.numbers[column * x.rows + row]),
                    };
                    let want = |place: usize| {
                        let (row, column) = (place / columns, place % columns);
                        (0..depth).map(|k| at(&a, row, k) * at(&b, k, column)).sum::<f64>() as f32
                    };
                    let want: Vec<f32> = (0..rows * columns).map(want).collect();
                    let (mut c, mut slabs) = (vec![f32::NAN; rows * columns], Vec::new());
                    product(tiles, a, b, Into::Store, &mut c, &mut slabs);
                    // f32 rounding.
                    assert!(relative(&c, &want) < 5e-7, "{tiles:?} {rows} {depth} {columns} {turns}");
                    let twice: Vec<f32> = want.iter().map(|x| 2.0 * x).collect();
                    product(tiles, a, b, Into::Add, &mut c, &mut slabs);
                    assert!(relative(&c, &twice) < 5e-7, "{tiles:?} {rows} {depth} {columns} {turns}, added");
                }
            }
        }
    }
}
