//! Channel mix: token shift, key, squared relu, value.

use crate::activations::MANY;
use crate::arch::Isa;
use crate::matmul::{Meanwhile, Next, Product, Then, multiply};
use crate::pass::{Own, Pass};
use crate::scratch::SharedVectors;
use crate::team::Member;
use crate::weights::Layer;

/// All tokens through the channel mix of layer number `at`; the result is added to the residual. `next` is what is read first
/// thereafter.
pub(crate) fn channel_mix<I: Isa>(
    pass: &Pass<'_, I>,
    member: &Member<'_>,
    own: &mut Own,
    vectors: SharedVectors<'_>,
    layer: &Layer,
    next: Next<'_>,
    at: usize,
) {
    let (isa, weights, ffn) = (pass.isa, &layer.channel_mix, pass.config.ffn);
    let mixed = vectors.mixed[2];
    pass.shift(member, own, &layer.ln2, (at, |memory| memory.ffn_shift), [&weights.shift], |token, _, x| {
        isa.run(
            #[inline(always)]
            // SAFETY: the vectors of a group of tokens are put by one task.
            || unsafe { mixed.put(isa, token, x) },
        );
    });
    // SAFETY: the vectors are in, and the members have met since, or made them for themselves.
    let mixed = unsafe { mixed.input() };
    let key = Product::new(&weights.key, mixed, pass.buffers.hidden, Then::SquaredRelu).apart();
    let meanwhile = Meanwhile { next: pass.next(&weights.value, member), ..Meanwhile::default() };
    multiply(isa, member, &mut own.desk, &[key], meanwhile);

    pass.each_token(member, |token| {
        let piece = &pass.pieces[pass.piece_of[token]];
        if token + 1 == piece.places.end && (!pass.is_single() || member.number() == 0) {
            pass.remember(&own.h, piece, at, |memory| memory.ffn_shift);
        }
        // SAFETY: the product has written it, and the members have met since.
        let hidden = unsafe { pass.buffers.hidden.view(pass.hidden_row(token)) };
        isa.run(
            #[inline(always)]
            // SAFETY: the vectors of a group of tokens are put by one task.
            || unsafe { vectors.hidden.put(isa, token, hidden) },
        );
    });
    // SAFETY: as above.
    let input = unsafe { vectors.hidden.input() };
    let mut value = Product::new(&weights.value, input, pass.buffers.x, Then::Add).apart();
    let Own { desk, active, asked, units_seen, .. } = own;
    // Active units are listed where the matrix is stored by unit; of a single token always, for zeros are counted.
    if pass.is_single() || pass.tokens() < MANY && weights.value.units.is_some() {
        // Every member finds them for itself, which costs less than meeting.
        active.resize(weights.value.kind.order::<I>(), ffn, pass.tokens());
        for token in 0..pass.tokens() {
            // SAFETY: the product has written it, and the members have met since.
            let hidden = unsafe { pass.buffers.hidden.view(pass.hidden_row(token)) };
            let found = active.find(token, hidden);
            if pass.is_single() {
                *units_seen = (units_seen.0 + ffn as u64, units_seen.1 + (ffn - found) as u64);
            }
        }
        value = value.with_active(active);
    }
    let coming = &mut pass.coming(member, asked, at + 1);
    multiply(isa, member, desk, &[value], Meanwhile { next, coming: Some(coming) });
}
