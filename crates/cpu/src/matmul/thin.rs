//! Many tokens, plain numbers, and rows so short that each class has a few steps: `rank` inputs of a low-rank net.
//!
//! As `panels` walks them, what a class gives would be put aside before much is added up. Here four classes that the fold adds
//! up first are walked together, and all that is added up stays in registers. The order of every sum stays.

use super::element::Terms;
use super::panels::stride;
use super::product::Product;
use super::walk::Meeting;
use crate::arch::{Isa, LANES, PANEL, list};

/// Classes that are walked together.
const TOGETHER: usize = 4;
const QUARTERS: usize = LANES / TOGETHER;

/// Tokens that share a pass over two panels: with the classes, 16 sums in registers, and up to eight of quarters before.
const TOKENS: usize = 2;

/// The outputs of a meeting with one or two panels, where rows are short enough and the machine has registers for it;
/// returns whether that was so.
#[inline(always)]
pub(super) fn tile<I: Isa, M: Terms>(
    isa: I,
    product: &Product<'_>,
    panels: &[f32],
    meeting: Meeting<'_>,
) -> bool {
    let items = product.input.n / M::NUMBERS;
    if I::PANELS != 2 || !items.is_multiple_of(LANES) {
        return false;
    }
    match items / LANES {
        1 => tile_of::<I, M, 1, { stride(1) }>(isa, product, panels, meeting),
        2 => tile_of::<I, M, 2, { stride(2) }>(isa, product, panels, meeting),
        3 => tile_of::<I, M, 3, { stride(3) }>(isa, product, panels, meeting),
        4 => tile_of::<I, M, 4, { stride(4) }>(isa, product, panels, meeting),
        6 => tile_of::<I, M, 6, { stride(6) }>(isa, product, panels, meeting),
        8 => tile_of::<I, M, 8, { stride(8) }>(isa, product, panels, meeting),
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
) {
    let (token, tokens) = meeting.tokens;
    let mut ahead = meeting.ahead.in_parts(tokens.div_ceil(TOKENS));
    for first in (0..tokens).step_by(TOKENS) {
        ahead.ask(isa);
        let part = Meeting { tokens: (token + first, TOKENS.min(tokens - first)), ..meeting };
        if meeting.outputs.1 > PANEL {
            cell::<I, M, 2, STEPS, STRIDE>(isa, product, panels, part);
        } else {
            cell::<I, M, 1, STEPS, STRIDE>(isa, product, panels, part);
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
) {
    // Where there are fewer tokens, the last one is taken again.
    let [Some(a), Some(b)] = [0, 1].map(|t: usize| {
        let classes = M::of(&product.input, token + t.min(tokens - 1)).as_chunks::<STEPS>().0;
        classes.first_chunk::<LANES>()
    }) else {
        return; // never: `tile` has seen that classes have so many steps
    };
    let panels = panels.as_chunks::<PANEL>().0.as_chunks::<STRIDE>().0.as_chunks::<LANES>().0;
    product.ask_for_outputs(isa, token..token + tokens, output..output + count);
    let xs = [a, b];
    let even = half::<I, M, P, STEPS, STRIDE>(isa, panels, xs, 0);
    let all = add::<I, P>(isa, even, half::<I, M, P, STEPS, STRIDE>(isa, panels, xs, 1));
    for t in 0..tokens.min(TOKENS) {
        for p in 0..P {
            let mut sums = [0.0; PANEL];
            isa.store(all[t][p], &mut sums);
            product.finish(isa, token + t, output + p * PANEL, &sums[..PANEL.min(count - p * PANEL)]);
        }
    }
}

/// The sums of half of the classes, every second from class `first` on. Spelled out and no loop, so that they stay in registers.
#[inline(always)]
fn half<I: Isa, M: Terms, const P: usize, const STEPS: usize, const STRIDE: usize>(
    isa: I,
    panels: &[[[[f32; PANEL]; STRIDE]; LANES]],
    xs: [&[[f32; STEPS]; LANES]; TOKENS],
    first: usize,
) -> [[I::Lanes; P]; TOKENS] {
    let one = quarter::<I, M, P, STEPS, STRIDE>(isa, panels, xs, first);
    add::<I, P>(isa, one, quarter::<I, M, P, STEPS, STRIDE>(isa, panels, xs, first + 2))
}

/// The sums of a quarter of the classes, every fourth, from class `first` on.
#[inline(always)]
fn quarter<I: Isa, M: Terms, const P: usize, const STEPS: usize, const STRIDE: usize>(
    isa: I,
    panels: &[[[[f32; PANEL]; STRIDE]; LANES]],
    xs: [&[[f32; STEPS]; LANES]; TOKENS],
    first: usize,
) -> [[I::Lanes; P]; TOKENS] {
    let mut sums = [[[isa.splat(0.0); P]; TOKENS]; TOGETHER];
    for of in 0..TOGETHER {
        let class = first + of * QUARTERS;
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
    add::<I, P>(isa, add::<I, P>(isa, sums[0], sums[2]), add::<I, P>(isa, sums[1], sums[3]))
}

#[inline(always)]
fn add<I: Isa, const P: usize>(
    isa: I,
    mut a: [[I::Lanes; P]; TOKENS],
    b: [[I::Lanes; P]; TOKENS],
) -> [[I::Lanes; P]; TOKENS] {
    for t in 0..TOKENS {
        for p in 0..P {
            a[t][p] = isa.lanes_add(a[t][p], b[t][p]);
        }
    }
    a
}
