//! Products of matrices, `c = a b` or `c += a b`, with either factor transposed: all that training multiplies.
//!
//! The right factor is packed once into panels of a few vectors of columns, which all threads share; the left one is read
//! where it lies, a row to a stream, or packed into strips where it is transposed. A tile of sums stays in registers
//! while it walks the whole depth of a block. Blocks depend on shapes alone and each output belongs to one task, so
//! any number of threads gives the same bits. Machines with tiles of bf16 multiply large matrices another way
//! (`tiled`).

use rayon::prelude::*;
use wkv7_cpu::bf16x3::Slab;
use wkv7_cpu::math::{LANES, Math, Number};
use wkv7_cpu::pairs::{PairMath, WithPairs};

use super::pack::{pack_left, pack_right, pack_row};
use super::rows::Grow;
use super::terms::{self, NumberOf, One, Terms, Two};
use super::tiled;

/// Terms of a tile's depth: a strip of the left factor and a panel of the right one stay in the first-level cache.
const DEPTH: usize = 256;
/// Columns whose panels are packed at a time: about half of a second-level cache.
const WIDTH: usize = 1024;
/// Rows that a task does at most: some tiles of every instruction set.
pub(super) const ROWS: usize = 96;
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
    if let Some(pairs) = math.pairs().filter(|_| terms::are_pairs_worth_it(a.rows, a.columns, b.columns))
        && let (Some(a), Some(b)) = (a.singles(), b.singles())
        && let (Some(c), Some(panels)) = (M::Number::singles_mut(c), M::Number::singles_vec(&mut room.panels))
    {
        return pairs.with(InPairs { a, b, into, c, panels });
    }
    multiply(One(math), a, b, into, c, &mut room.panels);
}

/// A product of numbers rounded to bf16.
struct InPairs<'a> {
    a: Factor<'a, f32>,
    b: Factor<'a, f32>,
    into: Into,
    c: &'a mut [f32],
    panels: &'a mut Vec<f32>,
}

impl WithPairs for InPairs<'_> {
    type Out = ();

    fn with<M: PairMath>(self, math: M) {
        let Self { a, b, into, c, panels } = self;
        multiply(Two(math), a, b, into, c, panels);
    }
}

fn multiply<T: Terms>(
    terms: T,
    a: Factor<'_, NumberOf<T>>,
    b: Factor<'_, NumberOf<T>>,
    into: Into,
    c: &mut [NumberOf<T>],
    room: &mut Vec<NumberOf<T>>,
) {
    let (n, math) = (b.columns, terms.math());
    let some = a.rows.div_ceil(TASKS).next_multiple_of(T::Math::TILE).min(ROWS);
    let wide = LANES * T::Math::PANELS;
    for column in (0..n).step_by(WIDTH) {
        let columns = WIDTH.min(n - column);
        for first in (0..a.columns).step_by(DEPTH * T::DEEP) {
            let depth = (DEPTH * T::DEEP).min(a.columns - first);
            let panel = depth.div_ceil(T::DEEP) * wide;
            room.grow(room.len().max(columns.div_ceil(wide) * panel));
            let panels = &mut room[..columns.div_ceil(wide) * panel];
            let block = Block { first, depth, column, columns, add: into == Into::Add || first > 0 };
            let pack = |(number, panels): (usize, &mut [NumberOf<T>])| {
                let at = column + number * TOGETHER * wide;
                math.run(
                    #[inline(always)]
                    || pack_right(terms, &b, first, depth, at, panels),
                );
            };
            let work = |(number, rows): (usize, &mut [NumberOf<T>]),
                        panels: &[NumberOf<T>],
                        strip: &mut Vec<NumberOf<T>>| {
                math.run(
                    #[inline(always)]
                    || rows_of(terms, &a, panels, block, number * some, rows, n, strip),
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

/// All columns of a block for the rows from `row` on, which are `c`. A panel stays in the first-level cache while the rows
/// pass by.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
fn rows_of<T: Terms>(
    terms: T,
    a: &Factor<'_, NumberOf<T>>,
    panels: &[NumberOf<T>],
    block: Block,
    row: usize,
    c: &mut [NumberOf<T>],
    n: usize,
    strips: &mut Vec<NumberOf<T>>,
) {
    match T::Math::TILE {
        12 => tiles::<T, 12, 2>(terms, a, panels, block, row, c, n, strips),
        6 => tiles::<T, 6, 1>(terms, a, panels, block, row, c, n, strips),
        _ => tiles::<T, 2, 1>(terms, a, panels, block, row, c, n, strips),
    }
}

/// The same with tiles of `R` rows and `P` vectors of columns.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
fn tiles<T: Terms, const R: usize, const P: usize>(
    terms: T,
    a: &Factor<'_, NumberOf<T>>,
    panels: &[NumberOf<T>],
    block: Block,
    row: usize,
    c: &mut [NumberOf<T>],
    n: usize,
    strips: &mut Vec<NumberOf<T>>,
) {
    if R != T::Math::TILE || P != T::Math::PANELS {
        return; // never asked for: spares the compiler the tiles of other instruction sets
    }
    let Block { first, depth, column, columns, add } = block;
    let (rows, steps, math) = (c.len() / n, depth.div_ceil(T::DEEP), terms.math());
    let in_place = !a.transposed && T::DEEP == 1;
    if !in_place {
        strips.resize(strips.len().max(rows.div_ceil(R) * steps * R), Default::default());
        if a.transposed {
            pack_left::<T, R>(terms, a, first, depth, row..row + rows, strips);
        } else {
            let rows = a.numbers[row * a.columns..].chunks(a.columns).take(rows);
            for (row, out) in rows.zip(strips.chunks_exact_mut(steps)) {
                pack_row(terms, &row[first..first + depth], out);
            }
        }
    }
    for (number, panel) in panels.chunks_exact(steps * LANES * P).enumerate() {
        let (panel, _) = panel.as_chunks::<LANES>();
        let (panel, _) = panel.as_chunks::<P>();
        let at = number * LANES * P;
        for (tile, c) in c.chunks_mut(R * n).enumerate() {
            let rows = c.len() / n;
            // What the next tile begins with is asked for line by line meanwhile.
            let next_c = c.as_ptr().wrapping_add(R * n + column + at);
            let next_a = a.numbers.as_ptr().wrapping_add((row + (tile + 1) * R) * a.columns + first);
            let ask = |step: usize| {
                if step < R * P {
                    math.prefetch(next_c.wrapping_add(step / P * n + step % P * LANES));
                } else if number == 0 && in_place {
                    let line = step - R * P;
                    math.prefetch(next_a.wrapping_add(line % R * a.columns + line / R * LANES));
                }
            };
            let mut sums = [[math.splat(Default::default()); P]; R];
            if a.transposed {
                let (strip, _) = strips[tile * steps * R..(tile + 1) * steps * R].as_chunks::<R>();
                for (step, (x, panel)) in strip.iter().zip(panel).enumerate() {
                    ask(step);
                    for t in 0..R {
                        let x = math.splat(x[t]);
                        for p in 0..P {
                            sums[t][p] = terms.add(math.load(&panel[p]), x, sums[t][p]);
                        }
                    }
                }
            } else {
                let mut xs = [&a.numbers[..0]; R];
                for t in 0..R {
                    // Where there are fewer rows, the last one is taken again.
                    let t_row = tile * R + t.min(rows - 1);
                    xs[t] = if in_place {
                        &a.numbers[(row + t_row) * a.columns + first..][..steps]
                    } else {
                        &strips[t_row * steps..][..steps]
                    };
                }
                for (step, panel) in panel.iter().enumerate().take(steps) {
                    ask(step);
                    for t in 0..R {
                        let x = math.splat(xs[t][step]);
                        for p in 0..P {
                            sums[t][p] = terms.add(math.load(&panel[p]), x, sums[t][p]);
                        }
                    }
                }
            }
            // By way of memory: what follows is no loop that the compiler would unroll, and so would keep all sums there.
            let mut done = [[[NumberOf::<T>::default(); LANES]; P]; R];
            for t in 0..R {
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

    /// As `product` where pairs are asked for, whatever the shape.
    fn in_pairs(a: Factor<'_, f32>, b: Factor<'_, f32>, into: Into, c: &mut [f32], path: wkv7_cpu::Path) {
        struct Check<'a>(InPairs<'a>);
        impl wkv7_cpu::math::WithMath for Check<'_> {
            type Out = bool;
            fn with<M: Math<Number = f32>>(self, math: M) -> bool {
                math.pairs().map(|pairs| pairs.with(self.0)).is_some()
            }
        }
        let panels = &mut Vec::new();
        let check = Check(InPairs { a, b, into, c, panels });
        let done = path.with_math(wkv7_cpu::math::Precision::Bf16, check).expect("available");
        assert!(done || path == wkv7_cpu::Path::Amx, "{path}");
    }

    #[test]
    fn pairs_are_products_of_numbers_rounded_to_bf16() {
        let rounded = |x: &f32| half::bf16::from_f32(*x).to_f32();
        let paths = wkv7_cpu::Path::ALL.into_iter().filter(|path| path.is_available());
        for path in paths.filter(|path| *path != wkv7_cpu::Path::Amx) {
            for shape in [(1, 1, 1), (5, 3, 7), (13, 17, 33), (49, 300, 40), (97, 64, 1100), (64, 1201, 64)] {
                let (rows, depth, columns) = shape;
                let (a, b): (Vec<f32>, Vec<f32>) = (noise(rows * depth, 1), noise(depth * columns, 2));
                let [a_cut, b_cut] = [&a, &b].map(|x| x.iter().map(rounded).collect::<Vec<f32>>());
                let want = plain::<f32>(&a_cut, &b_cut, shape);
                let (a_turned, b_turned) = (turned(&a, rows, depth), turned(&b, depth, columns));
                let mut first: Option<Vec<f32>> = None;
                for (left, right) in [(false, false), (false, true), (true, false), (true, true)] {
                    let a = Factor::new(&a, rows, depth);
                    let a = if left { Factor::new(&a_turned, depth, rows).turned() } else { a };
                    let b = Factor::new(&b, depth, columns);
                    let b = if right { Factor::new(&b_turned, columns, depth).turned() } else { b };
                    let mut c = vec![f32::NAN; rows * columns];
                    in_pairs(a, b, Into::Store, &mut c, path);
                    // f32 rounding of sums.
                    let off = relative(&c, &want);
                    assert!(off < 1e-6, "{path} {shape:?} {left} {right}: {off}");
                    assert_eq!(&c, first.get_or_insert_with(|| c.clone()), "{path} {shape:?} {left} {right}");
                    let twice: Vec<_> = want.iter().map(|x| *x + *x).collect();
                    in_pairs(a, b, Into::Add, &mut c, path);
                    assert!(relative(&c, &twice) < 1e-6, "{path} {shape:?} {left} {right}, added");
                }
            }
        }
    }

    #[test]
    fn pairs_hide_nothing_that_is_no_number() {
        for bad in [f32::NAN, f32::INFINITY, -f32::NAN, f32::from_bits(0x7f80_0001)] {
            let (mut a, b) = (vec![1.0; 64 * 65], vec![0.5; 65 * 64]);
            a[3 * 65 + 64] = bad;
            for path in wkv7_cpu::Path::ALL.into_iter().filter(|path| path.is_available()) {
                let mut c = vec![0.0; 64 * 64];
                in_pairs(Factor::new(&a, 64, 65), Factor::new(&b, 65, 64), Into::Store, &mut c, path);
                if path == wkv7_cpu::Path::Amx {
                    continue; // has no pairs
                }
                let found = c.chunks(64).enumerate().filter(|(_, row)| row.iter().any(|x| !x.is_finite()));
                assert!(found.map(|(row, _)| row).eq([3]), "{path} {bad}");
            }
        }
    }

    #[test]
    fn every_orientation_and_odd_shapes_match_the_definition() {
        on_every_path!(check);
        check(Double);
    }
}
