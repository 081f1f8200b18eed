//! Time mix: token shift, projections, the recurrent memory, gate and output.

use super::matmul::{dot, mul, mul_left};
use super::norm::{group_norm, l2_normalize};
use super::{sigmoid, wkv};
use crate::{Config, LowRank, TimeMix};

// exp(-exp(-0.5) * sigmoid(d)) keeps every decay in (0.545, 1), so no channel dies in one step.
const DECAY_SCALE: f32 = 0.606_530_66; // exp(-0.5)

/// One token through the time mix of one layer.
///
/// `h` `[channels]` is the normalised input, `shift` `[channels]` the previous token's (replaced by `h`),
/// `memory` `[heads, head_size (value), head_size (key)]` is advanced. `v_first` is the first layer's
/// value of this token: set by the first layer, read by the others. Returns what is added to the residual.
pub(super) fn time_mix(
    weights: &TimeMix,
    config: &Config,
    h: &[f32],
    shift: &mut [f32],
    memory: &mut [f32],
    v_first: &mut Vec<f32>,
) -> Vec<f32> {
    let mixed = |x: &crate::Tensor| token_shift(h, shift, &x.to_f32());
    let r = mul(&weights.receptance, &mixed(&weights.x_r));
    let key = mul(&weights.key, &mixed(&weights.x_k));
    let x_v = mixed(&weights.x_v);
    let mut v = mul(&weights.value, &x_v);
    let d = low_rank(&weights.decay, &mixed(&weights.x_w), f32::tanh);
    let w: Vec<f32> = d.into_iter().map(|d| (-DECAY_SCALE * sigmoid(d)).exp()).collect();
    let a: Vec<f32> = low_rank(&weights.rate, &mixed(&weights.x_a), |x| x).into_iter().map(sigmoid).collect();
    let g = low_rank(&weights.gate, &mixed(&weights.x_g), sigmoid);

    match &weights.value_residual {
        None => v_first.clone_from(&v),
        Some(net) => {
            for ((v, &first), nu) in v.iter_mut().zip(v_first.iter()).zip(low_rank(net, &x_v, |x| x)) {
                *v += (first - *v) * sigmoid(nu);
            }
        }
    }

    // The removal key uses the key before the rate changes it.
    let mut kk: Vec<f32> = key.iter().zip(weights.k_k.to_f32()).map(|(k, k_k)| k * k_k).collect();
    kk.chunks_exact_mut(config.head_size).for_each(l2_normalize);
    let k_a = weights.k_a.to_f32();
    let k: Vec<f32> = key.iter().zip(&a).zip(k_a).map(|((k, a), k_a)| k * (1.0 + (a - 1.0) * k_a)).collect();

    // How much is removed; up to twice, and so reflected, in models with that rate range.
    let removal: Vec<f32> = a.iter().map(|a| a * config.recipe.rate_range).collect();
    let n = config.head_size;
    let mut y = Vec::with_capacity(config.channels);
    for (head, s) in memory.chunks_exact_mut(n * n).enumerate() {
        let of = head * n..(head + 1) * n;
        let part = |x: &'_ [f32]| x[of.clone()].to_vec();
        y.extend(wkv::step(s, &part(&r), &part(&w), &part(&k), &part(&v), &part(&kk), &part(&removal)));
    }
    let (weight, bias) = (weights.ln_x.weight.to_f32(), weights.ln_x.bias.to_f32());
    let mut y = group_norm(&y, &weight, &bias, n, config.recipe.group_norm_eps);
    add_bonus(&mut y, &r, &k, &v, &weights.r_k.to_f32(), n);

    for (y, g) in y.iter_mut().zip(g) {
        *y *= g;
    }
    shift.copy_from_slice(h);
    mul(&weights.output, &y)
}

/// `h + (previous - h) * x`: x = 1 looks only at the previous token.
pub(super) fn token_shift(h: &[f32], previous: &[f32], x: &[f32]) -> Vec<f32> {
    h.iter().zip(previous).zip(x).map(|((h, previous), x)| h + (previous - h) * x).collect()
}

/// `bias + f(x @ first) @ second`.
fn low_rank(net: &LowRank, x: &[f32], f: fn(f32) -> f32) -> Vec<f32> {
    let inner: Vec<f32> = mul_left(x, &net.first).into_iter().map(f).collect();
    let mut out = mul_left(&inner, &net.second);
    if let Some(bias) = &net.bias {
        for (out, bias) in out.iter_mut().zip(bias.to_f32()) {
            *out += bias;
        }
    }
    out
}

/// The current token's own contribution, outside the memory: per head `(r * k) . r_k` times `v`.
fn add_bonus(y: &mut [f32], r: &[f32], k: &[f32], v: &[f32], r_k: &[f32], head_size: usize) {
    for (head, y) in y.chunks_exact_mut(head_size).enumerate() {
        let of = head * head_size..(head + 1) * head_size;
        let rk: Vec<f32> = r[of.clone()].iter().zip(&k[of.clone()]).map(|(r, k)| r * k).collect();
        let bonus = dot(&rk, &r_k[of.clone()]) as f32;
        for (y, v) in y.iter_mut().zip(&v[of]) {
            *y += bonus * v;
        }
    }
}
