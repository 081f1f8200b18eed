//! Few tokens, plain numbers: stored rows are dotted with each token, straight from where they lie.
//!
//! One row after the other, which the machine's own prefetchers follow: four neighbouring rows at once halve the speed. How far
//! ahead lines are asked for besides, and in how many places rows are read in turn, [`Isa::reading`] says.

use std::ops::Range;

use super::element::{Element, Terms};
use super::product::Product;
use super::streams::side_by_side;
use crate::activations::Input;
use crate::arch::{Isa, LANES, MANY_PLACES, list};

/// The outputs `rows` of `product` for its few tokens. `raw` holds those rows.
#[inline(always)]
pub(super) fn few<I: Isa, E: Element>(isa: I, product: &Product<'_>, rows: Range<usize>, raw: &[E::Raw]) {
    let length = product.matrix.inputs() / E::Terms::NUMBERS * E::SIZE;
    let tokens = product.input.tokens;
    let neighbours = if tokens == 1 { 1 } else { 2 };
    for side in side_by_side(rows.len(), isa.reading().places, neighbours) {
        let (first, raw) = (rows.start, (raw, length));
        let mut row = 0;
        while row < side.count {
            let count = match side.count - row {
                MANY_PLACES if tokens == 1 => MANY_PLACES,
                2.. if tokens > 1 => 2,
                _ => 1,
            };
            let mut token = 0;
            while token < tokens {
                token += match (count, tokens - token) {
                    (MANY_PLACES, _) => {
                        cell::<I, E, MANY_PLACES, 1>(isa, product, first, side.rows(row), raw, token)
                    }
                    (2, 1) => cell::<I, E, 2, 1>(isa, product, first, side.rows(row), raw, token),
                    (2, 2) => cell::<I, E, 2, 2>(isa, product, first, side.rows(row), raw, token),
                    (2, _) => cell::<I, E, 2, 3>(isa, product, first, side.rows(row), raw, token),
                    (_, _) => cell::<I, E, 1, 1>(isa, product, first, side.rows(row), raw, token),
                };
            }
            row += count;
        }
    }
}

/// The outputs of `T` tokens and the rows number `at` of `raw`, of so many items each, the first of which is for output
/// `first`; returns `T`.
#[inline(always)]
fn cell<I: Isa, E: Element, const R: usize, const T: usize>(
    isa: I,
    product: &Product<'_>,
    first: usize,
    at: [usize; R],
    (raw, length): (&[E::Raw], usize),
    token: usize,
) -> usize {
    let rows = list!(R, raw, |r| &raw[at[r] * length..(at[r] + 1) * length]);
    let sums = dots::<I, E, R, T>(isa, rows, &product.input, token);
    for (t, sums) in sums.iter().enumerate() {
        for (at, sum) in at.iter().zip(sums) {
            product.finish(isa, token + t, first + at, &[*sum]);
        }
    }
    T
}

/// The dot product of every row with every token, `[tokens][rows]`.
#[inline(always)]
fn dots<I: Isa, E: Element, const R: usize, const T: usize>(
    isa: I,
    rows: [&[E::Raw]; R],
    input: &Input<'_>,
    token: usize,
) -> [[f32; R]; T] {
    let xs = list!(T, [[0.0; LANES]; 0].as_slice(), |t| E::Terms::of(input, token + t).as_chunks().0);
    let split = list!(R, E::split(rows[0]), |r| E::split(rows[r]));
    let chunks = split[0].0.len();
    // Said once, so that the loop need not ask.
    let chunked = list!(R, split[0].0, |r| &split[r].0[..chunks]);
    let whole = list!(T, xs[0], |t| &xs[t][..chunks]);
    let ahead = isa.reading().ahead;
    let mut sums = [[isa.splat(0.0); R]; T];
    for chunk in 0..chunks {
        for r in 0..R {
            isa.prefetch_ahead(&chunked[r][chunk], ahead);
            let row = E::read(isa, &chunked[r][chunk]);
            for t in 0..T {
                sums[t][r] = E::Terms::mul_add(isa, row, isa.load(&whole[t][chunk]), sums[t][r]);
            }
        }
    }
    if !split[0].1.is_empty() {
        for r in 0..R {
            let row = isa.load(&E::read_rest(split[r].1));
            for t in 0..T {
                sums[t][r] = E::Terms::mul_add(isa, row, isa.load(&xs[t][chunks]), sums[t][r]);
            }
        }
    }
    let mut totals = [[0.0; R]; T];
    for t in 0..T {
        for r in 0..R {
            totals[t][r] = isa.fold(sums[t][r]);
        }
    }
    totals
}
