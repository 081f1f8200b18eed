//! `wkv7 state inspect`: what a state file holds.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::shape::{Shaped, norm};
use crate::terminal::output;
use crate::terminal::table::{Table, bytes, count};

/// Show what a state file holds
#[derive(Debug, Args)]
pub struct Inspect {
    /// The state file
    #[arg(value_name = "FILE")]
    path: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub fn run(self) -> anyhow::Result<()> {
        let facts = Facts::of(&Shaped::load(&self.path)?);
        if self.json {
            return output::json(&facts);
        }
        Ok(output::print(facts.table().to_string())?)
    }
}

#[derive(Serialize)]
struct Facts {
    fingerprint: String,
    tokens_seen: u64,
    layers: usize,
    heads: usize,
    head_size: usize,
    /// Whether the logits of the last token are there, so that it can be gone on from at once.
    logits: bool,
    state_bytes: u64,
    /// Per layer, Euclidean lengths.
    norms: Vec<Norms>,
}

#[derive(Serialize)]
struct Norms {
    att_shift: f64,
    wkv: f64,
    ffn_shift: f64,
}

impl Facts {
    fn of(shaped: &Shaped) -> Self {
        let [att_shift, wkv, ffn_shift] = shaped.parts();
        let numbers = att_shift.len() + wkv.len() + ffn_shift.len();
        let lengths =
            |part| -> Vec<f64> { shaped.by_layer(part).map(|values| norm(values.iter().copied())).collect() };
        let (att_shift, wkv, ffn_shift) = (lengths(att_shift), lengths(wkv), lengths(ffn_shift));
        let norms = att_shift.into_iter().zip(wkv).zip(ffn_shift);
        Self {
            fingerprint: shaped.file.fingerprint.to_string(),
            tokens_seen: shaped.file.tokens_seen,
            layers: shaped.shape.layers,
            heads: shaped.shape.heads,
            head_size: shaped.shape.head_size,
            logits: shaped.file.logits.is_some(),
            state_bytes: numbers as u64 * 4, // f32
            norms: norms.map(|((att_shift, wkv), ffn_shift)| Norms { att_shift, wkv, ffn_shift }).collect(),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::default();
        table.row("model", &self.fingerprint).row("tokens seen", count(self.tokens_seen));
        table.row("layers", self.layers);
        table.row("heads", format!("{} of {} channels", self.heads, self.head_size));
        table.row("state", bytes(self.state_bytes));
        table.row("logits", if self.logits { "of the last token" } else { "none" });
        for (layer, Norms { att_shift, wkv, ffn_shift }) in self.norms.iter().enumerate() {
            let lengths = format!("|att_shift| {att_shift:.3}  |wkv| {wkv:.3}  |ffn_shift| {ffn_shift:.3}");
            table.row(format!("layer {layer}"), lengths);
        }
        table
    }
}
