//! The safetensors container.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, json};
use wkv7_core::Weights;

use super::item::Item;
use super::output::{Meter, Output};
use super::{Convert, Notes, Progress, Summary, official};
use crate::{Problem, recipe};

/// Writes `weights` as one file with official names and shapes.
pub(super) fn write_official(
    weights: &Weights,
    out: &Path,
    options: &Convert,
    progress: Progress<'_>,
) -> Result<Summary, Problem> {
    let mut notes = Notes::default();
    let mut items = official::items(weights, options, &mut notes)?;
    let mut meter = Meter::new(&items, progress)?;
    let mut output = Output::beside(out)?;
    write_file(&mut items, &recipe::facts(&weights.config().recipe), &mut output, &mut meter)?;
    let summary = Summary::of(&items, notes.0);
    Ok(Summary { bytes: output.finish()?, ..summary })
}

/// Writes one container: its head, with `facts` as metadata, then `items`, which it sorts.
pub(super) fn write_file(
    items: &mut [Item<'_>],
    facts: &BTreeMap<String, String>,
    output: &mut Output,
    meter: &mut Meter<'_>,
) -> Result<(), Problem> {
    // Wide types first keeps every tensor aligned to its own size.
    items.sort_by(|a, b| (b.dtype().block_bytes(), a.name()).cmp(&(a.dtype().block_bytes(), b.name())));
    let mut head = Map::new();
    let mut metadata = Map::from_iter([("format".to_owned(), json!("pt"))]);
    metadata.extend(facts.iter().map(|(name, fact)| (name.clone(), json!(fact))));
    head.insert("__metadata__".to_owned(), metadata.into());
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
    items.iter().try_for_each(|item| meter.write(item, &mut |bytes| output.put(bytes)))
}
