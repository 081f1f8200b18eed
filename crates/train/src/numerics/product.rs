//! Products of matrices, `c = a b` or `c += a b`, with either factor transposed: all that training multiplies.
//!
//! The right factor is packed once into panels of a few vectors of columns, which all threads share; the left one is read
//! where it lies, a row to a stream, or packed into strips where it is transposed. A tile of sums stays in registers
//! while it walks the whole depth of a block. Blocks depend on shapes alone and each output belongs to one task, so
//! any number of threads gives the same bits.

use rayon::prelude::*;
use wkv7_cpu::math::{LANES, Math};

/// Numbers of a tile's depth: a strip of the left factor and a panel of the right one stay in the first-level cache.
const DEPTH: usize = 256;
/// Columns whose panels are packed at a time: about half of a second-level cache.
const WIDTH: usize = 1024;
/// Rows that a task does: some tiles of every instruction set.
const ROWS: usize = 48;
/// Below so many multiply-adds one thread does it all: others would not have woken up before it is done.
const SMALL: usize = 1 << 15;

/// A matrix as a factor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Factor<'a, R> {
    numbers: &'a [R], // [rows, columns]; transposed, [columns, rows]
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a, R> Factor<'a, R> {
    /// `[rows, columns]` as it lies.
    pub(crate) fn new(numbers: &'a [R], rows: usize, columns: usize) -> Self {
        assert_eq!(numbers.len(), rows * columns, "numbers of a matrix of {rows} rows and {columns} columns");
        Self { numbers, rows, columns, transposed: false }
    }

    /// The transpose.
    pub(crate) fn turned(self) -> Self {
        Self { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }
}

/// What becomes of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Into {
    /// It is the result.
    Store,
    /// It is added to the result.
    Add,
}

/// `c = a b` or `c += a b`; `c` is `[a.rows, b.columns]`. `room` is scratch that may be used again for other products.
pub(crate) fn product<M: Math>(
    math: M,
    a: Factor<'_, M::Number>,
    b: Factor<'_, M::Number>,
    into: Into,
    c: &mut [M::Number],
    room: &mut Vec<M::Number>,
) {
    assert_eq!(a.columns, b.rows, "the depth of both factors");
    assert_eq!(c.len(), a.rows * b.columns, "room for the product");
    if c.is_empty() {
        return;
    }
    if a.columns == 0 {
        if into == Into::Store {
            c.fill(M::Number::default());
        }
        return;
    }
    let n = b.columns;
    let wide = LANES * M::PANELS;
    for column in (0..n).step_by(WIDTH) {
        let columns = WIDTH.min(n - column);
        for first in (0..a.columns).step_by(DEPTH) {
            let depth = DEPTH.min(a.columns - first);
            let panel = depth * wide;
            room.resize(room.len().max(columns.div_ceil(wide) * panel), M::Number::default());
            let panels = &mut room[..columns.div_ceil(wide) * panel];
            let block = Block { first, depth, column, columns, add: into == Into::Add || first > 0 };
            let pack = |(number, panel): (usize, &mut [M::Number])| {
                let at = column + number * wide;
                math.run(
                    #[inline(always)]
                    || pack_right(math, &b, first, depth, at, panel),
                );
            };
            let work = |(number, rows): (usize, &mut [M::Number]), panels: &[M::Number], strip: &mut Vec<M::Number>| {
                math.run(
                    #[inline(always)]
                    || rows_of(math, &a, panels, block, number * ROWS, rows, n, strip),
                );
            };
            if a.rows * depth * columns < SMALL {
                panels.chunks_exact_mut(panel).enumerate().for_each(pack);
                let mut strip = Vec::new();
                c.chunks_mut(ROWS * n).enumerate().for_each(|task| work(task, panels, &mut strip));
            } else {
                panels.par_chunks_exact_mut(panel).enumerate().for_each(pack);
                let panels = &*panels;
                let tasks = c.par_chunks_mut(ROWS * n).enumerate();
                tasks.for_each_init(Vec::new, |strip, task| work(task, panels, strip));
            }
        }
    }
}

/// The part of a product that is done at a time.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize, // of the depth
    depth: usize,
    column: usize,
    columns: usize,
    add: bool,
}

/// Rows `first..first + depth` of `b`, and columns from `column` on, as `[depth, PANELS * LANES]`; missing columns are zero.
#[inline(always)]
fn pack_right<M: Math>(
    math: M,
    b: &Factor<'_, M::Number>,
    first: usize,
    depth: usize,
    column: usize,
    panel: &mut [M::Number],
) {
    let wide = LANES * M::PANELS;
    let zero = M::Number::default();
    if !b.transposed {
        let take = wide.min(b.columns - column);
        for (row, out) in panel.chunks_exact_mut(wide).enumerate() {
            let source = &b.numbers[(first + row) * b.columns + column..][..take];
            out[..take].copy_from_slice(source);
            out[take..].fill(zero);
        }
        return;
    }
    // Columns lie as rows: sixteen of them are turned at a time.
    for part in 0..M::PANELS {
        let at = column + part * LANES;
        for step in (0..depth).step_by(LANES) {
            let len = LANES.min(depth - step);
            let mut rows = [math.splat(zero); LANES];
            for (lane, row) in rows.iter_mut().enumerate() {
                if at + lane < b.columns {
                    let source = &b.numbers[(at + lane) * b.rows + first + step..][..len];
                    *row = match source.first_chunk::<LANES>() {
                        Some(whole) => math.load(whole),
                        None => {
                            let mut rest = [zero; LANES];
                            rest[..len].copy_from_slice(source);
                            math.load(&rest)
                        }
                    };
                }
            }
            for (row, lanes) in math.transpose(rows).into_iter().enumerate().take(len) {
                let out = &mut panel[(step + row) * wide + part * LANES..];
                if let Some(out) = out.first_chunk_mut::<LANES>() {
                    math.store(lanes, out);
                }
            }
        }
    }
}

/// All columns of a block for the rows from `row` on, which are `c`.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
fn rows_of<M: Math>(
    math: M,
    a: &Factor<'_, M::Number>,
    panels: &[M::Number],
    block: Block,
    row: usize,
    c: &mut [M::Number],
    n: usize,
    strip: &mut Vec<M::Number>,
) {
    let Block { first, depth, .. } = block;
    for (number, c) in c.chunks_mut(M::TILE * n).enumerate() {
        let (row, rows) = (row + number * M::TILE, c.len() / n);
        if a.transposed {
            strip.clear();
            for depth in first..first + depth {
                let source = &a.numbers[depth * a.rows + row..][..rows];
                strip.extend_from_slice(source);
                strip.resize(strip.len() + M::TILE - rows, M::Number::default());
            }
        }
        match M::TILE {
            12 => tile::<M, 12, 2>(math, a, panels, block, row, c, n, strip),
            6 => tile::<M, 6, 1>(math, a, panels, block, row, c, n, strip),
            _ => tile::<M, 2, 1>(math, a, panels, block, row, c, n, strip),
        }
    }
}

/// The same for the rows of one tile.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
fn tile<M: Math, const T: usize, const P: usize>(
    math: M,
    a: &Factor<'_, M::Number>,
    panels: &[M::Number],
    block: Block,
    row: usize,
    c: &mut [M::Number],
    n: usize,
    strip: &[M::Number],
) {
    if T != M::TILE || P != M::PANELS {
        return; // never asked for: spares the compiler the tiles of other instruction sets
    }
    let Block { first, depth, column, columns, add } = block;
    let rows = c.len() / n;
    let wide = LANES * P;
    for (number, panel) in panels.chunks_exact(depth * wide).enumerate() {
        let (panel, _) = panel.as_chunks::<LANES>();
        let mut sums = [[math.splat(M::Number::default()); P]; T];
        if a.transposed {
            let (strip, _) = strip.as_chunks::<T>();
            for (x, panel) in strip[..depth].iter().zip(panel.chunks_exact(P)) {
                for t in 0..T {
                    let x = math.splat(x[t]);
                    for p in 0..P {
                        sums[t][p] = math.lanes_mul_add(math.load(&panel[p]), x, sums[t][p]);
                    }
                }
            }
        } else {
            let mut xs = [&a.numbers[..0]; T];
            for t in 0..T {
                // Where there are fewer rows, the last one is taken again.
                xs[t] = &a.numbers[(row + t.min(rows - 1)) * a.columns + first..][..depth];
            }
            for (step, panel) in panel.chunks_exact(P).enumerate().take(depth) {
                for t in 0..T {
                    let x = math.splat(xs[t][step]);
                    for p in 0..P {
                        sums[t][p] = math.lanes_mul_add(math.load(&panel[p]), x, sums[t][p]);
                    }
                }
            }
        }
        let at = number * wide;
        for t in 0..rows.min(T) {
            for p in 0..P {
                let from = at + p * LANES;
                if from >= columns {
                    break;
                }
                let out = &mut c[t * n + column + from..][..LANES.min(columns - from)];
                if let Some(out) = out.first_chunk_mut::<LANES>() {
                    let sum = if add { math.lanes_add(math.load(out), sums[t][p]) } else { sums[t][p] };
                    math.store(sum, out);
                } else {
                    let mut rest = [M::Number::default(); LANES];
                    math.store(sums[t][p], &mut rest);
                    for (out, sum) in out.iter_mut().zip(rest) {
                        *out = if add { *out + sum } else { sum };
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wkv7_cpu::math::{Double, Number};

    use super::*;
    use crate::numerics::tests::{noise, on_every_path, relative};

    /// The definition.
    fn plain<R: Number>(a: &[R], b: &[R], (rows, depth, columns): (usize, usize, usize)) -> Vec<R> {
        let mut c = vec![R::default(); rows * columns];
        for row in 0..rows {
            for column in 0..columns {
                let terms = (0..depth).map(|k| a[row * depth + k].wide() * b[k * columns + column].wide());
                c[row * columns + column] = R::of(terms.sum());
            }
        }
        c
    }

    fn turned<R: Number>(x: &[R], rows: usize, columns: usize) -> Vec<R> {
        (0..columns * rows).map(|at| x[at % rows * columns + at / rows]).collect()
    }

    fn check<M: Math>(math: M) {
        let mut room = Vec::new();
        for shape in [(1, 1, 1), (5, 3, 7), (13, 17, 33), (49, 300, 40), (97, 64, 1100), (12, 256, 32), (3, 0, 2)] {
            let (rows, depth, columns) = shape;
            let (a, b) = (noise(rows * depth, 1), noise(depth * columns, 2));
            let want = plain::<M::Number>(&a, &b, shape);
            let (a_turned, b_turned) = (turned(&a, rows, depth), turned(&b, depth, columns));
            for (left, right) in [(false, false), (false, true), (true, false), (true, true)] {
                let a = if left {
                    Factor::new(&a_turned, depth, rows).turned()
                } else {
                    Factor::new(&a, rows, depth)
                };
                let b = if right {
                    Factor::new(&b_turned, columns, depth).turned()
                } else {
                    Factor::new(&b, depth, columns)
                };
                let mut c = vec![M::Number::of(f64::NAN); rows * columns];
                product(math, a, b, Into::Store, &mut c, &mut room);
                let bound = if size_of::<M::Number>() == 4 { 1e-6 } else { 1e-14 };
                assert!(relative(&c, &want) < bound, "{shape:?} {left} {right}: {}", relative(&c, &want));
                let twice: Vec<_> = want.iter().map(|x| *x + *x).collect();
                product(math, a, b, Into::Add, &mut c, &mut room);
                assert!(relative(&c, &twice) < bound, "{shape:?} {left} {right}, added");
            }
        }
    }

    #[test]
    fn every_orientation_and_odd_shapes_match_the_definition() {
        on_every_path!(check);
        check(Double);
    }
}
