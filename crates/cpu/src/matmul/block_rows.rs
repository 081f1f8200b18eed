//! Few tokens, block types: stored rows are dotted in integers with each token's codes, straight from where they lie.
//!
//! A span of eight groups gives eight exact sums, which become f32 side by side, each times its scales; the products of
//! groups `g`, `g + 8`, `g + 16`, ... are added up apart, one class to a lane, and folded at the end. The work for a span fills
//! what a core looks ahead, so that it sees too few of the loads that follow: they are asked for before.

use std::ops::Range;

use super::block::{Block, Scales};
use super::product::Product;
use super::streams::in_streams;
use crate::activations::{Codes, EIGHT};
use crate::arch::{Isa, list};

/// The outputs `rows` of `product` for its few tokens. `raw` holds those rows.
#[inline(always)]
pub(super) fn few<I: Isa, B: Block>(isa: I, product: &Product<'_>, rows: Range<usize>, raw: &[u8]) {
    let length = product.matrix.tensor.stored_row_bytes();
    for at in in_streams(rows.len(), isa.reading().places) {
        let (output, row) = (rows.start + at, &raw[at * length..(at + 1) * length]);
        match product.input.tokens {
            1 => cell::<I, B, 1>(isa, product, output, row, 0),
            tokens => {
                let mut token = 0;
                while token < tokens {
                    match tokens - token {
                        1 => cell::<I, B, 1>(isa, product, output, row, token),
                        2 => cell::<I, B, 2>(isa, product, output, row, token),
                        _ => cell::<I, B, 3>(isa, product, output, row, token),
                    }
                    token += (tokens - token).min(3);
                }
            }
        }
    }
}

/// One output of `T` tokens.
#[inline(always)]
fn cell<I: Isa, B: Block, const T: usize>(
    isa: I,
    product: &Product<'_>,
    output: usize,
    row: &[u8],
    token: usize,
) {
    let codes = list!(T, product.input.codes(token), |t| product.input.codes(token + t));
    let (spans, rest) = B::split(row);
    let ahead = isa.reading().ahead;
    let mut sums = [isa.splat_eight(0.0); T];
    for (at, span) in spans.iter().enumerate() {
        isa.prefetch_ahead(span, ahead);
        add::<I, B, T>(isa, span, &codes, at, &mut sums);
    }
    if !rest.is_empty() {
        add::<I, B, T>(isa, &B::fill(rest), &codes, spans.len(), &mut sums);
    }
    for (t, sum) in sums.into_iter().enumerate() {
        product.finish(isa, token + t, output, &[isa.fold_eight(sum)]);
    }
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
        let totals = B::totals(isa, span, x, &codes.halves.as_chunks().0[at]);
        let own = isa.load_eight(&codes.scales.as_chunks().0[at]);
        let totals = if B::OFFSET == 0 {
            totals
        } else {
            let sums = &codes.sums.as_chunks::<EIGHT>().0[at];
            let counted = list!(EIGHT, 0, |group| B::OFFSET * sums[group]);
            isa.ints_sub(totals, isa.load_ints(&counted))
        };
        *sum = isa.eight_mul_add(isa.ints_to_eight(totals), isa.eight_mul(scales, own), *sum);
        if B::SHIFTED {
            *sum = isa.eight_mul_add(shifts, isa.load_eight(&codes.shifts.as_chunks().0[at]), *sum);
        }
    }
}
