//! Few tokens, block types: stored rows are dotted in integers with each token's codes, straight from where they lie.
//!
//! A span of eight groups gives eight exact sums, which become f32 side by side, each times its scales; the products of
//! groups `g`, `g + 8`, `g + 16`, ... are added up apart, one class to a lane, and folded at the end. The work for a span fills
//! what a core looks ahead, so that it sees too few of the loads that follow: they are asked for before.

use std::marker::PhantomData;

use super::block::{Block, Scales};
use super::product::Product;
use super::streams::Cells;
use crate::activations::Codes;
use crate::arch::{Isa, LANES, MANY_PLACES, list};
use crate::groups::EIGHT;

/// Rows that are done together.
const FOUR: usize = 4;
const _: () = assert!(MANY_PLACES == FOUR);

/// Rows of blocks of type `B`.
pub(super) struct Rows<B>(PhantomData<B>);

impl<B: Block> Cells for Rows<B> {
    #[inline(always)]
    fn cell<I: Isa, const R: usize, const T: usize>(
        isa: I,
        product: &Product<'_>,
        first: usize,
        at: [usize; R],
        (raw, length): (&[u8], usize),
        token: usize,
    ) {
        let codes = list!(T, product.input.codes(token), |t| product.input.codes(token + t));
        let split = |row: usize| B::split(&raw[row * length..(row + 1) * length]);
        let rows = list!(R, split(at[0]), |r| split(at[r]));
        let whole = rows[0].0.len();
        // Said once, so that the loop need not ask.
        let spans = list!(R, rows[0].0, |r| &rows[r].0[..whole]);
        let ahead = isa.reading().of_blocks(product.input.tokens).ahead;
        if R == MANY_PLACES && T == 1 && B::in_fours::<I>() {
            let sums = four::<I, B>(isa, list!(FOUR, rows[0], |r| rows[r % R]), &codes[0], ahead);
            for (at, sums) in at.into_iter().zip(&sums) {
                product.finish(isa, token, first + at, &[isa.fold_eight(isa.load_eight(sums))]);
            }
            return;
        }
        let mut sums = [[isa.splat_eight(0.0); T]; R];
        for span in 0..whole {
            for r in 0..R {
                isa.prefetch_ahead(&spans[r][span], ahead);
                add::<I, B, T>(isa, &spans[r][span], &codes, span, &mut sums[r]);
            }
        }
        for r in 0..R {
            if !rows[r].1.is_empty() {
                add::<I, B, T>(isa, &B::fill(rows[r].1), &codes, whole, &mut sums[r]);
            }
            for t in 0..T {
                product.finish(isa, token + t, first + at[r], &[isa.fold_eight(sums[r][t])]);
            }
        }
    }
}

/// The sums of all classes of four rows with one token.
#[inline(always)]
fn four<I: Isa, B: Block>(
    isa: I,
    rows: [(&[B::Span], &[u8]); FOUR],
    codes: &Codes<'_>,
    ahead: usize,
) -> [[f32; EIGHT]; FOUR] {
    let whole = rows[0].0.len();
    let spans = list!(FOUR, rows[0].0, |r| &rows[r].0[..whole]);
    let mut sums = [isa.splat(0.0); 2];
    for span in 0..whole {
        let spans = list!(FOUR, &spans[0][span], |r| &spans[r][span]);
        for r in 0..FOUR {
            isa.prefetch_ahead(spans[r], ahead);
        }
        sums = B::add_four(isa, spans, codes, span, sums);
    }
    if !rows[0].1.is_empty() {
        let rest = list!(FOUR, B::fill(rows[0].1), |r| B::fill(rows[r].1));
        sums = B::add_four(isa, [&rest[0], &rest[1], &rest[2], &rest[3]], codes, whole, sums);
    }
    let mut numbers = [[0.0; LANES]; 2];
    isa.store(sums[0], &mut numbers[0]);
    isa.store(sums[1], &mut numbers[1]);
    list!(FOUR, [0.0; EIGHT], |r| list!(EIGHT, 0.0, |g| numbers[g / 4][4 * (g % 4) + r]))
}

/// Adds the products of span number `at` to `sums`.
#[inline(always)]
fn add<I: Isa, B: Block, const T: usize>(
    isa: I,
    span: &B::Span,
    codes: &[Codes<'_>; T],
    at: usize,
    sums: &mut [I::Eight; T],
) {
    let Scales { scales, shifts } = B::scales(isa, span);
    for (codes, sum) in codes.iter().zip(sums) {
        let x = &codes.codes.as_chunks::<EIGHT>().0[at];
        let totals = B::totals(isa, span, x);
        let own = isa.load_eight(&codes.scales.as_chunks().0[at]);
        let totals = if B::OFFSET == 0 {
            totals
        } else {
            let sums = &codes.sums.as_chunks::<EIGHT>().0[at];
            let counted = list!(EIGHT, 0, |group| B::OFFSET * sums[group]);
            isa.ints_sub(totals, isa.load_ints(&counted))
        };
        *sum = isa.eight_mul_add(isa.eight_mul(isa.ints_to_eight(totals), scales), own, *sum);
        if B::SHIFTED {
            *sum = isa.eight_mul_add(shifts, isa.load_eight(&codes.shifts.as_chunks().0[at]), *sum);
        }
    }
}
