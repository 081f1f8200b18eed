//! The dispatches of a time mix: shift, projections and the nets' first halves, their second halves, memory, output.

use wkv7_core::{LowRank, Tensor, TimeMix};

use crate::pipeline::Kernel;
use crate::plan::{Grid, Plan};
use crate::product::{End, Matrix};
use crate::regions::Region;
use crate::vectors::place;
use crate::wkv;

/// The nets in the order of their regions.
const DECAY: usize = 0;
const RATE: usize = 1;
const VALUE: usize = 2;
const GATE: usize = 3;

/// Adds the time mix of layer `number`: five dispatches where the thin matrices have the type of the others, else six.
pub(crate) fn time_mix(plan: &mut Plan<'_>, number: usize, weights: &TimeMix) {
    let regions = plan.regions;
    let [x_r, x_w, x_k, x_v, x_a, x_g] = regions.mixed;
    shift(plan, place::TIME_MIX, 0, 6);

    let [r, k, mut v] = regions.rkv;
    if number == 0 {
        v = regions.first_value;
    }
    let plain = |tensor: &Tensor, from, to| Matrix { tensor: tensor.clone(), from, to, end: End::Plain };
    // Thin matrices are stored [inputs, outputs].
    let thin = |tensor: &Tensor, from, to, end| Matrix { tensor: tensor.clone().transposed(), from, to, end };
    let inner = regions.inner;
    let mut first = vec![
        plain(&weights.receptance, x_r, r),
        plain(&weights.key, x_k, k),
        plain(&weights.value, x_v, v),
        thin(&weights.decay.first, x_w, inner[DECAY], End::Tanh),
        thin(&weights.rate.first, x_a, inner[RATE], End::Plain),
        thin(&weights.gate.first, x_g, inner[GATE], End::Sigmoid),
    ];
    let bias = |place: usize| place * plan.config.channels;
    let second = |net: &LowRank, which: usize, end| thin(&net.second, inner[which], regions.nets[which], end);
    let mut nets = vec![
        second(&weights.decay, DECAY, End::Decay(bias(place::DECAY))),
        second(&weights.rate, RATE, End::BiasedSigmoid(bias(place::RATE))),
        second(&weights.gate, GATE, End::Plain),
    ];
    if let Some(net) = &weights.value_residual {
        first.push(thin(&net.first, x_v, inner[VALUE], End::Plain));
        nets.push(second(net, VALUE, End::BiasedSigmoid(bias(place::VALUE))));
    }
    let output = Matrix { tensor: weights.output.clone(), from: regions.y, to: regions.x, end: End::Add };
    plan.product(first, false);
    plan.product(nets, false);
    wkv::wkv(plan, v, weights.value_residual.is_some());
    plan.product(vec![output], false);
}

/// Adds a layer norm and token shift with the vectors at `vector` into so many mixes; `kind` is the state's.
pub(crate) fn shift(plan: &mut Plan<'_>, vector: usize, kind: usize, mixes: u32) {
    let (regions, c) = (plan.regions, plan.config.channels);
    let Region { offset, stride } = regions.mixed[0];
    let params = [
        c,
        stride,
        regions.x.offset,
        offset,
        regions.region(),
        vector * c,
        kind,
        plan.slot_stride(),
        plan.lists.tokens,
        0, // eps
        0,
        0,
    ];
    plan.norm(Grid::Tokens, Kernel::NormShift(mixes), &params, (9, plan.config.recipe.layer_norm_eps));
}
