//! Many tokens, block types, on machines whose registers hold sixteen tokens and that multiply unsigned codes with signed ones:
//! sixteen rows at a time are laid out, and meet sixteen or thirty-two tokens, one token to a lane.
//!
//! Rows stay rows: nothing is turned into columns, and a quad of tokens that is loaded serves eight rows, one of a row two
//! vectors of tokens. The sums of a group are exact, and what becomes of them is what `block_panels` does.
//!
//! On a Xeon without AMX, one thread, 1024 by 1024 in Q8_0 out of the second-level cache: 184 us for 32 tokens and 2.42 ms for
//! 512, where panels took 211 us and 2.76 ms.

use super::block::Block;
use super::block_panels::{GroupPanel, Keep};
use super::panels::{fold, of_tile};
use super::product::{Classes, Product};
use super::walk::Meeting;
use crate::arch::{BIAS, GROUP, Isa, LANES, LESS, PANEL, list};
use crate::groups::EIGHT;
use crate::lane_codes::FROM;

/// A group of sixteen rows.
#[derive(Clone)]
pub(crate) struct RowCodes {
    /// Those of 8 bits are counted from -128 up.
    codes: [[u8; GROUP]; PANEL],
    /// Scales times [`LESS`], for [`Isa::scale_biased`].
    lesses: [f32; PANEL],
}

pub(crate) const EMPTY_ROW_CODES: GroupPanel<RowCodes> = GroupPanel {
    codes: RowCodes { codes: [[0; GROUP]; PANEL], lesses: [0.0; PANEL] },
    scales: [0.0; PANEL],
    shifts: [0.0; PANEL],
};

/// Rows that share a pass over the tokens.
const TOGETHER: usize = 8;

impl<B: Block> Keep<B> for RowCodes {
    #[inline(always)]
    fn put<I: Isa>(isa: I, spans: &[&B::Span; PANEL], group: usize, out: &mut Self) {
        for row in 0..PANEL {
            let codes = B::codes(isa, spans[row], group);
            let codes = if B::BITS == 8 { isa.unsigned(codes) } else { codes };
            isa.store_bytes(codes, &mut out.codes[row]);
        }
    }

    #[inline(always)]
    fn put_scales<I: Isa>(isa: I, scales: I::Eight, half: usize, out: &mut Self) {
        let lesses = isa.eight_mul(scales, isa.splat_eight(LESS));
        isa.store_eight(lesses, &mut out.lesses.as_chunks_mut().0[half]);
    }
}

/// Which of [`FROM`] the codes of `B` are counted from; none where they are not.
const fn start_of<B: Block>() -> Option<usize> {
    match (B::BITS, B::OFFSET) {
        (8, _) => Some(2),
        (_, 16) => Some(1),
        (_, 8) => Some(0),
        (_, 0) => None,
        _ => panic!("an offset that sums cannot begin with"), // at compile time
    }
}
const _: () = assert!(FROM[0] == 8 && FROM[1] == 16 && FROM[2] == 128);

/// The outputs of a meeting.
#[inline(always)]
pub(super) fn tile<I: Isa, B: Block>(
    isa: I,
    product: &Product<'_>,
    panel: &[GroupPanel<RowCodes>],
    meeting: Meeting<'_>,
    classes: &mut Classes,
) {
    if meeting.tokens.1 > LANES {
        cell::<I, B, 2>(isa, product, panel, meeting, classes);
    } else {
        cell::<I, B, 1>(isa, product, panel, meeting, classes);
    }
}

/// The outputs of sixteen rows and up to `V` times sixteen tokens.
#[inline(always)]
fn cell<I: Isa, B: Block, const V: usize>(
    isa: I,
    product: &Product<'_>,
    panel: &[GroupPanel<RowCodes>],
    Meeting { outputs: (output, count), tokens: (token, tokens), ahead, .. }: Meeting<'_>,
    classes: &mut Classes,
) {
    if !I::LANED {
        debug_assert!(false, "tokens in lanes");
        return; // never asked for: spares the compiler this kernel
    }
    let groups = panel.len();
    let x = list!(V, product.input.lanes(token), |v| product.input.lanes(token + v * LANES));
    let steps = groups / EIGHT;
    let classes = of_tile::<PANEL, V, EIGHT>(classes);
    let mut ahead = ahead.in_parts(groups);
    for (class, sums_out) in classes.iter_mut().enumerate() {
        let of = class * steps..(class + 1) * steps;
        let panel = &panel[of.clone()];
        let x = list!(V, &x[0][..0], |v| &x[v][of.clone()]);
        for half in 0..PANEL / TOGETHER {
            // A few at a time: a core has room for some sixteen lines that are under way.
            let asked = (class * (PANEL / TOGETHER) + half) * V;
            let tokens = token + asked.min(tokens)..token + (asked + V).min(tokens);
            product.ask_for_outputs(isa, tokens, output..output + count);
            let mut sums = [[isa.splat(0.0); V]; TOGETHER];
            for at in 0..steps {
                if half == 0 {
                    ahead.ask(isa);
                }
                let rows = &panel[at];
                let x = list!(V, &x[0][at], |v| &x[v][at]);
                let from = list!(V, isa.splat_sums(BIAS), |v| match const { start_of::<B>() } {
                    Some(start) => isa.load_sums(&x[v].facts.starts[start]),
                    None => isa.splat_sums(BIAS),
                });
                let codes = of_half(&rows.codes.codes, half);
                let (scales, lesses) = (of_half(&rows.scales, half), of_half(&rows.codes.lesses, half));
                let shifts = of_half(&rows.shifts, half);
                let codes = list!(TOGETHER, &codes[0], |row| &codes[row]);
                let found = isa.lanes_of_quads(list!(V, &x[0].codes, |v| &x[v].codes), codes, from);
                for row in 0..TOGETHER {
                    let scale = isa.splat(scales[row]);
                    let less = isa.splat(lesses[row]);
                    for v in 0..V {
                        let facts = &x[v].facts;
                        let own = isa.scale_biased(found[row][v], scale, less);
                        sums[row][v] = isa.lanes_mul_add(own, isa.load(&facts.scales), sums[row][v]);
                        if B::SHIFTED {
                            let shift = isa.splat(shifts[row]);
                            sums[row][v] = isa.lanes_mul_add(shift, isa.load(&facts.shifts), sums[row][v]);
                        }
                    }
                }
            }
            for row in 0..TOGETHER {
                for v in 0..V {
                    isa.store(sums[row][v], &mut sums_out[half * TOGETHER + row][v]);
                }
            }
        }
    }
    for v in 0..V {
        let rows = list!(PANEL, isa.splat(0.0), |row| {
            isa.load(&fold::<I, EIGHT>(
                isa,
                #[inline(always)]
                |class| &classes[class][row][v],
            ))
        });
        let of_tokens = isa.transpose(rows);
        for t in 0..LANES.min(tokens.saturating_sub(v * LANES)) {
            let mut sums = [0.0; PANEL];
            isa.store(of_tokens[t], &mut sums);
            product.finish(isa, token + v * LANES + t, output, &sums[..count]);
        }
    }
}

/// What the rows have that share a pass.
#[inline(always)]
fn of_half<T>(rows: &[T; PANEL], half: usize) -> &[T; TOGETHER] {
    &rows.as_chunks().0[half]
}
