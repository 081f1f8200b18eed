//! Official names and shapes: what the official trainer loads.

use wkv7_core::{Config, Tensor, Weights};

use super::item::Item;
use super::{Convert, Notes, plain_dtype};
use crate::Problem;

/// All tensors of `weights`.
pub(super) fn items(
    weights: &Weights,
    options: &Convert,
    notes: &mut Notes,
) -> Result<Vec<Item<'static>>, Problem> {
    let mut items = Vec::new();
    for (name, tensor) in weights.tensors().iter() {
        let dtype = plain_dtype(tensor.dtype(), options, notes)?;
        let shape = shape(name, tensor, weights.config());
        items.push(Item::new(name.to_owned(), shape, dtype, vec![tensor.clone()])?);
    }
    Ok(items)
}

/// The shape that the official trainer gives a tensor: it loads no other.
fn shape(name: &str, tensor: &Tensor, config: &Config) -> Vec<usize> {
    const AS_TOKENS: [&str; 11] = ["x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "v0", "k_k", "k_a"];
    let leaf = name.rsplit('.').next().unwrap_or(name);
    if AS_TOKENS.contains(&leaf) {
        vec![1, 1, tensor.len()]
    } else if leaf == "time_state" {
        vec![config.heads, config.head_size, config.head_size]
    } else if leaf == "bias" || tensor.rows() == 1 && name.contains("ln") {
        vec![tensor.len()]
    } else {
        tensor.shape().to_vec()
    }
}
