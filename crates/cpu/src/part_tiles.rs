//! The vectors of all tokens as sums of bf16 numbers, for machines that multiply tiles of those: what the tokens of a tile
//! have at a step lies together, part after part, the least first.
//!
//! A bf16 holds 8 significant bits. Two parts, each rounded to the nearest, leave an error of at most `2^-17` of a number
//! (`2^-24` would be that of f32); three leave none but for subnormal parts, which tiles take for zero.

use crate::arch::{Isa, LANES, PANEL, TILE_TOKENS, list};
use crate::bf16x3::HIGH;
use crate::team::Shared;

/// Inputs that a tile multiplies at once.
pub(crate) const STEP: usize = 2 * PAIRS;
/// Pairs of inputs of a step.
pub(crate) const PAIRS: usize = LANES;
/// The most parts of a number.
pub(crate) const MOST_PARTS: usize = 3;
/// How the tokens of a forward are cut into tiles, and their vectors into parts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) tokens: usize,
    pub(crate) parts: usize,
    /// Of a vector.
    pub(crate) steps: usize,
    pub(crate) tiles: usize,
    /// Tokens of a tile; the last one may hold fewer.
    pub(crate) width: usize,
    /// Tokens that a tile has room for.
    pub(crate) room: usize,
}

impl Cut {
    /// One tile for as many tokens as fit, else an even number of them, for two at a time meet the matrix.
    pub(crate) fn new(tokens: usize, n: usize, parts: usize) -> Self {
        let one = tokens <= TILE_TOKENS;
        let tiles = if one { 1 } else { 2 * tokens.div_ceil(2 * TILE_TOKENS) };
        let room = if one { tokens } else { TILE_TOKENS };
        Self { tokens, parts, steps: n / STEP, tiles, width: tokens.div_ceil(tiles), room }
    }

    /// Tokens that one thread has to put, in order: a multiple of it from a multiple on, or all that are left. `None` where it
    /// does not matter.
    pub(crate) fn group(self) -> Option<usize> {
        (self.parts > 0 && self.tiles > 1).then_some(self.width)
    }

    /// Words of a tile.
    pub(crate) fn tile_words(self) -> usize {
        self.steps * self.parts * PAIRS * self.room
    }
}

/// Pairs of bf16, a number and in the upper bits its neighbour: `[tiles, steps, parts, PAIRS, room]`.
#[derive(Debug, Default)]
pub(crate) struct PartTiles(Vec<u32>);

impl PartTiles {
    /// Makes room. Memory once taken is kept.
    pub(crate) fn resize(&mut self, cut: Cut) {
        self.0.resize(self.0.len().max(cut.tiles * cut.tile_words()), 0);
    }

    /// To be filled by many threads.
    pub(crate) fn share(&mut self) -> SharedPartTiles<'_> {
        SharedPartTiles(Shared::new(&mut self.0))
    }
}

/// [`PartTiles`] at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedPartTiles<'a>(Shared<'a, u32>);

impl<'a> SharedPartTiles<'a> {
    /// Puts the whole steps of the vector of `token` in. Where there are several tiles, the tokens of one are put in order.
    ///
    /// # Safety
    /// Nobody else writes or reads this token's meanwhile; where there are several tiles, none of its tile's.
    #[inline(always)]
    pub(crate) unsafe fn put<I: Isa>(&self, isa: I, cut: Cut, token: usize, x: &[f32]) {
        let (tile, column) = (token / cut.width, token % cut.width);
        let start = tile * cut.tile_words();
        for (step, x) in x.as_chunks::<STEP>().0.iter().enumerate() {
            let mut rest = *x;
            for part in (0..cut.parts).rev() {
                let words = take_part(&mut rest);
                let at = start + (step * cut.parts + part) * PAIRS * cut.room;
                if cut.tiles > 1 || cut.room == 1 {
                    let at = at + column * PAIRS;
                    // SAFETY: this token's own, which the caller keeps to itself.
                    unsafe { self.0.part(at..at + PAIRS) }.copy_from_slice(&words);
                    continue;
                }
                for (pair, word) in words.into_iter().enumerate() {
                    let at = at + pair * cut.room + column;
                    // SAFETY: as above.
                    let own = unsafe { self.0.part(at..at + 1) };
                    own[0] = word;
                }
            }
        }
        if cut.tiles > 1 && (column + 1 == cut.width || token + 1 == cut.tokens) {
            // SAFETY: the caller keeps the tile to itself.
            turn(isa, unsafe { self.0.part(start..start + cut.tile_words()) });
        }
    }

    /// All tiles, to be read.
    ///
    /// # Safety
    /// Every token is in, before a barrier that this thread has passed, and nobody writes while they are used.
    pub(crate) unsafe fn view(&self) -> &'a [u32] {
        // SAFETY: the caller keeps writers away.
        unsafe { self.0.view(0..self.0.len()) }
    }
}

/// A tile's pairs by token become those by place.
#[inline(always)]
fn turn<I: Isa>(isa: I, tile: &mut [u32]) {
    for square in tile.as_chunks_mut::<PAIRS>().0.as_chunks_mut::<TILE_TOKENS>().0 {
        let rows = list!(TILE_TOKENS, isa.splat(0.0), |token| isa.load(&square[token].map(f32::from_bits)));
        for (row, out) in isa.transpose(rows).into_iter().zip(square) {
            let mut numbers = [0.0; LANES];
            isa.store(row, &mut numbers);
            *out = numbers.map(f32::to_bits);
        }
    }
}

/// Takes the nearest bf16 off each of a step's numbers.
#[inline(always)]
pub(crate) fn take_part(rest: &mut [f32; STEP]) -> [u32; PAIRS] {
    let mut part = [0; STEP];
    for at in 0..STEP {
        let near = rounded(rest[at]);
        part[at] = near.to_bits();
        rest[at] -= near;
    }
    let mut words = [0; PAIRS];
    for pair in 0..PAIRS {
        words[pair] = part[2 * pair] >> 16 | part[2 * pair + 1] & HIGH;
    }
    words
}

/// Three bf16 numbers, each nearest to what is left of `x`. Of what is no number, some part is none.
#[inline(always)]
pub(crate) fn parts(x: f32) -> [f32; MOST_PARTS] {
    let high = rounded(x);
    let middle = rounded(x - high);
    [high, middle, rounded(x - high - middle)]
}

/// The bf16 nearest to `x`, half to even; the largest where that would be infinite.
#[inline(always)]
pub(crate) fn rounded(x: f32) -> f32 {
    /// From here on magnitudes round up to infinity, or are no numbers.
    const BEYOND: u32 = 0x7f7f_8000;
    /// Makes a NaN of what has it beside an infinity's bits.
    const QUIET: u32 = 0x0040_0000;
    let bits = x.to_bits();
    let near = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) & HIGH;
    let cut = bits & HIGH | if x.is_nan() { QUIET } else { 0 };
    f32::from_bits(if bits & !(1 << 31) >= BEYOND { cut } else { near })
}

/// A row of a tile of a matrix: 32 bf16 numbers, in a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; 64]);

impl Line {
    pub(crate) const ZERO: Self = Self([0; 64]);
}

/// What a tile gives: a sum for each row of a panel and token that the tile has room for, `[PANEL, room]`.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct PartSums(pub(crate) [f32; PANEL * TILE_TOKENS]);

impl PartSums {
    pub(crate) const ZERO: Self = Self([0.0; PANEL * TILE_TOKENS]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up() {
        for x in [0.0, 1.0, -0.1, 1e-20, 3.4e38, f32::MAX, f32::MIN, std::f32::consts::PI, 1.003_906_2] {
            let [high, middle, low] = parts(x);
            assert_eq!(high + (middle + low), x, "{x}");
            let off = (f64::from(high) + f64::from(middle) - f64::from(x)).abs();
            assert!(off <= f64::from(x.abs()) * 2f64.powi(-16), "{x}: off {off:e}");
            assert!([high, middle, low].iter().all(|part| part.to_bits() & !HIGH == 0), "{x}");
        }
        for odd in [f32::NAN, f32::INFINITY, f32::from_bits(0x7fff_ffff), f32::from_bits(0xff80_0001)] {
            let [high, middle, _] = parts(odd);
            assert!((high + middle).is_nan(), "{odd}");
        }
    }

    #[test]
    fn tiles_hold_every_token() {
        for tokens in 1..=600 {
            let cut = Cut::new(tokens, 64, 2);
            assert!(cut.width <= cut.room && cut.room <= TILE_TOKENS, "{cut:?}");
            assert!(cut.tiles * cut.width >= tokens, "{cut:?}");
            assert!(cut.tiles == 1 || cut.tiles.is_multiple_of(2), "{cut:?}");
        }
    }
}
