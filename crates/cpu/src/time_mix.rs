//! Time mix: token shift, projections, the recurrent memory, gate and output.

use std::ops::Range;

use crate::arch::Isa;
use crate::matmul::{Product, Then, dot, multiply, sigmoid};
use crate::norm::{l2_normalize, layer_norms, norm};
use crate::pass::{Memory, Pass};
use crate::scratch::Scratch;
use crate::threads::{Shared, desk};
use crate::token_shift::token_shift;
use crate::weights::{Layer, LowRank, TimeMix};
use crate::wkv;

// exp(-exp(-0.5) * sigmoid(d)) keeps every decay in (0.545, 1), so no channel dies in one step.
const DECAY_SCALE: f32 = 0.606_530_66; // exp(-0.5)

/// All tokens through the time mix of layer number `at`; the result is added to the residual.
pub(crate) fn time_mix<I: Isa>(
    pass: &Pass<'_, I>,
    layer: &Layer,
    at: usize,
    memories: &mut [Memory<'_>],
    scratch: &mut Scratch,
) {
    let (weights, channels) = (&layer.time_mix, pass.config.channels);
    let of_layer = at * channels..(at + 1) * channels;
    layer_norms(pass.isa, pass.pool, &scratch.x, &layer.ln1, &mut scratch.h);
    let before = |step: usize| &memories[step].att_shift[of_layer.clone()];
    let mixes = weights.shift.each_ref().map(Vec::as_slice);
    let outs = scratch.mixed.each_mut().map(Vec::as_mut_slice);
    token_shift(pass, &scratch.h, before, mixes, outs);
    for (memory, tokens) in memories.iter_mut().zip(pass.steps) {
        let last = (tokens.end - 1) * channels..tokens.end * channels;
        memory.att_shift[of_layer.clone()].copy_from_slice(&scratch.h[last]);
    }
    project(pass, weights, scratch);
    heads(pass, weights, at, memories, scratch);
    let output = Product::new(&weights.output, &scratch.y, &mut scratch.x, Then::Add);
    multiply(pass.isa, pass.pool, &[output]);
}

/// Everything between the token shift and the recurrent memory that mixes channels, in two regions.
fn project<I: Isa>(pass: &Pass<'_, I>, weights: &TimeMix, scratch: &mut Scratch) {
    let Scratch { mixed, r, k, v, v_first, inner, d, a, g, nu, .. } = scratch;
    let [x_r, x_w, x_k, x_v, x_a, x_g] = mixed.each_ref();
    let TimeMix { decay, rate, gate, value_residual, .. } = weights;
    let width = |net: &LowRank| pass.tokens() * net.first.outputs();
    let inner_w = &mut inner.decay[..width(decay)];
    let inner_a = &mut inner.rate[..width(rate)];
    let inner_g = &mut inner.gate[..width(gate)];
    let inner_v = &mut inner.value[..value_residual.as_ref().map_or(0, width)];
    // The first layer's value is what the later layers' values are blended with.
    let v = if value_residual.is_some() { v } else { v_first };

    let first = [
        Product::new(&weights.receptance, x_r, r, Then::Store),
        Product::new(&weights.key, x_k, k, Then::Store),
        Product::new(&weights.value, x_v, v, Then::Store),
        Product::new(&decay.first, x_w, inner_w, Then::Tanh),
        Product::new(&rate.first, x_a, inner_a, Then::Store),
        Product::new(&gate.first, x_g, inner_g, Then::Sigmoid),
    ];
    let residual = value_residual.as_ref();
    let first_residual = residual.map(|net| Product::new(&net.first, x_v, inner_v, Then::Store));
    multiply(pass.isa, pass.pool, first.iter().chain(&first_residual));

    let second = [
        Product::new(&decay.second, inner_w, d, Then::Store),
        Product::new(&rate.second, inner_a, a, Then::Store),
        Product::new(&gate.second, inner_g, g, Then::Store),
    ];
    let second_residual = residual.map(|net| Product::new(&net.second, inner_v, nu, Then::Store));
    multiply(pass.isa, pass.pool, second.iter().chain(&second_residual));
}

/// Everything that stays within a head, in one region over heads and steps: `scratch.y` is made from the others.
fn heads<I: Isa>(
    pass: &Pass<'_, I>,
    weights: &TimeMix,
    at: usize,
    memories: &[Memory<'_>],
    scratch: &mut Scratch,
) {
    let (heads, n) = (pass.config.heads, pass.config.head_size);
    let Scratch { r, k, v, v_first, d, a, g, nu, y, .. } = scratch;
    let y = Shared::new(y);
    let inputs = Projected { r, k, v, v_first, d, a, g, nu };
    pass.pool.each(heads * pass.steps.len(), |task, room| {
        let (step, head) = (task / heads, task % heads);
        let start = (at * heads + head) * n * n;
        // SAFETY: each task takes one head of one sequence, and a batch holds each sequence once.
        let s = unsafe { memories[step].wkv.part(start..start + n * n) };
        let one = Head { weights, inputs, channels: head * n..(head + 1) * n, width: pass.config.channels };
        pass.isa.run(
            #[inline(always)]
            || one.advance(pass.isa, pass.steps[step].clone(), s, y, room),
        );
    });
}

/// What [`project`] made, all `[tokens, channels]`; see [`Scratch`].
#[derive(Clone, Copy)]
struct Projected<'a> {
    r: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    v_first: &'a [f32],
    d: &'a [f32],
    a: &'a [f32],
    g: &'a [f32],
    nu: &'a [f32],
}

/// One head of one layer.
struct Head<'a> {
    weights: &'a TimeMix,
    inputs: Projected<'a>,
    channels: Range<usize>, // this head's
    width: usize,           // all channels
}

impl Head<'_> {
    /// All `tokens` of a step through this head's memory `s` `[n, n]`, into their places in `y`.
    #[inline(always)]
    fn advance<I: Isa>(
        &self,
        isa: I,
        tokens: Range<usize>,
        s: &mut [f32],
        y: Shared<'_>,
        room: &mut Vec<f32>,
    ) {
        let n = self.channels.len();
        let mut parts = desk(room, 6 * n).chunks_exact_mut(n);
        let [w, k, v, kk, b, read] = std::array::from_fn(|_| parts.next().unwrap_or_default());
        let ln_x = &self.weights.ln_x;
        let (weight, bias) = (&ln_x.weight[self.channels.clone()], &ln_x.bias[self.channels.clone()]);
        let r_k = &self.weights.r_k[self.channels.clone()];
        for token in tokens {
            let of = token * self.width + self.channels.start..token * self.width + self.channels.end;
            self.prepare(isa, of.clone(), [&mut *w, &mut *k, &mut *v, &mut *kk, &mut *b]);
            let (r, g) = (&self.inputs.r[of.clone()], &self.inputs.g[of.clone()]);
            // SAFETY: this head's channels of this token, which no other task has.
            let y = unsafe { y.part(of) };
            wkv::step(isa, s, wkv::Inputs { r, w, k, v, kk, b }, read);
            norm(isa, read, weight, bias, ln_x.eps, y);
            // The token's own contribution, outside the memory.
            for ((rk, r), k) in read.iter_mut().zip(r).zip(&*k) {
                *rk = r * k;
            }
            let bonus = dot(isa, read, r_k);
            for ((y, v), g) in y.iter_mut().zip(&*v).zip(g) {
                *y = isa.mul_add(bonus, *v, *y) * g;
            }
        }
    }

    /// The recurrent memory's inputs of one token: `of` are the head's places in the projections.
    #[inline(always)]
    fn prepare<I: Isa>(&self, isa: I, of: Range<usize>, [w, k, v, kk, b]: [&mut [f32]; 5]) {
        let (weights, n) = (self.weights, w.len());
        let Projected { k: key, v: value, v_first, d, a, nu, .. } = self.inputs;
        let [key, d, a] = [key, d, a].map(|x| &x[of.clone()]);
        let own = self.channels.clone();
        let (w0, a0) = (&weights.decay.bias[own.clone()], &weights.rate.bias[own.clone()]);
        let (k_k, k_a) = (&weights.k_k[own.clone()], &weights.k_a[own.clone()]);
        for j in 0..n {
            w[j] = (-DECAY_SCALE * sigmoid(d[j] + w0[j])).exp();
            b[j] = sigmoid(a[j] + a0[j]); // the rate; times the removal key below
        }
        for j in 0..n {
            // The removal key uses the key before the rate changes it.
            kk[j] = key[j] * k_k[j];
            k[j] = key[j] * (1.0 + (b[j] - 1.0) * k_a[j]);
        }
        l2_normalize(isa, kk);
        for (b, kk) in b.iter_mut().zip(kk) {
            *b *= *kk;
        }
        v.copy_from_slice(&v_first[of.clone()]);
        if let Some(net) = &weights.value_residual {
            let (value, nu, v0) = (&value[of.clone()], &nu[of], &net.bias[own]);
            for j in 0..n {
                v[j] = value[j] + (v[j] - value[j]) * sigmoid(nu[j] + v0[j]);
            }
        }
    }
}
