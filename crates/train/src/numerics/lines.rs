//! What a time mix does with the vectors of one token and head, number by number, and the way back.
//!
//! Heads are multiples of [`LANES`]. What writes one vector is a plain loop, a function of its own: the compiler then knows
//! that its slices do not overlap, and turns it into vector code. With more than one it loses track, so these take
//! lanes of everything first, and put lanes back.

use wkv7_cpu::math::{LANES, Math, Number};

use super::lanes::{each, put, take};
use super::norm::dot;

/// `exp(-0.5)`: the steepest log-decay of a step.
const DECAY_SCALE: f64 = 0.606_530_659_712_633_4;

/// Cuts slices to one length, which the compiler then need not ask for again.
macro_rules! cut {
    ($len:expr; $($name:ident),*) => { $(let $name = &$name[..$len];)* };
    (mut $len:expr; $($name:ident),*) => { $(let $name = &mut $name[..$len];)* };
}

/// `sigmoid(bias + raw)`.
#[inline(always)]
pub(crate) fn gate<M: Math>(math: M, bias: &[M::Number], raw: &[M::Number], out: &mut [M::Number]) {
    cut!(out.len(); bias, raw);
    for n in 0..out.len() {
        out[n] = math.sigmoid(bias[n] + raw[n]);
    }
}

/// `exp(-exp(-0.5) gate)`.
#[inline(always)]
pub(crate) fn decay<M: Math>(math: M, gate: &[M::Number], out: &mut [M::Number]) {
    cut!(out.len(); gate);
    for n in 0..out.len() {
        out[n] = math.exp(M::Number::of(-DECAY_SCALE) * gate[n]);
    }
}

/// `value + (first - value) mix`.
#[inline(always)]
pub(crate) fn blend<M: Math>(
    math: M,
    value: &[M::Number],
    first: &[M::Number],
    mix: &[M::Number],
    out: &mut [M::Number],
) {
    cut!(out.len(); value, first, mix);
    for n in 0..out.len() {
        out[n] = math.mul_add(first[n] - value[n], mix[n], value[n]);
    }
}

/// The replacement key `key (1 + (rate - 1) k_a)`, and `key k_k`, of which the removal key is made.
#[inline(always)]
pub(crate) fn keys<M: Math>(
    math: M,
    key: &[M::Number],
    rate: &[M::Number],
    k_a: &[M::Number],
    k_k: &[M::Number],
    (k, a): (&mut [M::Number], &mut [M::Number]),
) {
    let one = M::Number::of(1.0);
    for at in (0..k.len()).step_by(LANES) {
        let (key, rate) = (take(key, at), take(rate, at));
        let (k_a, k_k) = (take(k_a, at), take(k_k, at));
        put(each!(|n| key[n] * math.mul_add(rate[n] - one, k_a[n], one)), k, at);
        put(each!(|n| key[n] * k_k[n]), a, at);
    }
}

/// `a`, scaled, is the removal key: what becomes of it, and of its product with the rate.
#[inline(always)]
pub(crate) fn removal<R: Number>(scale: R, range: R, rate: &[R], a: &mut [R], b: &mut [R]) {
    for at in (0..a.len()).step_by(LANES) {
        let (rate, keys) = (take(rate, at), take(a, at));
        let keys = each!(|n| keys[n] * scale);
        put(each!(|n| -keys[n]), a, at);
        put(each!(|n| keys[n] * rate[n] * range), b, at);
    }
}

/// The bonus: how much of its value a token sends past the memory.
#[inline(always)]
pub(crate) fn bonus<M: Math>(
    math: M,
    r: &[M::Number],
    k: &[M::Number],
    r_k: &[M::Number],
    room: &mut [M::Number],
) -> M::Number {
    cut!(room.len(); r, k);
    for n in 0..room.len() {
        room[n] = r[n] * k[n];
    }
    dot(math, room, r_k)
}

/// `(x weight + bias + bonus v) gate`, over `x`.
#[inline(always)]
pub(crate) fn gated<M: Math>(
    math: M,
    (weight, bias): (&[M::Number], &[M::Number]),
    bonus: M::Number,
    v: &[M::Number],
    gate: &[M::Number],
    x: &mut [M::Number],
) {
    cut!(x.len(); weight, bias, v, gate);
    for n in 0..x.len() {
        x[n] = math.mul_add(x[n], weight[n], math.mul_add(bonus, v[n], bias[n])) * gate[n];
    }
}

/// What [`gated_back`] writes.
pub(crate) struct Gated<'a, R> {
    /// The result of [`gated`] once more.
    pub(crate) out: &'a mut [R],
    pub(crate) d_gate: &'a mut [R],
    /// The gradient of what the gate was applied to.
    pub(crate) d_o: &'a mut [R],
    pub(crate) d_y_hat: &'a mut [R],
    /// Added to.
    pub(crate) weight: &'a mut [R],
    /// Added to.
    pub(crate) bias: &'a mut [R],
}

/// The way back through [`gated`].
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
pub(crate) fn gated_back<M: Math>(
    math: M,
    (weight, bias): (&[M::Number], &[M::Number]),
    bonus: M::Number,
    v: &[M::Number],
    gate: &[M::Number],
    y_hat: &[M::Number],
    d_out: &[M::Number],
    outs: Gated<'_, M::Number>,
) {
    let Gated { out, d_gate, d_o, d_y_hat, weight: s_weight, bias: s_bias } = outs;
    gated_back_lines(math, weight, bias, bonus, v, gate, y_hat, d_out, out, d_gate, d_o, d_y_hat);
    weight_back(math, d_o, y_hat, s_weight, s_bias);
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "slices that the compiler is to know apart")]
fn gated_back_lines<M: Math>(
    math: M,
    weight: &[M::Number],
    bias: &[M::Number],
    bonus: M::Number,
    v: &[M::Number],
    gate: &[M::Number],
    y_hat: &[M::Number],
    d_out: &[M::Number],
    out: &mut [M::Number],
    d_gate: &mut [M::Number],
    d_o: &mut [M::Number],
    d_y_hat: &mut [M::Number],
) {
    for at in (0..out.len()).step_by(LANES) {
        let (weight, bias, v) = (take(weight, at), take(bias, at), take(v, at));
        let (gate, y_hat, d_out) = (take(gate, at), take(y_hat, at), take(d_out, at));
        let o = each!(|n| math.mul_add(y_hat[n], weight[n], math.mul_add(bonus, v[n], bias[n])));
        let through = each!(|n| d_out[n] * gate[n]);
        put(each!(|n| o[n] * gate[n]), out, at);
        put(each!(|n| d_out[n] * o[n]), d_gate, at);
        put(through, d_o, at);
        put(each!(|n| through[n] * weight[n]), d_y_hat, at);
    }
}

#[inline(always)]
fn weight_back<M: Math>(
    math: M,
    d_o: &[M::Number],
    y_hat: &[M::Number],
    weight: &mut [M::Number],
    bias: &mut [M::Number],
) {
    for at in (0..weight.len()).step_by(LANES) {
        let (d_o, y_hat) = (take(d_o, at), take(y_hat, at));
        let (sums, biases) = (take(weight, at), take(bias, at));
        put(each!(|n| math.mul_add(d_o[n], y_hat[n], sums[n])), weight, at);
        put(each!(|n| biases[n] + d_o[n]), bias, at);
    }
}

/// The way back through [`bonus`] and its product with the value: added to the gradients of r, k and v, and to `s_r_k`.
#[inline(always)]
pub(crate) fn bonus_back<M: Math>(
    math: M,
    d_bonus: M::Number,
    bonus: M::Number,
    (r, k, r_k): (&[M::Number], &[M::Number], &[M::Number]),
    d_o: &[M::Number],
    (dr, dk, dv): (&mut [M::Number], &mut [M::Number], &mut [M::Number]),
    s_r_k: &mut [M::Number],
) {
    scaled_product(math, d_bonus, k, r_k, dr);
    scaled_product(math, d_bonus, r, r_k, dk);
    scaled_product(math, d_bonus, r, k, s_r_k);
    for (dv, d_o) in dv.iter_mut().zip(d_o) {
        *dv = math.mul_add(bonus, *d_o, *dv);
    }
}

/// Adds `scale x y`.
#[inline(always)]
fn scaled_product<M: Math>(
    math: M,
    scale: M::Number,
    x: &[M::Number],
    y: &[M::Number],
    sum: &mut [M::Number],
) {
    cut!(sum.len(); x, y);
    for n in 0..sum.len() {
        sum[n] = math.mul_add(scale * x[n], y[n], sum[n]);
    }
}

/// From the decay's gradient that of its logit, which is also added to `sum`.
#[inline(always)]
pub(crate) fn decay_back<R: Number>(dw: &[R], w: &[R], gate: &[R], out: &mut [R], sum: &mut [R]) {
    let one = R::of(1.0);
    for at in (0..out.len()).step_by(LANES) {
        let (dw, w, gate, sums) = (take(dw, at), take(w, at), take(gate, at), take(sum, at));
        let logits = each!(|n| dw[n] * w[n] * R::of(-DECAY_SCALE) * gate[n] * (one - gate[n]));
        put(logits, out, at);
        put(each!(|n| sums[n] + logits[n]), sum, at);
    }
}

/// What the two keys of a token are made of.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a, R> {
    pub(crate) key: &'a [R],
    pub(crate) rate: &'a [R],
    pub(crate) a: &'a [R],
    pub(crate) k_a: &'a [R],
    pub(crate) range: R,
}

/// The gradient of the rate's logit, also added to `s_a0`, that of `k_a`, added, and that of the removal key, into `d_kk`. The
/// rate meets the removal key in `b`, and the key in the replacement key.
#[inline(always)]
pub(crate) fn rate_back<M: Math>(
    math: M,
    Keys { key, rate, a, k_a, range }: Keys<'_, M::Number>,
    (dk, da, db): (&[M::Number], &[M::Number], &[M::Number]),
    out: &mut [M::Number],
    s_a0: &mut [M::Number],
    s_k_a: &mut [M::Number],
    d_kk: &mut [M::Number],
) {
    rate_lines(math, key, rate, a, k_a, range, dk, db, out, s_a0, s_k_a);
    removal_lines(math, rate, range, da, db, d_kk);
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "slices that the compiler is to know apart")]
fn rate_lines<M: Math>(
    math: M,
    key: &[M::Number],
    rate: &[M::Number],
    a: &[M::Number],
    k_a: &[M::Number],
    range: M::Number,
    dk: &[M::Number],
    db: &[M::Number],
    out: &mut [M::Number],
    s_a0: &mut [M::Number],
    s_k_a: &mut [M::Number],
) {
    let one = M::Number::of(1.0);
    for at in (0..out.len()).step_by(LANES) {
        let (key, rate, a, k_a) = (take(key, at), take(rate, at), take(a, at), take(k_a, at));
        let (dk, db) = (take(dk, at), take(db, at));
        let (a0_sums, k_a_sums) = (take(s_a0, at), take(s_k_a, at));
        let of_key = each!(|n| dk[n] * key[n]);
        let in_b = each!(|n| -(db[n] * a[n]) * range);
        let slope = each!(|n| rate[n] * (one - rate[n]));
        let logits = each!(|n| math.mul_add(of_key[n], k_a[n], in_b[n]) * slope[n]);
        put(logits, out, at);
        put(each!(|n| a0_sums[n] + logits[n]), s_a0, at);
        put(each!(|n| math.mul_add(of_key[n], rate[n] - one, k_a_sums[n])), s_k_a, at);
    }
}

#[inline(always)]
fn removal_lines<M: Math>(
    math: M,
    rate: &[M::Number],
    range: M::Number,
    da: &[M::Number],
    db: &[M::Number],
    d_kk: &mut [M::Number],
) {
    cut!(d_kk.len(); rate, da, db);
    for n in 0..d_kk.len() {
        d_kk[n] = math.mul_add(db[n] * rate[n], range, -da[n]);
    }
}

/// The gradient of the key, from those of both keys that are made of it; that of `k_k` is added to `s_k_k`. `along` is the
/// part of the removal key's gradient that its norm hides, and `scale` one over that norm.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel, called from one place")]
pub(crate) fn key_back<M: Math>(
    math: M,
    Keys { key, rate, a, k_a, .. }: Keys<'_, M::Number>,
    (along, scale): (M::Number, M::Number),
    k_k: &[M::Number],
    d_kk: &[M::Number],
    dk: &[M::Number],
    out: &mut [M::Number],
    s_k_k: &mut [M::Number],
) {
    let one = M::Number::of(1.0);
    for at in (0..out.len()).step_by(LANES) {
        let (key, rate, a, k_a) = (take(key, at), take(rate, at), take(a, at), take(k_a, at));
        let (k_k, d_kk, dk, sums) = (take(k_k, at), take(d_kk, at), take(dk, at), take(s_k_k, at));
        let du = each!(|n| math.mul_add(-along, a[n], d_kk[n]) * scale);
        put(each!(|n| math.mul_add(du[n], key[n], sums[n])), s_k_k, at);
        let of_k = each!(|n| math.mul_add(rate[n] - one, k_a[n], one));
        put(each!(|n| math.mul_add(du[n], k_k[n], dk[n] * of_k[n])), out, at);
    }
}

/// The way back through [`blend`]: gradients of the value, of the first layer's, added, and of the mix's logit, which is
/// also added to `sum`.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "slices that the compiler is to know apart")]
pub(crate) fn blend_back<M: Math>(
    math: M,
    value: &[M::Number],
    first: &[M::Number],
    mix: &[M::Number],
    dv: &[M::Number],
    d_value: &mut [M::Number],
    d_first: &mut [M::Number],
    d_mix: &mut [M::Number],
    sum: &mut [M::Number],
) {
    let one = M::Number::of(1.0);
    for at in (0..dv.len()).step_by(LANES) {
        let (value, first, mix) = (take(value, at), take(first, at), take(mix, at));
        let (dv, firsts, sums) = (take(dv, at), take(d_first, at), take(sum, at));
        put(each!(|n| dv[n] * (one - mix[n])), d_value, at);
        put(each!(|n| math.mul_add(dv[n], mix[n], firsts[n])), d_first, at);
        let slope = each!(|n| mix[n] * (one - mix[n]));
        let logits = each!(|n| dv[n] * (first[n] - value[n]) * slope[n]);
        put(logits, d_mix, at);
        put(each!(|n| sums[n] + logits[n]), sum, at);
    }
}

/// `x + y`.
#[inline(always)]
pub(crate) fn sum<R: Number>(x: &[R], y: &[R], out: &mut [R]) {
    cut!(out.len(); x, y);
    for n in 0..out.len() {
        out[n] = x[n] + y[n];
    }
}
