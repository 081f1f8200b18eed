//! Channel mix: token shift, key, squared relu, value.

use super::matmul::mul;
use super::time_mix::token_shift;
use crate::ChannelMix;

/// One token through the channel mix of one layer; `h` and `shift` as in the time mix.
pub(super) fn channel_mix(weights: &ChannelMix, h: &[f32], shift: &mut [f32]) -> Vec<f32> {
    let x = token_shift(h, shift, &weights.x_k.to_f32());
    // Not `max`, which would turn a NaN into zero and hide a broken model.
    let squared_relu = |k: f32| if k < 0.0 { 0.0 } else { k * k };
    let hidden: Vec<f32> = mul(&weights.key, &x).into_iter().map(squared_relu).collect();
    shift.copy_from_slice(h);
    mul(&weights.value, &hidden)
}
