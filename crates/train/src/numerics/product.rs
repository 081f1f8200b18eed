//! Products of matrices, `c = a b` or `c += a b`, with either factor transposed: all that training multiplies.
//!
//! The right factor is packed once into panels of a few vectors of columns, which all threads share; the left one is read
//! where it lies, a row to a stream, or packed into strips where it is transposed. A tile of sums stays in registers
//! while it walks the whole depth of a block. Blocks depend on shapes alone and each output belongs to one task, so
//! any number of threads gives the same bits. Machines with tiles of bf16 multiply large matrices another way
//! (`tiled`).

use std::ops::Range;

use rayon::prelude::*;
use wkv7_cpu::bf16x3::Slab;
use wkv7_cpu::math::{LANES, Math, Number};

use super::rows::Grow;
use super::tiled;

/// Numbers of a tile's depth: a strip of the left factor and a panel of the right one stay in the first-level cache.
const DEPTH: usize = 256;
/// Columns whose panels are packed at a time: about half of a second-level cache.
const WIDTH: usize = 1024;
/// Rows that a task does at most: some tiles of every instruction set.
const ROWS: usize = 96;
/// Tasks that there should be at least, so that every thread gets some.
const TASKS: usize = 4;
/// Panels that are packed together, so that what they read lies in longer pieces.
const TOGETHER: usize = 4;
/// Below so many multiply-adds one thread does it all: others would not have woken up before it is done.
const SMALL: usize = 1 << 15;

/// A matrix as a factor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Factor<'a, R> {
    pub(super) numbers: &'a [R], // [rows, columns]; transposed, [columns, rows]
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) transposed: bool,
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

impl<'a, R: Number> Factor<'a, R> {
    /// The same of f32 numbers, where they are.
    fn singles(self) -> Option<Factor<'a, f32>> {
        let Self { numbers, rows, columns, transposed } = self;
        R::singles(numbers).map(|numbers| Factor { numbers, rows, columns, transposed })
    }
}

/// Scratch that may be used again for other products.
#[derive(Debug, Default)]
pub(crate) struct Room<R> {
    panels: Vec<R>,
    slabs: Vec<Slab>,
}

impl<R> Room<R> {
    /// Numbers that it has room for.
    pub(crate) fn capacity(&self) -> usize {
        self.panels.capacity() + self.slabs.capacity() * size_of::<Slab>() / size_of::<R>()
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

/// `c = a b` or `c += a b`; `c` is `[a.rows, b.columns]`.
pub(crate) fn product<M: Math>(
    math: M,
    a: Factor<'_, M::Number>,
    b: Factor<'_, M::Number>,
    into: Into,
    c: &mut [M::Number],
    room: &mut Room<M::Number>,
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
    if let Some(tiles) = math.tiles().filter(|_| tiled::is_worth_it(a.rows, a.columns, b.columns))
        && let (Some(a), Some(b), Some(c)) = (a.singles(), b.singles(), M::Number::singles_mut(c))
    {
        return tiled::product(tiles, a, b, into, c, &mut room.slabs);
    }
    let (n, room) = (b.columns, &mut room.panels);
    let some = a.rows.div_ceil(TASKS).next_multiple_of(M::TILE).min(ROWS);
    let wide = LANES * M::PANELS;
    for column in (0..n).step_by(WIDTH) {
        let columns = WIDTH.min(n - column);
        for first in (0..a.columns).step_by(DEPTH) {
            let depth = DEPTH.min(a.columns - first);
            let panel = depth * wide;
            room.grow(room.len().max(columns.div_ceil(wide) * panel));
            let panels = &mut room[..columns.div_ceil(wide) * panel];
            let block = Block { first, depth, column, columns, add: into == Into::Add || first > 0 };
            let pack = |(number, panels): (usize, &mut [M::Number])| {
                let at = column + number * TOGETHER * wide;
                math.run(
                    #[inline(always)]
                    || pack_right(math, &b, first, depth, at, panels),
                );
            };
            let work = |(number, rows): (usize, &mut [M::Number]),
                        panels: &[M::Number],
                        strip: &mut Vec<M::Number>| {
                math.run(
                    #[inline(always)]
                    || rows_of(math, &a, panels, block, number * some, rows, n, strip),
                );
            };
            if a.rows * depth * columns < SMALL {
                panels.chunks_mut(TOGETHER * panel).enumerate().for_each(pack);
                let mut strip = Vec::new();
                c.chunks_mut(some * n).enumerate().for_each(|task| work(task, panels, &mut strip));
            } else {
                panels.par_chunks_mut(TOGETHER * panel).enumerate().for_each(pack);
                let panels = &*panels;
                let tasks = c.par_chunks_mut(some * n).enumerate();
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

/// Rows `first..first + depth` of `b`, and columns from `column` on, as panels `[depth, PANELS * LANES]`; missing columns are
/// zero.
#[inline(always)]
fn pack_right<M: Math>(
    math: M,
    b: &Factor<'_, M::Number>,
    first: usize,
    depth: usize,
    column: usize,
    panels: &mut [M::Number],
) {
    let wide = LANES * M::PANELS;
    if b.transposed {
        for (number, panel) in panels.chunks_exact_mut(depth * wide).enumerate() {
            turn_right(math, b, first, depth, column + number * wide, panel);
        }
        return;
    }
    for row in 0..depth {
        let source = &b.numbers[(first + row) * b.columns..][column..b.columns];
        for (panel, source) in panels.chunks_exact_mut(depth * wide).zip(source.chunks(wide)) {
            let (chunks, rest) = source.as_chunks::<LANES>();
            let (outs, _) = panel[row * wide..(row + 1) * wide].as_chunks_mut::<LANES>();
            for (chunk, out) in chunks.iter().zip(outs.iter_mut()) {
                *out = *chunk;
            }
            for out in &mut outs[chunks.len()..] {
                *out = [M::Number::default(); LANES];
            }
            if !rest.is_empty() {
                outs[chunks.len()][..rest.len()].copy_from_slice(rest);
            }
        }
    }
}

/// One panel of a transposed factor.
#[inline(always)]
fn turn_right<M: Math>(
    math: M,
    b: &Factor<'_, M::Number>,
    first: usize,
    depth: usize,
    column: usize,
    panel: &mut [M::Number],
) {
    let (wide, zero) = (LANES * M::PANELS, M::Number::default());
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

/// All columns of a block for the rows from `row` on, which are `c`. A panel stays in the first-level cache while the rows
/// pass by.
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
    strips: &mut Vec<M::Number>,
) {
    match M::TILE {
        12 => tiles::<M, 12, 2>(math, a, panels, block, row, c, n, strips),
        6 => tiles::<M, 6, 1>(math, a, panels, block, row, c, n, strips),
        _ => tiles::<M, 2, 1>(math, a, panels, block, row, c, n, strips),
    }
}

/// The same with tiles of `T` rows and `P` vectors of columns.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
fn tiles<M: Math, const T: usize, const P: usize>(
    math: M,
    a: &Factor<'_, M::Number>,
    panels: &[M::Number],
    block: Block,
    row: usize,
    c: &mut [M::Number],
    n: usize,
    strips: &mut Vec<M::Number>,
) {
    if T != M::TILE || P != M::PANELS {
        return; // never asked for: spares the compiler the tiles of other instruction sets
    }
    let Block { first, depth, column, columns, add } = block;
    let rows = c.len() / n;
    if a.transposed {
        strips.resize(strips.len().max(rows.div_ceil(T) * depth * T), M::Number::default());
        pack_left::<M, T>(a, first, depth, row..row + rows, strips);
    }
    for (number, panel) in panels.chunks_exact(depth * LANES * P).enumerate() {
        let (panel, _) = panel.as_chunks::<LANES>();
        let (panel, _) = panel.as_chunks::<P>();
        let at = number * LANES * P;
        for (tile, c) in c.chunks_mut(T * n).enumerate() {
            let rows = c.len() / n;
            // What the next tile begins with is asked for line by line meanwhile.
            let next_c = c.as_ptr().wrapping_add(T * n + column + at);
            let next_a = a.numbers.as_ptr().wrapping_add((row + (tile + 1) * T) * a.columns + first);
            let ask = |step: usize| {
                if step < T * P {
                    math.prefetch(next_c.wrapping_add(step / P * n + step % P * LANES));
                } else if number == 0 && !a.transposed {
                    let line = step - T * P;
                    math.prefetch(next_a.wrapping_add(line % T * a.columns + line / T * LANES));
                }
            };
            let mut sums = [[math.splat(M::Number::default()); P]; T];
            if a.transposed {
                let (strip, _) = strips[tile * depth * T..(tile + 1) * depth * T].as_chunks::<T>();
                for (step, (x, panel)) in strip.iter().zip(panel).enumerate() {
                    ask(step);
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
                    xs[t] = &a.numbers[(row + tile * T + t.min(rows - 1)) * a.columns + first..][..depth];
                }
                for (step, panel) in panel.iter().enumerate().take(depth) {
                    ask(step);
                    for t in 0..T {
                        let x = math.splat(xs[t][step]);
                        for p in 0..P {
                            sums[t][p] = math.lanes_mul_add(math.load(&panel[p]), x, sums[t][p]);
                        }
                    }
                }
            }
            // By way of memory: what follows is no loop that the compiler would unroll, and so would keep all sums there.
            let mut done = [[[M::Number::default(); LANES]; P]; T];
            for t in 0..T {
                for p in 0..P {
                    math.store(sums[t][p], &mut done[t][p]);
                }
            }
            for (out, done) in c.chunks_exact_mut(n).zip(&done) {
                let out = &mut out[column + at..column + columns];
                for (out, done) in out.chunks_mut(LANES).zip(done) {
                    finish(math, done, add, out);
                }
            }
        }
    }
}

/// Puts sums where they belong, of which `out` may have fewer.
#[inline(always)]
fn finish<M: Math>(math: M, sums: &[M::Number; LANES], add: bool, out: &mut [M::Number]) {
    if let Some(out) = out.first_chunk_mut::<LANES>() {
        let sums = math.load(sums);
        let sums = if add { math.lanes_add(math.load(out), sums) } else { sums };
        return math.store(sums, out);
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        *out = if add { *out + *sum } else { *sum };
    }
}

/// The rows `rows` of the transposed `a`, and `depth` from `first` on, in strips `[depth, T]`; missing rows are anything.
#[inline(always)]
fn pack_left<M: Math, const T: usize>(
    a: &Factor<'_, M::Number>,
    first: usize,
    depth: usize,
    rows: Range<usize>,
    strips: &mut [M::Number],
) {
    let (strips, _) = strips.as_chunks_mut::<T>();
    for step in 0..depth {
        let source = &a.numbers[(first + step) * a.rows..][rows.clone()];
        let (whole, rest) = source.as_chunks::<T>();
        for (strip, whole) in whole.iter().enumerate() {
            strips[strip * depth + step] = *whole;
        }
        if !rest.is_empty() {
            strips[whole.len() * depth + step][..rest.len()].copy_from_slice(rest);
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
        let mut room = Room::default();
        for shape in [
            (1, 1, 1),
            (5, 3, 7),
            (13, 17, 33),
            (49, 300, 40),
            (97, 64, 1100),
            (12, 256, 32),
            (3, 0, 2),
            (64, 600, 64),
            (150, 130, 70),
            (17, 1100, 18),
        ] {
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
