//! Few tokens, plain numbers: stored rows are dotted with each token, straight from where they lie.
//!
//! Four rows at once keep eight sums of eight numbers under way, more than the latency of an addition; the memory
//! is the limit then. A row's bytes follow those of the row before, so what will be read next is known and asked for
//! ahead: the machine's own prefetchers stop at every page.

use std::ops::Range;

use super::element::Element;
use super::product::Product;
use crate::activations::Input;
use crate::arch::{Isa, LANES};

/// Bytes between what is read and what is asked for ahead.
const AHEAD: usize = 4096;

/// The outputs `rows` of `product` for its few tokens. `raw` holds those rows, `[rows, inputs]`.
#[inline(always)]
pub(super) fn few<I: Isa, E: Element>(isa: I, product: &Product<'_>, rows: Range<usize>, raw: &[E::Raw]) {
    let length = product.matrix.inputs() * E::SIZE;
    let tokens = product.input.tokens;
    let mut first = 0;
    while first < rows.len() {
        let (left, output) = (rows.len() - first, rows.start + first);
        let raw = &raw[first * length..];
        let count = if tokens == 1 { 1 } else { left.min(2) };
        let mut token = 0;
        while token < tokens {
            token += match (count, tokens - token) {
                (4, _) => cell::<I, E, 4, 1>(isa, product, output, token, raw, length),
                (2, 1) => cell::<I, E, 2, 1>(isa, product, output, token, raw, length),
                (2, 2) => cell::<I, E, 2, 2>(isa, product, output, token, raw, length),
                (2, _) => cell::<I, E, 2, 3>(isa, product, output, token, raw, length),
                (_, _) => cell::<I, E, 1, 1>(isa, product, output, token, raw, length),
            };
        }
        first += count;
    }
}

/// `R` outputs of `T` tokens; returns `T`.
#[inline(always)]
fn cell<I: Isa, E: Element, const R: usize, const T: usize>(
    isa: I,
    product: &Product<'_>,
    output: usize,
    token: usize,
    raw: &[E::Raw],
    length: usize,
) -> usize {
    let rows: [&[E::Raw]; R] = std::array::from_fn(
        #[inline(always)]
        |r| &raw[r * length..(r + 1) * length],
    );
    let sums = dots::<I, E, R, T>(isa, rows, &product.input, token);
    for (t, sums) in sums.iter().enumerate() {
        product.finish(isa, token + t, output, sums);
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
    let xs: [&[[f32; LANES]]; T] = std::array::from_fn(
        #[inline(always)]
        |t| input.numbers(token + t).as_chunks().0,
    );
    let split: [(&[E::Chunk], &[E::Raw]); R] = std::array::from_fn(
        #[inline(always)]
        |r| E::split(rows[r]),
    );
    let chunks = split[0].0.len();
    // Said once, so that the loop need not ask.
    let chunked: [&[E::Chunk]; R] = std::array::from_fn(
        #[inline(always)]
        |r| &split[r].0[..chunks],
    );
    let whole: [&[[f32; LANES]]; T] = std::array::from_fn(
        #[inline(always)]
        |t| &xs[t][..chunks],
    );
    let mut sums = [[isa.splat(0.0); R]; T];
    for chunk in 0..chunks {
        for r in 0..R {
            let row = E::read(isa, &chunked[r][chunk]);
            for t in 0..T {
                sums[t][r] = isa.lanes_mul_add(row, isa.load(&whole[t][chunk]), sums[t][r]);
            }
        }
    }
    if !split[0].1.is_empty() {
        for r in 0..R {
            let row = isa.load(&E::read_rest(split[r].1));
            for t in 0..T {
                sums[t][r] = isa.lanes_mul_add(row, isa.load(&xs[t][chunks]), sums[t][r]);
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
