//! The dispatch of the recurrent memory.

use crate::pipeline::Kernel;
use crate::plan::{Grid, Plan};
use crate::regions::Region;
use crate::vectors::place;

/// Adds the update of the memory and the read-out; `v` is where this layer's value lies.
pub(crate) fn wkv(plan: &mut Plan<'_>, v: Region, mixes_value: bool) {
    let (regions, config) = (plan.regions, plan.config);
    let params = [
        config.channels,
        regions.x.stride,
        regions.region(),
        regions.rkv[0].offset,
        regions.nets[0].offset,
        v.offset,
        regions.first_value.offset,
        regions.y.offset,
        place::WKV * config.channels,
        plan.slot_stride(),
        plan.lists.sequences,
        0, // eps
        usize::from(mixes_value),
        config.recipe.rate_range.to_bits() as usize,
        0,
        0,
    ];
    let kernel = Kernel::Wkv(config.head_size as u32);
    plan.norm(Grid::Heads(config.heads), kernel, &params, (11, config.recipe.group_norm_eps));
}
