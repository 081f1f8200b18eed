//! Token shift: each token's blend with the one before it in its sequence.

use crate::arch::Isa;
use crate::norm::TOKENS;
use crate::pass::Pass;
use crate::threads::Shared;

/// `out = h + (previous - h) * mix` for each of `N` uses: x = 1 looks only at the previous token.
///
/// `h` and `outs` are `[tokens, channels]`, `mixes` `[channels]`; `before(step)` is the token before the
/// step's first, out of the sequence's state.
pub(crate) fn token_shift<'a, I: Isa, const N: usize>(
    pass: &Pass<'_, I>,
    h: &[f32],
    before: impl Fn(usize) -> &'a [f32] + Sync,
    mixes: [&[f32]; N],
    outs: [&mut [f32]; N],
) {
    let channels = pass.config.channels;
    let tokens = pass.tokens();
    let outs = outs.map(Shared::new);
    let row = |token: usize| token * channels..(token + 1) * channels;
    pass.pool.each(tokens.div_ceil(TOKENS), |task, _| {
        for token in task * TOKENS..((task + 1) * TOKENS).min(tokens) {
            let step = pass.step_of[token];
            let first = pass.steps[step].start == token;
            let previous = if first { before(step) } else { &h[row(token - 1)] };
            let h = &h[row(token)];
            for (mix, out) in mixes.iter().zip(&outs) {
                // SAFETY: each task takes its own tokens.
                let out = unsafe { out.part(row(token)) };
                pass.isa.run(
                    #[inline(always)]
                    || {
                        for (((out, h), previous), mix) in out.iter_mut().zip(h).zip(previous).zip(*mix) {
                            *out = pass.isa.mul_add(previous - h, *mix, *h);
                        }
                    },
                );
            }
        }
    });
}
