//! Stored rows that belong to inputs: dequantised, then added up, each times its input of every token.

use std::ops::Range;

use super::Product;
use crate::arch::{Isa, LANES};
use crate::threads::desk;
use crate::weights::Matrix;

/// Columns summed side by side: enough sums to hide the latency of adding to one.
const COLUMNS: usize = 2 * LANES;
/// Stored rows whose products are summed apart before they join the total: keeps the rounding error of a
/// sum over thousands of rows near that of a short one, and the dequantised rows in the first-level cache.
const ROWS: usize = 64;

/// Outputs of one task: whole blocks of the element type, a cache line or more of any stored row.
pub(super) fn block(matrix: &Matrix) -> usize {
    matrix.tensor.dtype().block_len().max(2 * COLUMNS)
}

/// Fills the outputs `columns` of `product` for every token.
#[inline(always)]
pub(super) fn task<I: Isa>(isa: I, product: &Product<'_>, columns: Range<usize>, scratch: &mut Vec<f32>) {
    let tensor = &product.matrix.tensor;
    let (dtype, row_bytes) = (tensor.dtype(), tensor.stored_row_bytes());
    let (inputs, outputs) = (product.matrix.inputs(), product.matrix.outputs());
    let stride = columns.len().next_multiple_of(COLUMNS); // those beyond the last column are summed and dropped
    // `columns` are whole blocks, because tasks start at multiples of them and rows end at one.
    let at = |column: usize| column / dtype.block_len() * dtype.block_bytes();
    let bytes = tensor.bytes().as_slice();

    let (rows, totals) = desk(scratch, (ROWS + product.tokens) * stride).split_at_mut(ROWS * stride);
    totals.fill(0.0);
    for first in (0..inputs).step_by(ROWS) {
        let count = ROWS.min(inputs - first);
        let rows = &mut rows[..count * stride];
        for (row, out) in rows.chunks_exact_mut(stride).enumerate() {
            let start = (first + row) * row_bytes;
            let stored = &bytes[start + at(columns.start)..start + at(columns.end)];
            isa.read(dtype, stored, &mut out[..columns.len()]);
        }
        for (x, totals) in product.x.chunks_exact(inputs).zip(totals.chunks_exact_mut(stride)) {
            add(isa, &x[first..first + count], rows, totals);
        }
    }
    for (token, totals) in totals.chunks_exact(stride).enumerate() {
        let start = token * outputs;
        // SAFETY: these outputs are this task's alone, and the previous part is no longer used.
        let out = unsafe { product.out.part(start + columns.start..start + columns.end) };
        for (out, total) in out.iter_mut().zip(totals) {
            product.then.apply(out, *total);
        }
    }
}

/// Adds `x @ rows` to `totals`: `x` `[count]`, `rows` `[count, stride]`, `totals` `[stride]`.
#[inline(always)]
fn add<I: Isa>(isa: I, x: &[f32], rows: &[f32], totals: &mut [f32]) {
    let stride = totals.len();
    let (totals, _) = totals.as_chunks_mut::<COLUMNS>();
    for (chunk, total) in totals.iter_mut().enumerate() {
        let mut sums = [isa.splat(0.0); 2];
        for (x, row) in x.iter().zip(rows.chunks_exact(stride)) {
            let (x, row) = (isa.splat(*x), row.as_chunks::<LANES>().0);
            sums[0] = isa.lanes_mul_add(x, isa.load(&row[2 * chunk]), sums[0]);
            sums[1] = isa.lanes_mul_add(x, isa.load(&row[2 * chunk + 1]), sums[1]);
        }
        for (total, sum) in total.iter_mut().zip(sums.into_iter().flat_map(|sums| isa.store(sums))) {
            *total += sum;
        }
    }
}
