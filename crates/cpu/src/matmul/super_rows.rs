//! Few tokens, K types: stored rows are dotted in integers with each token's codes, straight from where they lie, and a block
//! gives one exact sum, and one more of its minima, that become f32.

use std::marker::PhantomData;

use super::product::Product;
use super::streams::Cells;
use super::super_block::SuperBlock;
use crate::arch::{HEADERS, Isa, list};
use crate::span_codes::CodedSpan;

/// Rows of blocks of type `B`.
pub(super) struct Rows<B>(PhantomData<B>);

impl<B: SuperBlock> Cells for Rows<B> {
    #[inline(always)]
    fn cell<I: Isa, const R: usize, const T: usize>(
        isa: I,
        product: &Product<'_>,
        first: usize,
        at: [usize; R],
        (raw, length): (&[u8], usize),
        token: usize,
    ) {
        let split = |row: usize| B::split(&raw[row * length..(row + 1) * length]);
        let rows = list!(R, split(at[0]), |r| split(at[r]));
        let whole = rows[0].len();
        // Said once, so that the loop need not ask.
        let rows = list!(R, rows[0], |r| &rows[r][..whole]);
        let xs = list!(T, product.input.spans(token), |t| &product.input.spans(token + t)[..whole]);
        let ahead = isa.reading().of_blocks(product.input.tokens).ahead;
        if R == HEADERS && T == 1 && B::header(&B::EMPTY).is_some() {
            let mut sums = [0.0; HEADERS];
            for span in 0..whole {
                for r in 0..HEADERS {
                    isa.prefetch_ahead(&rows[r % R][span], ahead);
                }
                let blocks = list!(HEADERS, &rows[0][span], |r| &rows[r % R][span]);
                add_four::<I, B>(isa, blocks, &xs[0][span], &mut sums);
            }
            for (at, sum) in at.into_iter().zip(sums) {
                product.finish(isa, token, first + at, &[sum]);
            }
            return;
        }
        let mut sums = [[0.0; T]; R];
        for span in 0..whole {
            for r in 0..R {
                isa.prefetch_ahead(&rows[r][span], ahead);
                for t in 0..T {
                    sums[r][t] = add::<I, B>(isa, &rows[r][span], &xs[t][span], sums[r][t]);
                }
            }
        }
        for r in 0..R {
            for t in 0..T {
                product.finish(isa, token + t, first + at[r], &[sums[r][t]]);
            }
        }
    }
}

/// Adds the products of four blocks to `sums`, as [`add`] does one by one.
#[inline(always)]
fn add_four<I: Isa, B: SuperBlock>(
    isa: I,
    spans: [&B::Span; HEADERS],
    x: &CodedSpan,
    sums: &mut [f32; HEADERS],
) {
    let headers = isa.headers(list!(HEADERS, &[0; 16], |r| B::header(spans[r]).unwrap_or(&[0; 16])));
    // Spelled out: the compiler keeps a list that a loop fills in memory, and a closure out of line.
    let totals = [
        B::total(isa, spans[0], isa.scales_of_header(&headers, 0), x),
        B::total(isa, spans[1], isa.scales_of_header(&headers, 1), x),
        B::total(isa, spans[2], isa.scales_of_header(&headers, 2), x),
        B::total(isa, spans[3], isa.scales_of_header(&headers, 3), x),
    ];
    isa.add_under_headers(&headers, totals, &x.facts.sums, x.facts.scale, sums);
}

/// `sum` and the product of a block.
#[inline(always)]
fn add<I: Isa, B: SuperBlock>(isa: I, span: &B::Span, x: &CodedSpan, sum: f32) -> f32 {
    let [scale, shift] = B::factors(isa, span);
    let total = B::total(isa, span, B::scales(isa, span), x);
    let [whole, minima] = isa.sum_and_dot(total, B::wholes(span)[1], &x.facts.sums);
    let mut found = scale * whole;
    if B::SHIFTED {
        found = isa.mul_add(shift, minima, found);
    }
    isa.mul_add(x.facts.scale, found, sum)
}
