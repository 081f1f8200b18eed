//! The safetensors container, and official names in it.

use std::path::Path;

use serde_json::{Map, json};
use wkv7_core::{Config, Tensor, Weights};

use super::item::Item;
use super::output::{Meter, Output};
use super::{Convert, Notes, Progress, Summary, plain_dtype};
use crate::Problem;

/// Writes `weights` as one file with official names and shapes.
pub(super) fn write_official(
    weights: &Weights,
    out: &Path,
    options: &Convert,
    progress: Progress<'_>,
) -> Result<Summary, Problem> {
    let mut notes = Notes::default();
    let mut items = Vec::new();
    for (name, tensor) in weights.tensors().iter() {
        let dtype = plain_dtype(tensor.dtype(), options, &mut notes)?;
        let shape = official_shape(name, tensor, weights.config());
        items.push(Item::new(name.to_owned(), shape, dtype, vec![tensor.clone()])?);
    }
    let mut meter = Meter::new(&items, progress)?;
    let mut output = Output::beside(out)?;
    write_file(&mut items, &mut output, &mut meter)?;
    let summary = Summary::of(&items, notes.0);
    Ok(Summary { bytes: output.finish()?, ..summary })
}

/// Writes one container: its head, then `items`, which it sorts.
pub(super) fn write_file(
    items: &mut [Item],
    output: &mut Output,
    meter: &mut Meter<'_>,
) -> Result<(), Problem> {
    // Wide types first keeps every tensor aligned to its own size.
    items.sort_by(|a, b| (b.dtype().block_bytes(), a.name()).cmp(&(a.dtype().block_bytes(), b.name())));
    let mut head = Map::new();
    head.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    let mut start = 0u64;
    for item in items.iter() {
        let end = start + item.bytes();
        let entry =
            json!({"dtype": item.dtype().name(), "shape": item.shape(), "data_offsets": [start, end]});
        head.insert(item.name().to_owned(), entry);
        start = end;
    }
    let mut head = serde_json::Value::Object(head).to_string().into_bytes();
    head.resize(head.len().next_multiple_of(8), b' ');
    output.put(&(head.len() as u64).to_le_bytes())?;
    output.put(&head)?;
    items.iter().try_for_each(|item| meter.write(item, output))
}

/// The shape that the official trainer gives a tensor: it loads no other.
fn official_shape(name: &str, tensor: &Tensor, config: &Config) -> Vec<usize> {
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
