//! Many tokens, plain numbers: sixteen rows at a time are turned into a panel, one row to a lane, and meet tile after tile of
//! tokens.
//!
//! A dot product of few tokens adds up sixteen classes of numbers (`n mod 16`) apart, one class to a lane. A panel is
//! therefore walked class by class, each summed from zero and put aside, and the sixteen sums of an output are folded
//! in the same order at the end: the bits are the same, and the walk needs no sums across lanes.

use super::element::{Element, Numbers, Terms};
use super::product::Classes;
use super::product::Product;
use super::thin;
use super::walk::Meeting;
use crate::arch::{Isa, LANES, MAX_TILE, PANEL, list};

/// Steps from one class of a panel to the next, of which `steps` are used. An odd number: were it a multiple of what a set
/// of the first-level cache spans, as the sizes of models make it, the sixteen classes that [`pack`] fills side by side
/// would all fight for one set.
pub(super) const fn stride(steps: usize) -> usize {
    steps | 1
}

/// Items of a panel of rows of so many.
pub(super) const fn panel_len(items: usize) -> usize {
    LANES * stride(items.div_ceil(LANES)) * PANEL
}

/// Items from one row to the next where [`read`] puts them; more than those of a row, for the same reason.
pub(super) const fn row_stride(items: usize) -> usize {
    items + LANES
}

/// Reads stored rows as items, one after the other: sixteen side by side, as [`pack`] walks them, are more streams than the
/// machine's prefetchers follow.
#[inline(always)]
pub(super) fn read<I: Isa, E: Element>(isa: I, raw: &[E::Raw], items: usize, room: &mut [f32]) {
    let rows = room.chunks_exact_mut(row_stride(items));
    for (raw, row) in raw.chunks_exact(items * E::SIZE).zip(rows) {
        let (chunks, rest) = E::split(raw);
        let (out, last) = row[..items].as_chunks_mut::<LANES>();
        for (chunk, out) in chunks.iter().zip(out) {
            isa.store(E::read(isa, chunk), out);
        }
        // Most rows have none: to read it all the same made products with rows of 64 a quarter slower.
        if !last.is_empty() {
            last.copy_from_slice(&E::read_rest(rest)[..last.len()]);
        }
    }
}

/// Turns `count` rows of so many `items`, [`row_stride`] apart, into `panel` `[classes, stride, rows]`; missing rows are
/// zero.
#[inline(always)]
pub(super) fn pack<I: Isa>(isa: I, rows_in: &[f32], count: usize, items: usize, panel: &mut [f32]) {
    let (panel, _) = panel.as_chunks_mut::<PANEL>();
    let steps = items.div_ceil(LANES);
    for step in 0..steps {
        let mut rows = [isa.splat(0.0); PANEL];
        for (lanes, row) in rows.iter_mut().take(count).zip(rows_in.chunks_exact(row_stride(items))) {
            let (chunks, rest) = row[..items].as_chunks::<LANES>();
            *lanes = match chunks.get(step) {
                Some(chunk) => isa.load(chunk),
                None => isa.load(&Numbers::read_rest(rest)),
            };
        }
        for (class, lanes) in isa.transpose(rows).into_iter().enumerate() {
            isa.store(lanes, &mut panel[class * stride(steps) + step]);
        }
    }
}

/// The outputs of a meeting with one or two panels.
#[inline(always)]
pub(super) fn tile<I: Isa, M: Terms>(
    isa: I,
    product: &Product<'_>,
    panels: &[f32],
    meeting: Meeting<'_>,
    classes: &mut Classes,
) {
    if thin::tile::<I, M>(isa, product, panels, meeting) {
        return;
    }
    if I::PANELS == 2 && meeting.outputs.1 > PANEL {
        return match meeting.room {
            ..=8 => cell::<I, M, 8, 2>(isa, product, panels, meeting, classes),
            10 => cell::<I, M, 10, 2>(isa, product, panels, meeting, classes),
            _ => cell::<I, M, MAX_TILE, 2>(isa, product, panels, meeting, classes),
        };
    }
    match meeting.room {
        2 => cell::<I, M, 2, 1>(isa, product, panels, meeting, classes),
        4 => cell::<I, M, 4, 1>(isa, product, panels, meeting, classes),
        6 => cell::<I, M, 6, 1>(isa, product, panels, meeting, classes),
        8 => cell::<I, M, 8, 1>(isa, product, panels, meeting, classes),
        10 => cell::<I, M, 10, 1>(isa, product, panels, meeting, classes),
        _ => cell::<I, M, MAX_TILE, 1>(isa, product, panels, meeting, classes),
    }
}

/// The outputs of `P` panels of `T` tokens, or a few fewer.
#[inline(always)]
fn cell<I: Isa, M: Terms, const T: usize, const P: usize>(
    isa: I,
    product: &Product<'_>,
    panels: &[f32],
    Meeting { outputs: (output, count), tokens: (token, tokens), ahead, .. }: Meeting<'_>,
    classes: &mut Classes,
) {
    if T > I::TILE || T < I::TILE / 2 {
        debug_assert!(false, "{tokens} tokens in a tile of {}", I::TILE);
        return; // never asked for: spares the compiler the tiles of other instruction sets
    }
    let (panels, _) = panels.as_chunks::<PANEL>();
    product.ask_for_outputs(isa, token..token + tokens, output..output + count);
    let own = panels.len() / P;
    let steps = (product.input.n / M::NUMBERS).div_ceil(LANES);
    // Where there are fewer, the last one is taken again: half as many kernels do.
    let xs = list!(T, [0.0; 0].as_slice(), |t| M::of(&product.input, token + t.min(tokens - 1)));
    let classes = of_tile::<T, P, LANES>(classes);
    let mut ahead = ahead.in_parts(LANES);
    for (class, sums_out) in classes.iter_mut().enumerate() {
        ahead.ask(isa);
        let of = class * steps..(class + 1) * steps;
        let rows = list!(P, &panels[..0], |p| &panels[p * own + class * stride(steps)..][..steps]);
        let xs = list!(T, [0.0; 0].as_slice(), |t| &xs[t][of.clone()]);
        let mut sums = [[isa.splat(0.0); P]; T];
        for step in 0..steps {
            let rows = list!(P, isa.splat(0.0), |p| isa.load(&rows[p][step]));
            for t in 0..T {
                let x = isa.splat(xs[t][step]);
                for p in 0..P {
                    sums[t][p] = M::mul_add(isa, rows[p], x, sums[t][p]);
                }
            }
        }
        for t in 0..T {
            for p in 0..P {
                isa.store(sums[t][p], &mut sums_out[t][p]);
            }
        }
    }
    for t in 0..tokens.min(T) {
        for p in 0..P {
            let sums = fold::<I, LANES>(isa, |class| &classes[class][t][p]);
            product.finish(isa, token + t, output + p * PANEL, &sums[..PANEL.min(count - p * PANEL)]);
        }
    }
}

/// Room for the sums of `N` classes of `T` tokens and `P` panels; what it holds is left over from others.
#[inline(always)]
pub(super) fn of_tile<const T: usize, const P: usize, const N: usize>(
    classes: &mut Classes,
) -> &mut [[[[f32; PANEL]; P]; T]; N] {
    let tiles = classes.as_chunks_mut::<P>().0.as_chunks_mut::<T>().0.first_chunk_mut::<N>();
    tiles.unwrap_or_else(|| unreachable_room())
}

/// `Classes` has room for the largest tile; said apart, so that the message stays out of the kernels.
#[cold]
#[inline(never)]
fn unreachable_room() -> ! {
    panic!("room for the sums of a tile")
}

/// The sums of all `N` classes for each row: halves are added until one is left.
#[inline(always)]
pub(super) fn fold<'a, I: Isa, const N: usize>(
    isa: I,
    class: impl Fn(usize) -> &'a [f32; PANEL],
) -> [f32; PANEL] {
    let mut sums = list!(N, isa.splat(0.0), |n| isa.load(class(n)));
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
