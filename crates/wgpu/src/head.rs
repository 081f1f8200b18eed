//! The dispatches before the first layer and after the last.

use crate::pipeline::Kernel;
use crate::plan::{Grid, Plan};
use crate::product::{End, Matrix};
use crate::regions::Region;

/// Adds the norm of the embedding, whose rows the host reads from the file.
pub(crate) fn embed(plan: &mut Plan<'_>) {
    let Region { offset, stride } = plan.regions.x;
    let params = [plan.config.channels, stride, offset, offset, 0, 0, 0, 0];
    plan.norm(Grid::Tokens, Kernel::Norm, &params, (5, plan.config.recipe.layer_norm_eps));
}

/// Adds the norm of the rows that something is wanted of, and the head of those of which it is logits.
pub(crate) fn head(plan: &mut Plan<'_>) {
    let (x, normed, c) = (plan.regions.x, plan.regions.mixed[0], plan.config.channels);
    let params = [c, x.stride, x.offset, normed.offset, plan.lists.wanted, 0, 2 * c, 0];
    plan.norm(Grid::Wanted, Kernel::Norm, &params, (5, plan.config.recipe.layer_norm_eps));
    let to = Region { offset: 0, stride: plan.config.vocab };
    let head = Matrix { tensor: plan.weights.head.clone(), from: normed, to, end: End::Logits };
    plan.product(vec![head], true);
}
