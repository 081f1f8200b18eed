//! The two ends of a forward: tokens to the first residual, the last residual to logits.

use wkv7_core::{Batch, Want};

use crate::arch::Isa;
use crate::matmul::{Product, Then, multiply};
use crate::norm::{TOKENS, layer_norms};
use crate::pass::Pass;
use crate::scratch::Scratch;
use crate::threads::Shared;
use crate::weights::Loaded;

/// Fills the residual with the normalised embedding of every token of `batch`.
pub(crate) fn embed<I: Isa>(pass: &Pass<'_, I>, weights: &Loaded, batch: &Batch<'_>, scratch: &mut Scratch) {
    let channels = pass.config.channels;
    let Scratch { x, h, .. } = scratch;
    let rows = Shared::new(h);
    let steps: Vec<&[u32]> =
        batch.steps().iter().map(|step| step.tokens).filter(|tokens| !tokens.is_empty()).collect();
    pass.pool.each(pass.tokens().div_ceil(TOKENS), |task, _| {
        for token in task * TOKENS..((task + 1) * TOKENS).min(pass.tokens()) {
            let step = pass.step_of[token];
            let id = steps[step][token - pass.steps[step].start];
            // SAFETY: each task takes its own tokens.
            let row = unsafe { rows.part(token * channels..(token + 1) * channels) };
            weights.emb.read_row(id as usize, row);
        }
    });
    layer_norms(pass.isa, pass.pool, h, &weights.ln0, x);
}

/// The logits that `batch` asks for, `[rows, vocab]`, replace the content of `logits`.
pub(crate) fn head<I: Isa>(
    pass: &Pass<'_, I>,
    weights: &Loaded,
    batch: &Batch<'_>,
    scratch: &mut Scratch,
    logits: &mut Vec<f32>,
) {
    let channels = pass.config.channels;
    let rows = batch.logit_rows();
    logits.resize(rows * pass.config.vocab, 0.0);
    let Scratch { x, h, y, .. } = scratch;
    let mut wanted = y.chunks_exact_mut(channels);
    let steps = batch.steps().iter().filter(|step| !step.tokens.is_empty());
    for (step, tokens) in steps.zip(pass.steps) {
        let first = match step.want {
            Want::All => tokens.start,
            Want::Last => tokens.end - 1,
            Want::Nothing => tokens.end,
        };
        let rows = x[first * channels..tokens.end * channels].chunks_exact(channels);
        rows.zip(&mut wanted).for_each(|(x, wanted)| wanted.copy_from_slice(x));
    }
    let (y, h) = (&y[..rows * channels], &mut h[..rows * channels]);
    layer_norms(pass.isa, pass.pool, y, &weights.ln_out, h);
    multiply(pass.isa, pass.pool, &[Product::new(&weights.head, h, logits, Then::Store)]);
}
