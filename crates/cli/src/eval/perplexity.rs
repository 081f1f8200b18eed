//! `wkv7 eval perplexity`: how well a text is foreseen.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use wkv7::eval::{Perplexity as Results, PerplexityOptions, perplexity};

use super::{ReportArgs, open, watched};
use crate::args::{ModelArgs, any_count};
use crate::terminal::progress::Bar;
use crate::terminal::table::{Table, count};

/// Perplexity of a text of any length, read as one document
#[derive(Debug, Args)]
pub struct Perplexity {
    #[command(flatten)]
    model: ModelArgs,
    /// The text (- for standard input)
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    /// Only this many bytes of the text, from the first
    #[arg(long, value_name = "BYTES", value_parser = any_count::<u64>)]
    limit: Option<u64>,
    #[command(flatten)]
    report: ReportArgs,
}

impl Perplexity {
    pub fn run(self) -> anyhow::Result<()> {
        let (text, size) = open(&self.text)?;
        let model = self.model.open()?;
        let limit = self.limit.unwrap_or(u64::MAX);
        let mut options = PerplexityOptions::default();
        options.resume.clone_from(&self.report.resume);
        options.total_bytes = size.map(|size| size.min(limit));
        let figures = |so_far: &Results| format!("perplexity {:.2}", so_far.perplexity);
        let result = perplexity(&model, text.take(limit), &options, &mut watched(Bar::text(), figures))?;
        let mut table = Table::default();
        table.row("tokens", count(result.tokens)).row("bytes", count(result.bytes));
        table.row("perplexity", format!("{:.4}", result.perplexity));
        table.row("mean -ln p", format!("{:.6}", result.mean_nll));
        if let Some(bits) = result.bits_per_byte {
            table.row("bits per byte", format!("{bits:.5}"));
        }
        self.report.print(&result, &table)
    }
}
