//! The dispatches of a channel mix: shift, key with squared relu, value added to the residual.

use wkv7_core::ChannelMix;

use crate::plan::Plan;
use crate::product::{End, Matrix};
use crate::time_mix::shift;
use crate::vectors::place;

/// Adds the channel mix of a layer: three dispatches.
pub(crate) fn channel_mix(plan: &mut Plan<'_>, weights: &ChannelMix) {
    let regions = plan.regions;
    shift(plan, place::CHANNEL_MIX, 1, 1);
    let key = Matrix {
        tensor: weights.key.clone(),
        from: regions.mixed[0],
        to: regions.hidden,
        end: End::SquaredRelu,
    };
    let value = Matrix { tensor: weights.value.clone(), from: regions.hidden, to: regions.x, end: End::Add };
    plan.product(vec![key], false);
    plan.product(vec![value], false);
}
