//! The two ends of a pass: tokens to the first residual, the last residual to hidden states and logits.

use wkv7_core::Batch;

use crate::arch::Isa;
use crate::matmul::{Meanwhile, Product, Then, multiply};
use crate::norm::norm;
use crate::pass::{Own, Pass, Piece};
use crate::scratch::SharedVectors;
use crate::team::{Member, Shared};
use crate::weights::Loaded;

/// Fills the residual with the normalised embedding of every token.
pub(crate) fn embed<I: Isa>(
    pass: &Pass<'_, I>,
    member: &Member<'_>,
    own: &mut Own,
    weights: &Loaded,
    batch: &Batch<'_>,
) {
    let channels = pass.config.channels;
    own.room.grow(channels);
    let row = &mut own.room[..channels];
    // Shared out even for a single token: the residual is everyone's.
    member.each(pass.tokens(), |token| {
        let piece = &pass.pieces[pass.piece_of[token]];
        let at = piece.tokens.start + token - piece.places.start;
        weights.emb.read_row(batch.steps()[piece.step].tokens[at] as usize, row);
        // SAFETY: each task takes its own token.
        let x = unsafe { pass.buffers.x.part(pass.row(token)) };
        let ln = &weights.ln0;
        pass.isa.run(
            #[inline(always)]
            || norm(pass.isa, row, &ln.weight, &ln.bias, ln.eps, x),
        );
    });
}

/// The hidden states of the tokens that are to return theirs, `[hidden, channels]`.
pub(crate) fn give_hidden<I: Isa>(
    pass: &Pass<'_, I>,
    member: &Member<'_>,
    weights: &Loaded,
    hidden: Shared<'_>,
) {
    if hidden.len() == 0 {
        return;
    }
    let channels = pass.config.channels;
    let of_piece = |piece: &Piece| piece.places.end - piece.hidden..piece.places.end;
    let count = pass.pieces.iter().map(|piece| piece.hidden).sum();
    member.each(count, |number| {
        let Some(token) = pass.pieces.iter().flat_map(of_piece).nth(number) else { return };
        // SAFETY: nobody writes the residual in this phase, and each task takes its own row.
        let x = unsafe { pass.buffers.x.view(pass.row(token)) };
        // SAFETY: as above.
        let row = unsafe { hidden.part(number * channels..(number + 1) * channels) };
        let ln = &weights.ln_out;
        pass.isa.run(
            #[inline(always)]
            || norm(pass.isa, x, &ln.weight, &ln.bias, ln.eps, row),
        );
    });
}

/// The logits of the tokens that are wanted, `[wanted, vocab]`.
pub(crate) fn head<I: Isa>(
    pass: &Pass<'_, I>,
    member: &Member<'_>,
    own: &mut Own,
    vectors: SharedVectors<'_>,
    weights: &Loaded,
    logits: Shared<'_>,
) {
    let (isa, channels) = (pass.isa, pass.config.channels);
    if logits.len() == 0 {
        return;
    }
    own.room.grow(channels);
    let row = &mut own.room[..channels];
    let mut put = |wanted: usize, token: usize| {
        // SAFETY: nobody writes the residual in this phase.
        let x = unsafe { pass.buffers.x.view(pass.row(token)) };
        let ln = &weights.ln_out;
        isa.run(
            #[inline(always)]
            || {
                norm(isa, x, &ln.weight, &ln.bias, ln.eps, row);
                // SAFETY: the vectors of a group of tokens are put by one task.
                unsafe { vectors.wanted.put(isa, wanted, row) };
            },
        );
    };
    if pass.is_single() {
        put(0, 0);
    } else {
        let tokens = pass.pieces.iter().flat_map(|piece| piece.places.end - piece.wanted..piece.places.end);
        let count: usize = pass.pieces.iter().map(|piece| piece.wanted).sum();
        let mut tokens = tokens.enumerate();
        let mut passed = 0;
        member.each_group(count, vectors.wanted.group(), |wanted| {
            // Tasks come in rising order.
            if let Some((_, token)) = tokens.nth(wanted - passed) {
                passed = wanted + 1;
                put(wanted, token);
            }
        });
    }
    // SAFETY: the vectors are in, and the members have met since, or made them for themselves.
    let wanted = unsafe { vectors.wanted.input() };
    let product = Product::new(&weights.head, wanted, logits, Then::Store);
    multiply(isa, member, &mut own.desk, &[product], Meanwhile::default());
}
