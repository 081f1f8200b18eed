//! Factors of a product laid out as its tiles read them.

use std::ops::Range;

use wkv7_cpu::math::{LANES, Math};

use super::product::{Factor, ROWS};
use super::terms::{NumberOf, Terms};

/// Rows `first..first + depth` of `b`, and columns from `column` on, as panels `[terms, PANELS * LANES]`; missing columns are
/// zero, and so are numbers that a term lacks.
#[inline(always)]
pub(super) fn pack_right<T: Terms>(
    terms: T,
    b: &Factor<'_, NumberOf<T>>,
    first: usize,
    depth: usize,
    column: usize,
    panels: &mut [NumberOf<T>],
) {
    let wide = LANES * T::Math::PANELS;
    let panel = depth.div_ceil(T::DEEP) * wide;
    if b.transposed {
        for (number, panel) in panels.chunks_exact_mut(panel).enumerate() {
            turn_right(terms, b, first, depth, column + number * wide, panel);
        }
        return;
    }
    for (term, row) in (0..depth).step_by(T::DEEP).enumerate() {
        let source = |row: usize| match row < depth {
            true => &b.numbers[(first + row) * b.columns..][column..b.columns],
            false => &[],
        };
        let sources = [source(row), if T::DEEP > 1 { source(row + 1) } else { &[] }];
        for (number, panel) in panels.chunks_exact_mut(panel).enumerate() {
            let (outs, _) = panel[term * wide..(term + 1) * wide].as_chunks_mut::<LANES>();
            for (part, out) in outs.iter_mut().enumerate() {
                let at = number * wide + part * LANES;
                let lanes =
                    [lanes_from(terms.math(), sources[0], at), lanes_from(terms.math(), sources[1], at)];
                terms.math().store(terms.lanes(lanes), out);
            }
        }
    }
}

/// The numbers of `x` from `at` on; zeros behind its end.
#[inline(always)]
fn lanes_from<M: Math>(math: M, x: &[M::Number], at: usize) -> M::Lanes {
    let x = x.get(at..).unwrap_or_default();
    if let Some(whole) = x.first_chunk() {
        return math.load(whole);
    }
    let mut rest = [M::Number::default(); LANES];
    rest[..x.len()].copy_from_slice(x);
    math.load(&rest)
}

/// One panel of a transposed factor.
#[inline(always)]
fn turn_right<T: Terms>(
    terms: T,
    b: &Factor<'_, NumberOf<T>>,
    first: usize,
    depth: usize,
    column: usize,
    panel: &mut [NumberOf<T>],
) {
    let (wide, math) = (LANES * T::Math::PANELS, terms.math());
    let zero = math.splat(Default::default());
    // Columns lie as rows: sixteen of them are turned at a time.
    for part in 0..T::Math::PANELS {
        let at = column + part * LANES;
        for step in (0..depth).step_by(LANES) {
            let len = LANES.min(depth - step);
            let mut rows = [zero; LANES];
            for (lane, row) in rows.iter_mut().enumerate() {
                if at + lane < b.columns {
                    let source = &b.numbers[(at + lane) * b.rows + first + step..][..len];
                    *row = lanes_from(math, source, 0);
                }
            }
            let rows = math.transpose(rows);
            for row in (0..len).step_by(T::DEEP) {
                let lanes = terms.lanes([rows[row], if T::DEEP > 1 { rows[row + 1] } else { zero }]);
                let out = &mut panel[(step + row) / T::DEEP * wide + part * LANES..];
                if let Some(out) = out.first_chunk_mut::<LANES>() {
                    math.store(lanes, out);
                }
            }
        }
    }
}

/// The terms of a row.
#[inline(always)]
pub(super) fn pack_row<T: Terms>(terms: T, row: &[NumberOf<T>], out: &mut [NumberOf<T>]) {
    debug_assert_eq!(T::DEEP, 2, "rows of single numbers are read where they lie");
    let (whole, rest) = row.as_chunks::<2>();
    for (numbers, out) in whole.iter().zip(&mut *out) {
        *out = terms.one(*numbers);
    }
    if let ([last], Some(out)) = (rest, out.last_mut()) {
        *out = terms.one([*last, Default::default()]);
    }
}

/// The rows `rows` of the transposed `a`, at most [`ROWS`], and `depth` from `first` on, in strips `[terms, R]`; missing rows are
/// anything.
#[inline(always)]
pub(super) fn pack_left<T: Terms, const R: usize>(
    terms: T,
    a: &Factor<'_, NumberOf<T>>,
    first: usize,
    depth: usize,
    rows: Range<usize>,
    strips: &mut [NumberOf<T>],
) {
    let (strips, _) = strips.as_chunks_mut::<R>();
    let (steps, math) = (depth.div_ceil(T::DEEP), terms.math());
    let mut joined = [[NumberOf::<T>::default(); LANES]; ROWS / LANES];
    for (step, row) in (0..depth).step_by(T::DEEP).enumerate() {
        let source = |row: usize| &a.numbers[(first + row) * a.rows..][rows.clone()];
        let mut line = source(row);
        if T::DEEP > 1 {
            let behind = if row + 1 < depth { source(row + 1) } else { &[] };
            for (part, joined) in joined.iter_mut().enumerate().take(rows.len().div_ceil(LANES)) {
                let at = part * LANES;
                let lanes = [lanes_from(math, line, at), lanes_from(math, behind, at)];
                math.store(terms.lanes(lanes), joined);
            }
            line = &joined.as_flattened()[..rows.len()];
        }
        let (whole, rest) = line.as_chunks::<R>();
        for (strip, whole) in whole.iter().enumerate() {
            strips[strip * steps + step] = *whole;
        }
        if !rest.is_empty() {
            strips[whole.len() * steps + step][..rest.len()].copy_from_slice(rest);
        }
    }
}
