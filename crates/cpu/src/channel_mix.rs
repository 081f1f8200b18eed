//! Channel mix: token shift, key, squared relu, value.

use crate::arch::Isa;
use crate::matmul::{Product, Then, multiply};
use crate::norm::layer_norms;
use crate::pass::{Memory, Pass};
use crate::scratch::Scratch;
use crate::token_shift::token_shift;
use crate::weights::Layer;

/// All tokens through the channel mix of layer number `at`; the result is added to the residual.
pub(crate) fn channel_mix<I: Isa>(
    pass: &Pass<'_, I>,
    layer: &Layer,
    at: usize,
    memories: &mut [Memory<'_>],
    scratch: &mut Scratch,
) {
    let (weights, channels) = (&layer.channel_mix, pass.config.channels);
    let of_layer = at * channels..(at + 1) * channels;
    let Scratch { x, h, mixed: [mixed, ..], hidden, .. } = scratch;
    layer_norms(pass.isa, pass.pool, x, &layer.ln2, h);
    let before = |step: usize| &memories[step].ffn_shift[of_layer.clone()];
    token_shift(pass, h, before, [&weights.shift], [&mut *mixed]);
    for (memory, tokens) in memories.iter_mut().zip(pass.steps) {
        let last = (tokens.end - 1) * channels..tokens.end * channels;
        memory.ffn_shift[of_layer.clone()].copy_from_slice(&h[last]);
    }
    let key = Product::new(&weights.key, mixed, hidden, Then::SquaredRelu);
    multiply(pass.isa, pass.pool, &[key]);
    let value = Product::new(&weights.value, hidden, x, Then::Add);
    multiply(pass.isa, pass.pool, &[value]);
}
