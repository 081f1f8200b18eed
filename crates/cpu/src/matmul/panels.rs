//! Many tokens, f32: sixteen rows at a time are turned into a panel, one row to a lane, and meet tile after tile of
//! tokens.
//!
//! A dot product of few tokens adds up sixteen classes of numbers (`n mod 16`) apart, one class to a lane. A panel is
//! therefore walked class by class, each summed from zero and put aside, and the sixteen sums of an output are folded
//! in the same order at the end: the bits are the same, and the walk needs no sums across lanes.

use super::element::Element;
use super::product::Product;
use crate::arch::{Isa, LANES, MAX_TILE, PANEL};

/// Numbers of a panel of rows of `inputs`.
pub(super) const fn panel_len(inputs: usize) -> usize {
    inputs.next_multiple_of(LANES) * PANEL
}

/// Turns `count` rows of `raw` `[count, inputs]` into `panel` `[classes, inputs / 16, rows]`; missing rows are zero.
#[inline(always)]
pub(super) fn pack<I: Isa, E: Element>(isa: I, raw: &[E::Raw], count: usize, inputs: usize, panel: &mut [f32]) {
    let length = inputs * E::SIZE;
    let (panel, _) = panel.as_chunks_mut::<PANEL>();
    let steps = panel.len() / LANES;
    let zero = isa.splat(0.0);
    for step in 0..steps {
        let mut rows = [zero; PANEL];
        for (r, lanes) in rows.iter_mut().enumerate().take(count) {
            let (chunks, rest) = E::split(&raw[r * length..(r + 1) * length]);
            *lanes = match chunks.get(step) {
                Some(chunk) => {
                    isa.prefetch(std::ptr::from_ref(chunk).cast::<u8>().wrapping_add(256));
                    E::read(isa, chunk)
                }
                None => isa.load(&E::read_rest(rest)),
            };
        }
        for (class, lanes) in isa.transpose(rows).into_iter().enumerate() {
            isa.store(lanes, &mut panel[class * steps + step]);
        }
    }
}

/// The outputs `output..output + count` of every token, from their panel.
#[inline(always)]
pub(super) fn tile<I: Isa>(isa: I, product: &Product<'_>, panel: &[f32], output: usize, count: usize, token: usize) {
    match (product.input.tokens - token).min(I::TILE) {
        1 => cell::<I, 1>(isa, product, panel, output, count, token),
        2 => cell::<I, 2>(isa, product, panel, output, count, token),
        3 => cell::<I, 3>(isa, product, panel, output, count, token),
        4 => cell::<I, 4>(isa, product, panel, output, count, token),
        5 => cell::<I, 5>(isa, product, panel, output, count, token),
        6 => cell::<I, 6>(isa, product, panel, output, count, token),
        7 => cell::<I, 7>(isa, product, panel, output, count, token),
        8 => cell::<I, 8>(isa, product, panel, output, count, token),
        9 => cell::<I, 9>(isa, product, panel, output, count, token),
        10 => cell::<I, 10>(isa, product, panel, output, count, token),
        11 => cell::<I, 11>(isa, product, panel, output, count, token),
        _ => cell::<I, MAX_TILE>(isa, product, panel, output, count, token),
    }
}

/// A panel's outputs of `T` tokens.
#[inline(always)]
fn cell<I: Isa, const T: usize>(
    isa: I,
    product: &Product<'_>,
    panel: &[f32],
    output: usize,
    count: usize,
    token: usize,
) {
    if T > I::TILE {
        return; // never asked for: spares the compiler the larger tiles of other instruction sets
    }
    let (panel, _) = panel.as_chunks::<PANEL>();
    let steps = panel.len() / LANES;
    let xs: [&[f32]; T] = std::array::from_fn(
        #[inline(always)]
        |t| product.input.numbers(token + t),
    );
    let mut classes = [[[0.0; PANEL]; T]; LANES];
    for (class, sums_out) in classes.iter_mut().enumerate() {
        let of = class * steps..(class + 1) * steps;
        let rows = &panel[of.clone()];
        let xs: [&[f32]; T] = std::array::from_fn(
            #[inline(always)]
            |t| &xs[t][of.clone()],
        );
        let mut sums = [isa.splat(0.0); T];
        for step in 0..steps {
            let row = isa.load(&rows[step]);
            for t in 0..T {
                sums[t] = isa.lanes_mul_add(row, isa.splat(xs[t][step]), sums[t]);
            }
        }
        for t in 0..T {
            isa.store(sums[t], &mut sums_out[t]);
        }
    }
    for t in 0..T {
        let sums = fold::<I, LANES>(isa, |class| &classes[class][t]);
        product.finish(isa, token + t, output, &sums[..count]);
    }
}

/// The sums of all `N` classes for each row: halves are added until one is left.
#[inline(always)]
pub(super) fn fold<'a, I: Isa, const N: usize>(isa: I, class: impl Fn(usize) -> &'a [f32; PANEL]) -> [f32; PANEL] {
    let mut sums: [I::Lanes; N] = std::array::from_fn(
        #[inline(always)]
        |n| isa.load(class(n)),
    );
    let mut half = N / 2;
    while half > 0 {
        for n in 0..half {
            sums[n] = isa.lanes_add(sums[n], sums[n + half]);
        }
        half /= 2;
    }
    let mut out = [0.0; PANEL];
    isa.store(sums[0], &mut out);
    out
}
