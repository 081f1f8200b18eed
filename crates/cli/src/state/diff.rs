//! `wkv7 state diff`: how far two states are apart, layer by layer.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use wkv7::formats::state_file::Shape;

use super::shape::{Shaped, norm};
use crate::terminal::output;
use crate::terminal::table::Table;

/// Compare two state files, layer by layer
#[derive(Debug, Args)]
pub struct Diff {
    /// The state to compare
    #[arg(value_name = "FILE")]
    left: PathBuf,
    /// The state to compare it with
    #[arg(value_name = "OTHER")]
    right: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub fn run(self) -> anyhow::Result<()> {
        let (left, right) = (Shaped::load(&self.left)?, Shaped::load(&self.right)?);
        if left.shape != right.shape {
            let (found, expected) = (right.shape, left.shape);
            let [found, expected] = [found, expected].map(|Shape { layers, heads, head_size }| {
                format!("{layers} layers, {heads} heads, head size {head_size}")
            });
            let [left, right] = [&self.left, &self.right].map(|path| path.display());
            anyhow::bail!("{right}: expected a state of {expected} as in {left}, found {found}");
        }
        let facts = Facts::of(&left, &right);
        if self.json {
            return output::json(&facts);
        }
        Ok(output::print(facts.table().to_string())?)
    }
}

#[derive(Serialize)]
struct Facts {
    /// Whether both were made by one model.
    same_model: bool,
    /// Whether every number is equal.
    equal: bool,
    tokens_seen: [u64; 2],
    layers: Vec<Layer>,
}

#[derive(Serialize)]
struct Layer {
    att_shift: Distance,
    wkv: Distance,
    ffn_shift: Distance,
}

#[derive(Serialize)]
struct Distance {
    /// Length of the difference over the length of the second.
    relative: f64,
    /// Largest difference of two numbers.
    max: f64,
}

impl Facts {
    fn of(left: &Shaped, right: &Shaped) -> Self {
        let [left_parts, right_parts] = [left.parts(), right.parts()];
        let distances = |part: usize| -> Vec<Distance> {
            let pairs = left.by_layer(left_parts[part]).zip(right.by_layer(right_parts[part]));
            pairs.map(|(left, right)| Distance::of(left, right)).collect()
        };
        let layers = distances(0).into_iter().zip(distances(1)).zip(distances(2));
        Self {
            same_model: left.file.fingerprint == right.file.fingerprint,
            equal: left.file.state == right.file.state,
            tokens_seen: [left.file.tokens_seen, right.file.tokens_seen],
            layers: layers.map(|((att_shift, wkv), ffn_shift)| Layer { att_shift, wkv, ffn_shift }).collect(),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::default();
        table.row("model", if self.same_model { "the same" } else { "different" });
        table.row("tokens seen", format!("{} and {}", self.tokens_seen[0], self.tokens_seen[1]));
        table.row("state", if self.equal { "equal" } else { "different" });
        for (layer, Layer { att_shift, wkv, ffn_shift }) in self.layers.iter().enumerate() {
            let line = format!("att_shift {att_shift}  wkv {wkv}  ffn_shift {ffn_shift}");
            table.row(format!("layer {layer}"), line);
        }
        table
    }
}

impl Distance {
    fn of(left: &[f32], right: &[f32]) -> Self {
        let gaps = || left.iter().zip(right).map(|(left, right)| left - right);
        let (gap, length) = (norm(gaps()), norm(right.iter().copied()));
        let relative = if gap == 0.0 { 0.0 } else { gap / length };
        // JSON has no infinity: something against nothing is wholly different.
        let relative = if relative.is_finite() { relative } else { 1.0 };
        Self { relative, max: gaps().fold(0.0, |max, gap| max.max(f64::from(gap.abs()))) }
    }
}

impl std::fmt::Display for Distance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1e} (max {:.1e})", self.relative, self.max)
    }
}
