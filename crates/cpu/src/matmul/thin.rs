//! Many tokens, plain numbers, and rows so short that each class has a few steps: `rank` inputs of a low-rank net.
//!
//! As `panels` walks them, what a class gives would be put aside before much is added up. Here four classes that the fold adds
//! up first are walked together, and a quarter of the sums is put aside. The order of every sum stays.

use super::element::Terms;
use super::panels::{of_tile, stride};
use super::product::{Classes, Product};
use super::walk::Meeting;
use crate::arch::{Isa, LANES, PANEL, list};

/// Classes that are walked together.
const TOGETHER: usize = 4;
const QUARTERS: usize = LANES / TOGETHER;

/// Tokens that share a pass over two panels: with the classes, 24 sums in registers.
const TOKENS: usize = 3;

/// The outputs of a meeting with one or two panels, where rows are short enough and the machine has registers for it;
/// returns whether that was so.
#[inline(always)]
pub(super) fn tile<I: Isa, M: Terms>(
    isa: I,
    product: &Product<'_>,
    panels: &[f32],
    meeting: Meeting<'_>,
    classes: &mut Classes,
) -> bool {
    let items = product.input.n / M::NUMBERS;
    if I::PANELS != 2 || !items.is_multiple_of(LANES) {
        return false;
    }
    match items / LANES {
        1 => tile_of::<I, M, 1, { stride(1) }>(isa, product, panels, meeting, classes),
        2 => tile_of::<I, M, 2, { stride(2) }>(isa, product, panels, meeting, classes),
        3 => tile_of::<I, M, 3, { stride(3) }>(isa, product, panels, meeting, classes),
        4 => tile_of::<I, M, 4, { stride(4) }>(isa, product, panels, meeting, classes),
        6 => tile_of::<I, M, 6, { stride(6) }>(isa, product, panels, meeting, classes),
        8 => tile_of::<I, M, 8, { stride(8) }>(isa, product, panels, meeting, classes),
        _ => return false,
    }
    true
}

/// The same for classes of so many steps, which lie `STRIDE` apart.
#[inline(always)]
fn tile_of<I: Isa, M: Terms, const STEPS: usize, const STRIDE: usize>(
    isa: I,
    product: &Product<'_>,
    panels: &[f32],
    meeting: Meeting<'_>,
    classes: &mut Classes,
) {
    isa.prefetch_far(meeting.ahead);
    let (token, tokens) = meeting.tokens;
    for first in (0..tokens).step_by(TOKENS) {
        let part = Meeting { tokens: (token + first, TOKENS.min(tokens - first)), ..meeting };
        if meeting.outputs.1 > PANEL {
            cell::<I, M, 2, STEPS, STRIDE>(isa, product, panels, part, classes);
        } else {
            cell::<I, M, 1, STEPS, STRIDE>(isa, product, panels, part, classes);
        }
    }
}

/// The outputs of `P` panels of up to [`TOKENS`].
#[inline(always)]
fn cell<I: Isa, M: Terms, const P: usize, const STEPS: usize, const STRIDE: usize>(
    isa: I,
    product: &Product<'_>,
    panels: &[f32],
    Meeting { outputs: (output, count), tokens: (token, tokens), .. }: Meeting<'_>,
    classes: &mut Classes,
) {
    // Where there are fewer tokens, the last one is taken again.
    let [Some(a), Some(b), Some(c)] = [0, 1, 2].map(|t: usize| {
        let classes = M::of(&product.input, token + t.min(tokens - 1)).as_chunks::<STEPS>().0;
        classes.first_chunk::<LANES>()
    }) else {
        return; // never: `tile` has seen that classes have so many steps
    };
    let xs = [a, b, c];
    let panels = panels.as_chunks::<PANEL>().0.as_chunks::<STRIDE>().0.as_chunks::<LANES>().0;
    let quarters = of_tile::<TOKENS, P, QUARTERS>(classes);
    for (quarter, out) in quarters.iter_mut().enumerate() {
        let mut sums = [[[isa.splat(0.0); P]; TOKENS]; TOGETHER];
        for of in 0..TOGETHER {
            let class = quarter + of * QUARTERS;
            for step in 0..STEPS {
                let rows = list!(P, isa.splat(0.0), |p| isa.load(&panels[p][class][step]));
                for t in 0..TOKENS {
                    let x = isa.splat(xs[t][class][step]);
                    for p in 0..P {
                        sums[of][t][p] = M::mul_add(isa, rows[p], x, sums[of][t][p]);
                    }
                }
            }
        }
        for t in 0..TOKENS {
            for p in 0..P {
                let (even, odd) = (
                    isa.lanes_add(sums[0][t][p], sums[2][t][p]),
                    isa.lanes_add(sums[1][t][p], sums[3][t][p]),
                );
                isa.store(isa.lanes_add(even, odd), &mut out[t][p]);
            }
        }
    }
    for t in 0..tokens.min(TOKENS) {
        for p in 0..P {
            let of = list!(QUARTERS, isa.splat(0.0), |quarter| isa.load(&quarters[quarter][t][p]));
            let sum = isa.lanes_add(isa.lanes_add(of[0], of[2]), isa.lanes_add(of[1], of[3]));
            let mut sums = [0.0; PANEL];
            isa.store(sum, &mut sums);
            product.finish(isa, token + t, output + p * PANEL, &sums[..PANEL.min(count - p * PANEL)]);
        }
    }
}
