//! Products of f32 matrices on machines that multiply tiles of bf16: each number is the sum of three bf16 ones.
//!
//! A bf16 holds 8 significant bits and an f32 24, so cutting a number twice loses nothing. Of the nine products of
//! parts the three smallest are left out: together they are below `2^-22` of the whole, and on average near `2^-23`, which
//! is what rounding to f32 costs. Sums are f32. Numbers below `2^-110` lose bits, for tiles take subnormal parts for
//! zero; infinities become NaN.
//!
//! Both factors are laid out in slabs of [`SIDE`] rows (or columns) and [`STEP`] numbers of depth ([`Tiles::pack`]), and
//! [`Cells::cell`] makes [`SIDE`] by [`SIDE`] numbers of the product from as many slabs as the depth asks for.

#[cfg(target_arch = "x86_64")]
use crate::arch::{Amx, Avx512};
use crate::arch::{Isa, LANES, PlainCells, Portable, list};

/// Rows of a slab of the left factor, or columns of one of the right factor.
pub const SIDE: usize = 2 * HALF;
/// Numbers of depth in a slab.
pub const STEP: usize = 2 * PAIRS;

/// Rows or columns of a tile.
pub(crate) const HALF: usize = LANES;
/// Pairs of numbers in a line of a tile.
const PAIRS: usize = LANES;
/// The bits that stay of a number cut to bf16.
pub(crate) const HIGH: u32 = 0xffff_0000;

/// Pairs of bf16: a number and, in the upper bits, that which is [`PAIRS`] deeper; of a left factor by row and pair, of a right
/// factor by pair and column.
type Tile = [[u32; LANES]; LANES];

/// The three parts, high to low, of a slab of a factor, each in two halves.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Slab(pub(crate) [[Tile; 2]; 3]);

/// Which factor a slab is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Its items are rows of the product.
    Left,
    /// Its items are columns of the product.
    Right,
}

/// Numbers of a factor: up to [`SIDE`] items, as rows of the left factor and columns of the right one are called here, and
/// up to [`STEP`] numbers of depth. The rest of the slab is zero.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Begins with the first item's first number.
    pub numbers: &'a [f32],
    /// From an item to the next where an item's numbers lie together, else from one number of an item to its next.
    pub stride: usize,
    /// Whether an item's numbers lie together; else those of all items at a depth do.
    pub by_item: bool,
    /// Items.
    pub items: usize,
    /// Numbers of an item.
    pub depth: usize,
}

impl Default for Slab {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Slab {
    /// Zeros.
    pub const ZERO: Self = Self([[[[0; LANES]; LANES]; 2]; 3]);

    /// Fills it with what `view` shows.
    #[inline(always)]
    fn pack<I: Isa>(&mut self, isa: I, side: Side, view: View<'_>) {
        let View { numbers, stride, by_item, items, depth } = view;
        if items == SIDE && depth == STEP {
            return isa.run(
                #[inline(always)]
                || self.pack_whole(isa, side, view),
            );
        }
        // At the edge of a matrix, by way of a copy.
        let mut copy = [0.0; SIDE * STEP];
        let (rows, columns) = if by_item { (items, depth) } else { (depth, items) };
        for (to, from) in copy.chunks_exact_mut(STEP).zip(numbers.chunks(stride.max(1))).take(rows) {
            to[..columns].copy_from_slice(&from[..columns]);
        }
        let view = View { numbers: &copy, stride: STEP, by_item, items: SIDE, depth: STEP };
        isa.run(
            #[inline(always)]
            || self.pack_whole(isa, side, view),
        );
    }

    #[inline(always)]
    fn pack_whole<I: Isa>(&mut self, isa: I, side: Side, view: View<'_>) {
        let View { numbers, stride, by_item, .. } = view;
        let turn = by_item == (side == Side::Right);
        for half in 0..2 {
            // Line by line, an item's or a depth's, where the first numbers of all pairs lie, and where the second ones do.
            let at = half * HALF * if by_item { stride } else { 1 };
            let (firsts, seconds) =
                (&numbers[at..], &numbers[at + PAIRS * if by_item { 1 } else { stride }..]);
            if !turn {
                for line in 0..LANES {
                    self.put(half, line, lanes_at(firsts, line * stride), lanes_at(seconds, line * stride));
                }
                continue;
            }
            let mut turned = [[[0.0; LANES]; LANES]; 2];
            turn_lines(isa, firsts, stride, &mut turned[0]);
            turn_lines(isa, seconds, stride, &mut turned[1]);
            for line in 0..LANES {
                self.put(half, line, &turned[0][line], &turned[1][line]);
            }
        }
    }

    /// A line of tiles: the parts of `first` and `second`, pair by pair.
    #[inline(always)]
    fn put(&mut self, half: usize, line: usize, first: &[f32; LANES], second: &[f32; LANES]) {
        let mut words = [[0; LANES]; 3];
        for lane in 0..LANES {
            let (x, y) = (parts(first[lane]), parts(second[lane]));
            for part in 0..3 {
                words[part][lane] = x[part] >> 16 | y[part] & HIGH;
            }
        }
        for part in 0..3 {
            self.0[part][half][line] = words[part];
        }
    }
}

/// Lines become columns.
#[inline(always)]
fn turn_lines<I: Isa>(isa: I, numbers: &[f32], stride: usize, to: &mut [[f32; LANES]; LANES]) {
    let lines = list!(LANES, isa.splat(0.0), |line| isa.load(lanes_at(numbers, line * stride)));
    let lines = isa.transpose(lines);
    for line in 0..LANES {
        isa.store(lines[line], &mut to[line]);
    }
}

/// The numbers from `at` on.
#[inline(always)]
fn lanes_at(numbers: &[f32], at: usize) -> &[f32; LANES] {
    match numbers[at..].first_chunk() {
        Some(lanes) => lanes,
        None => panic!("{} numbers, but {LANES} from {at} on are shown", numbers.len()),
    }
}

/// Three numbers that add up to `x`, in the upper halves of their bits.
#[inline(always)]
fn parts(x: f32) -> [u32; 3] {
    let high = x.to_bits() & HIGH;
    let rest = x - f32::from_bits(high);
    let middle = rest.to_bits() & HIGH;
    [high, middle, (rest - f32::from_bits(middle)).to_bits()]
}

/// What multiplies slabs.
#[derive(Debug, Clone, Copy)]
pub struct Tiles(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Amx(Avx512<Amx>),
}

impl Tiles {
    /// Plain loops, slow, for tests: they sum in the same order.
    #[must_use]
    pub const fn plain() -> Self {
        Self(Kind::Plain)
    }

    /// Those of this machine.
    #[must_use]
    pub fn of_this_machine() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        return Avx512::new().ok().map(|isa| Self(Kind::Amx(isa)));
        #[cfg(not(target_arch = "x86_64"))]
        None
    }

    /// Fills `slab` with what `view` shows of a factor.
    ///
    /// # Panics
    /// Where there are fewer numbers than `view` says, or more items or numbers of them than a slab has.
    pub fn pack(self, slab: &mut Slab, side: Side, view: View<'_>) {
        match self.0 {
            Kind::Plain => slab.pack(Portable::<false, false>, side, view),
            #[cfg(target_arch = "x86_64")]
            Kind::Amx(isa) => slab.pack(isa, side, view),
        }
    }

    /// Asks for the part of memory that `view` shows, or for as much of it as there is: it will be packed soon, but not at once.
    #[inline]
    pub fn prefetch(self, view: View<'_>) {
        #[cfg(target_arch = "x86_64")]
        if let Kind::Amx(isa) = self.0 {
            let View { numbers, stride, by_item, items, depth } = view;
            let (rows, columns) = if by_item { (items, depth) } else { (depth, items) };
            for row in numbers.chunks(stride.max(1)).take(rows) {
                isa.prefetch_far(&row[..columns.min(row.len())]);
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = view;
    }

    /// Asks for the numbers that a cell is about to add to or to write, at the beginning of `c`, or for as many as there are.
    #[inline]
    pub fn prefetch_cell(self, c: &[f32], stride: usize) {
        #[cfg(target_arch = "x86_64")]
        if let Kind::Amx(isa) = self.0 {
            for row in c.chunks(stride.max(1)).take(SIDE) {
                for line in 0..SIDE / LANES {
                    isa.prefetch(row.as_ptr().wrapping_add(line * LANES).cast());
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (c, stride);
    }

    /// Does `work`, which multiplies much: setting the tiles up takes as long as a small cell.
    pub fn with<W: WithCells>(self, work: W) -> W::Out {
        match self.0 {
            Kind::Plain => work.with(&PlainCells),
            #[cfg(target_arch = "x86_64")]
            Kind::Amx(isa) => isa.beyond().cells(|cells| work.with(cells)),
        }
    }
}

/// What is to be done with tiles that are set up.
pub trait WithCells {
    /// What comes of it.
    type Out;

    /// Does it. No other tiles may be set up meanwhile.
    fn with<C: Cells>(self, cells: &C) -> Self::Out;
}

/// Tiles that are set up on this thread. They lie in registers that the compiler knows nothing of, so that nothing is left
/// in them from one call to the next.
pub trait Cells {
    /// `c += left right` or `c = left right`, summed before it is added, for [`SIDE`] rows and columns of `c`, whose rows lie `stride` apart; as deep as
    /// there are slabs. Nothing happens where there are none.
    ///
    /// # Panics
    /// Where there are not as many slabs of one as of the other, or `c` is smaller.
    fn cell(&self, left: &[Slab], right: &[Slab], add: bool, c: &mut [f32], stride: usize);
}

#[cfg(test)]
mod tests {
    use wkv7_testkit::Random;

    use super::*;

    /// Items of `depth` numbers each.
    fn noise(items: usize, depth: usize, seed: u64) -> Vec<f32> {
        let mut random = Random::new(seed);
        (0..items * depth).map(|_| random.between(-1.0, 1.0) as f32).collect()
    }

    /// As many slabs as the depth asks for; `by_item` says how the numbers lie.
    fn slabs(
        tiles: Tiles,
        side: Side,
        numbers: &[f32],
        items: usize,
        depth: usize,
        by_item: bool,
    ) -> Vec<Slab> {
        let turned: Vec<f32> =
            (0..items * depth).map(|at| numbers[at % items * depth + at / items]).collect();
        let (numbers, stride) = if by_item { (numbers, depth) } else { (&*turned, items) };
        let steps = (0..depth).step_by(STEP).map(|from| {
            let numbers = &numbers[from * if by_item { 1 } else { stride }..];
            let view = View { numbers, stride, by_item, items, depth: STEP.min(depth - from) };
            let mut slab = Slab([[[[!0; LANES]; LANES]; 2]; 3]);
            tiles.prefetch(view);
            tiles.pack(&mut slab, side, view);
            slab
        });
        steps.collect()
    }

    struct Cell<'a>(&'a [Slab], &'a [Slab], bool, &'a mut [f32], usize);

    impl WithCells for Cell<'_> {
        type Out = ();

        fn with<C: Cells>(self, cells: &C) {
            cells.cell(self.0, self.1, self.2, self.3, self.4);
        }
    }

    /// The plain ones and those of this machine.
    fn all() -> Vec<Tiles> {
        [Tiles::plain()].into_iter().chain(Tiles::of_this_machine()).collect()
    }

    #[test]
    fn products_match_the_definition_and_each_other_to_the_bit() {
        for (rows, columns, depth) in [(32, 32, 32), (32, 32, 300), (1, 5, 1), (17, 31, 33), (32, 7, 96)] {
            let (a, b) = (noise(rows, depth, 1), noise(columns, depth, 2));
            let mut found: Option<Vec<f32>> = None;
            for tiles in all() {
                for by_item in [true, false] {
                    let left = slabs(tiles, Side::Left, &a, rows, depth, by_item);
                    let right = slabs(tiles, Side::Right, &b, columns, depth, by_item);
                    let stride = SIDE + 3;
                    let mut c = vec![2.0; SIDE * stride];
                    tiles.with(Cell(&left, &right, false, &mut c, stride));
                    let once = c.clone();
                    tiles.with(Cell(&left, &right, true, &mut c, stride));
                    let (mut off, mut all) = (0.0, 0.0);
                    for at in 0..SIDE * stride {
                        let (row, column) = (at / stride, at % stride);
                        if column >= SIDE {
                            assert_eq!(c[at], 2.0, "beside the cell");
                            continue;
                        }
                        let term =
                            |k: usize| f64::from(a[row * depth + k]) * f64::from(b[column * depth + k]);
                        let there = row < rows && column < columns;
                        let want: f64 = if there { (0..depth).map(term).sum() } else { 0.0 };
                        off += (f64::from(once[at]) - want).powi(2) + (f64::from(c[at]) - 2.0 * want).powi(2);
                        all += 5.0 * want * want;
                    }
                    // f32 rounding: 1.3e-7 found.
                    assert!(
                        (off / all).sqrt() < 3e-7,
                        "{tiles:?} {rows} {columns} {depth}: {}",
                        (off / all).sqrt()
                    );
                    assert_eq!(&c, found.get_or_insert_with(|| c.clone()), "{tiles:?} {by_item}");
                }
            }
        }
    }

    #[test]
    fn a_number_is_the_sum_of_its_parts() {
        let mut random = Random::new(3);
        let odd = [0.0, -0.0, 1.0, f32::MAX, f32::MIN_POSITIVE, f32::EPSILON, -1.0 - f32::EPSILON, 1e-30];
        let many =
            (0..10_000).map(|_| f32::from_bits(random.below(1 << 31) as u32)).filter(|x| x.is_normal());
        for x in many.filter(|x| x.abs() > 1e-33).chain(odd) {
            let sum: f32 = parts(x).iter().map(|bits| f32::from_bits(bits & HIGH)).sum();
            assert_eq!(sum, x, "{x:e}");
        }
    }

    #[test]
    fn nothing_to_multiply_changes_nothing_and_what_does_not_fit_is_refused() {
        for tiles in all() {
            let mut c = vec![1.0; SIDE * SIDE];
            tiles.with(Cell(&[], &[], false, &mut c, SIDE));
            assert!(c.iter().all(|x| *x == 1.0));
            for (left, right, room) in [(1, 2, SIDE * SIDE), (1, 1, SIDE * SIDE - 1)] {
                let (left, right) = (vec![Slab::ZERO; left], vec![Slab::ZERO; right]);
                let refused = std::panic::catch_unwind(|| {
                    let mut c = vec![1.0; room];
                    tiles.with(Cell(&left, &right, false, &mut c, SIDE));
                });
                assert!(refused.is_err(), "{tiles:?}");
            }
        }
    }
}
