//! Stored rows that belong to outputs: dequantised, then dotted with every token.

use std::ops::Range;

use super::Product;
use crate::arch::{Isa, LANES};
use crate::threads::desk;

/// Rows of one task: enough to be worth handing out, few enough to spread over threads.
pub(super) const BLOCK: usize = 32;
/// From this many tokens on, more rows are dequantised at once, so that a token is fetched less often.
const MANY: usize = 4;

/// Fills the outputs `rows` of `product` for every token.
#[inline(always)]
pub(super) fn task<I: Isa>(isa: I, product: &Product<'_>, rows: Range<usize>, scratch: &mut Vec<f32>) {
    let tensor = &product.matrix.tensor;
    let (columns, row_bytes) = (tensor.stored_columns(), tensor.stored_row_bytes());
    // One token: two rows stay in the first-level cache. Many: 16 rows pay for fetching a token's numbers.
    let tile = if product.tokens < MANY { 2 } else { 16 };
    let buffer = desk(scratch, tile * columns);
    for first in rows.clone().step_by(tile) {
        let count = tile.min(rows.end - first);
        let bytes = &tensor.bytes().as_slice()[first * row_bytes..(first + count) * row_bytes];
        let buffer = &mut buffer[..count * columns];
        isa.read(tensor.dtype(), bytes, buffer);
        tile_times_tokens(isa, product, first, columns, buffer);
    }
}

/// The outputs from `first` on, one per row of `rows` `[count, columns]`, for every token.
#[inline(always)]
fn tile_times_tokens<I: Isa>(isa: I, product: &Product<'_>, first: usize, columns: usize, rows: &[f32]) {
    for token in (0..product.tokens).step_by(I::TOKENS) {
        for (pair, rows) in rows.chunks(2 * columns).enumerate() {
            let output = first + 2 * pair;
            match (rows.len() / columns, (product.tokens - token).min(I::TOKENS)) {
                (2, 3) => cell::<I, 2, 3>(isa, product, output, token, rows),
                (2, 2) => cell::<I, 2, 2>(isa, product, output, token, rows),
                (2, _) => cell::<I, 2, 1>(isa, product, output, token, rows),
                (_, 3) => cell::<I, 1, 3>(isa, product, output, token, rows),
                (_, 2) => cell::<I, 1, 2>(isa, product, output, token, rows),
                (_, _) => cell::<I, 1, 1>(isa, product, output, token, rows),
            }
        }
    }
}

/// `R` outputs of `T` tokens.
#[inline(always)]
fn cell<I: Isa, const R: usize, const T: usize>(
    isa: I,
    product: &Product<'_>,
    output: usize,
    token: usize,
    rows: &[f32],
) {
    let (inputs, outputs) = (product.matrix.inputs(), product.matrix.outputs());
    let rows: [&[f32]; R] = std::array::from_fn(|r| &rows[r * inputs..(r + 1) * inputs]);
    let xs: [&[f32]; T] = std::array::from_fn(|t| &product.x[(token + t) * inputs..(token + t + 1) * inputs]);
    let sums = dots(isa, rows, xs);
    for (t, sums) in sums.iter().enumerate() {
        let start = (token + t) * outputs + output;
        // SAFETY: these outputs are this task's alone, and the previous part is no longer used.
        let out = unsafe { product.out.part(start..start + R) };
        for (out, y) in out.iter_mut().zip(sums) {
            product.then.apply(out, *y);
        }
    }
}

/// The dot product of every row with every token, `[tokens][rows]`, each in the order of [`dot`].
#[inline(always)]
fn dots<I: Isa, const R: usize, const T: usize>(isa: I, rows: [&[f32]; R], xs: [&[f32]; T]) -> [[f32; R]; T] {
    let n = rows[0].len();
    let row_chunks: [&[[f32; LANES]]; R] = std::array::from_fn(
        #[inline(always)]
        |r| rows[r].as_chunks().0,
    );
    let x_chunks: [&[[f32; LANES]]; T] = std::array::from_fn(
        #[inline(always)]
        |t| xs[t].as_chunks().0,
    );
    // Said once, so that the loop need not ask.
    let row_chunks = row_chunks.map(
        #[inline(always)]
        |row| &row[..n / LANES],
    );
    let x_chunks = x_chunks.map(
        #[inline(always)]
        |x| &x[..n / LANES],
    );
    let mut sums = [[isa.splat(0.0); R]; T];
    for chunk in 0..n / LANES {
        let rows: [I::Lanes; R] = std::array::from_fn(
            #[inline(always)]
            |r| isa.load(&row_chunks[r][chunk]),
        );
        for t in 0..T {
            let x = isa.load(&x_chunks[t][chunk]);
            for r in 0..R {
                sums[t][r] = isa.lanes_mul_add(rows[r], x, sums[t][r]);
            }
        }
    }
    let mut totals = [[0.0; R]; T];
    for t in 0..T {
        for r in 0..R {
            let mut lanes = isa.store(sums[t][r]);
            for at in n / LANES * LANES..n {
                lanes[at % LANES] = isa.mul_add(rows[r][at], xs[t][at], lanes[at % LANES]);
            }
            totals[t][r] = fold(lanes);
        }
    }
    totals
}

/// `a . b` in the fixed order of this backend: [`LANES`] partial sums, folded in halves.
#[inline(always)]
pub(crate) fn dot<I: Isa>(isa: I, a: &[f32], b: &[f32]) -> f32 {
    dots(isa, [a], [b])[0][0]
}

/// The sum of the partial sums: halves are added until one is left.
#[inline(always)]
pub(crate) fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}
