//! `wkv7 data info`: what a pair holds.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use wkv7_train::data::{BinIdx, Order};

use crate::args::some_count;
use crate::terminal::table::{Table, bytes, count};
use crate::terminal::{interrupt, output, progress};

/// Show what a .bin and .idx pair holds
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Info {
    /// The pair, with or without its ending
    #[arg(value_name = "PREFIX")]
    prefix: PathBuf,
    /// The context length to find the magic prime for
    #[arg(long, value_name = "N", default_value = "512", value_parser = some_count)]
    ctx: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 data info minipile --ctx 4096
  wkv7 data info stories.bin --json

The magic prime orders the samples of a run: the official trainer's --magic_prime.
All tokens are read once, to find the largest id.";

impl Info {
    pub fn run(self) -> anyhow::Result<()> {
        interrupt::listen(interrupt::Impatience::LeaveAtOnce)?;
        let pair = BinIdx::open(&self.prefix)?;
        let (bar, callback) = progress::tokens("reading");
        let (largest_id, smallest_id) = pair.extremes(&mut |done, total| callback(done, total))?;
        drop(bar);
        let tokens = pair.tokens() as u64;
        let facts = Facts {
            documents: pair.documents(),
            items: pair.items(),
            tokens,
            dtype: pair.element().to_string(),
            bytes: tokens.saturating_mul(pair.element().size() as u64),
            smallest_id,
            largest_id,
            context: self.ctx,
            magic_prime: Order::new(tokens, self.ctx as u64, 0).ok().map(|order| order.prime()),
        };
        if self.json {
            return output::json(&facts);
        }
        Ok(output::print(facts.table().to_string())?)
    }
}

#[derive(Serialize)]
struct Facts {
    documents: usize,
    items: usize,
    tokens: u64,
    dtype: String,
    bytes: u64,
    smallest_id: i64,
    largest_id: i64,
    context: usize,
    /// Where the data is long enough for one.
    magic_prime: Option<u64>,
}

impl Facts {
    fn table(&self) -> Table {
        let mut table = Table::default();
        table.row("documents", count(self.documents as u64));
        if self.items != self.documents {
            table.row("items", count(self.items as u64));
        }
        table.row("tokens", format!("{} in {} ({})", count(self.tokens), self.dtype, bytes(self.bytes)));
        table.row("ids", format!("{} to {}", self.smallest_id, self.largest_id));
        let prime = match self.magic_prime {
            Some(prime) => format!("{prime} for a context of {}", self.context),
            None => format!("none: fewer tokens than three contexts of {}", self.context),
        };
        table.row("magic prime", prime);
        table
    }
}
