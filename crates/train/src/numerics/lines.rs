//! What a time mix does with the vectors of one token and head, number by number, and the way back.
//!
//! Each is a function of its own: the compiler then knows that its slices do not overlap, and turns the loop into
//! vector code.

use wkv7_cpu::math::{Math, Number};

use super::norm::dot;
use super::recurrence::Gradients;

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
    cut!(k.len(); key, rate, k_a, k_k);
    cut!(mut k.len(); a);
    for n in 0..k.len() {
        k[n] = key[n] * math.mul_add(rate[n] - one, k_a[n], one);
        a[n] = key[n] * k_k[n];
    }
}

/// `a`, scaled, is the removal key: what becomes of it, and of its product with the rate.
#[inline(always)]
pub(crate) fn removal<R: Number>(scale: R, range: R, rate: &[R], a: &mut [R], b: &mut [R]) {
    cut!(a.len(); rate);
    cut!(mut a.len(); b);
    for n in 0..a.len() {
        let kk = a[n] * scale;
        a[n] = -kk;
        b[n] = kk * rate[n] * range;
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
    let len = out.len();
    cut!(len; weight, bias, v, gate, y_hat, d_out);
    cut!(mut len; d_gate, d_o, d_y_hat);
    for n in 0..len {
        let o = math.mul_add(y_hat[n], weight[n], math.mul_add(bonus, v[n], bias[n]));
        out[n] = o * gate[n];
        d_gate[n] = d_out[n] * o;
        d_o[n] = d_out[n] * gate[n];
        d_y_hat[n] = d_out[n] * gate[n] * weight[n];
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
    let len = weight.len();
    cut!(len; d_o, y_hat);
    cut!(mut len; bias);
    for n in 0..len {
        weight[n] = math.mul_add(d_o[n], y_hat[n], weight[n]);
        bias[n] += d_o[n];
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
    d: &mut Gradients<M::Number>,
    s_r_k: &mut [M::Number],
) {
    scaled_product(math, d_bonus, k, r_k, &mut d.r);
    scaled_product(math, d_bonus, r, r_k, &mut d.k);
    scaled_product(math, d_bonus, r, k, s_r_k);
    cut!(d.v.len(); d_o);
    for (dv, d_o) in d.v.iter_mut().zip(d_o) {
        *dv = math.mul_add(bonus, *d_o, *dv);
    }
}

/// Adds `scale x y`.
#[inline(always)]
fn scaled_product<M: Math>(math: M, scale: M::Number, x: &[M::Number], y: &[M::Number], sum: &mut [M::Number]) {
    cut!(sum.len(); x, y);
    for n in 0..sum.len() {
        sum[n] = math.mul_add(scale * x[n], y[n], sum[n]);
    }
}

/// From the decay's gradient that of its logit, which is also added to `sum`.
#[inline(always)]
pub(crate) fn decay_back<R: Number>(dw: &[R], w: &[R], gate: &[R], out: &mut [R], sum: &mut [R]) {
    let one = R::of(1.0);
    cut!(out.len(); dw, w, gate);
    cut!(mut out.len(); sum);
    for n in 0..out.len() {
        let logit = dw[n] * w[n] * R::of(-DECAY_SCALE) * gate[n] * (one - gate[n]);
        out[n] = logit;
        sum[n] += logit;
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
    d: &Gradients<M::Number>,
    out: &mut [M::Number],
    s_a0: &mut [M::Number],
    s_k_a: &mut [M::Number],
    d_kk: &mut [M::Number],
) {
    rate_lines(math, key, rate, a, k_a, range, &d.k, &d.b, out, s_a0, s_k_a);
    removal_lines(math, rate, range, &d.a, &d.b, d_kk);
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
    let (len, one) = (out.len(), M::Number::of(1.0));
    cut!(len; key, rate, a, k_a, dk, db);
    cut!(mut len; s_a0, s_k_a);
    for n in 0..len {
        let in_b = -(db[n] * a[n]) * range;
        let logit = math.mul_add(dk[n] * key[n], k_a[n], in_b) * rate[n] * (one - rate[n]);
        out[n] = logit;
        s_a0[n] += logit;
        s_k_a[n] = math.mul_add(dk[n] * key[n], rate[n] - one, s_k_a[n]);
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
    let (len, one) = (out.len(), M::Number::of(1.0));
    cut!(len; key, rate, a, k_a, k_k, d_kk, dk);
    cut!(mut len; s_k_k);
    for n in 0..len {
        let du = math.mul_add(-along, a[n], d_kk[n]) * scale;
        s_k_k[n] = math.mul_add(du, key[n], s_k_k[n]);
        let of_k = math.mul_add(rate[n] - one, k_a[n], one);
        out[n] = math.mul_add(du, k_k[n], dk[n] * of_k);
    }
}

/// The way back through [`blend`]: gradients of the value, of the first layer's, added, and of the mix's logit, which is
/// also added to `sum`.
#[inline(always)]
pub(crate) fn blend_back<M: Math>(
    math: M,
    (value, first, mix): (&[M::Number], &[M::Number], &[M::Number]),
    dv: &[M::Number],
    d_value: &mut [M::Number],
    d_first: &mut [M::Number],
    d_mix: &mut [M::Number],
    sum: &mut [M::Number],
) {
    let (len, one) = (dv.len(), M::Number::of(1.0));
    cut!(len; value, first, mix);
    cut!(mut len; d_value, d_first, d_mix, sum);
    for n in 0..len {
        d_value[n] = dv[n] * (one - mix[n]);
        d_first[n] = math.mul_add(dv[n], mix[n], d_first[n]);
        let logit = dv[n] * (first[n] - value[n]) * mix[n] * (one - mix[n]);
        d_mix[n] = logit;
        sum[n] += logit;
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
