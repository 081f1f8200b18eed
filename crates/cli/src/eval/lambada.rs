//! `wkv7 eval lambada`: is the last word foreseen?

use anyhow::Context as _;
use clap::Args;
use wkv7::eval::{Lambada as Results, lambada};

use super::{ItemsArgs, open, percent, watched};
use crate::terminal::progress::Bar;
use crate::terminal::table::Table;

/// LAMBADA: the last word of passages, {"text": "..."} a line
#[derive(Debug, Args)]
pub struct Lambada {
    #[command(flatten)]
    items: ItemsArgs,
}

impl Lambada {
    pub fn run(self) -> anyhow::Result<()> {
        let (lines, _) = open(&self.items.file)?;
        let model = self.items.model.open()?;
        let figures = |so_far: &Results| {
            format!("accuracy {}, perplexity {:.2}", percent(so_far.accuracy), so_far.perplexity)
        };
        let result = lambada(&model, lines, &self.items.options(), &mut watched(Bar::items(), figures))
            .with_context(|| self.items.file.display().to_string())?;
        let mut table = Table::default();
        table.row("items", result.items);
        table.row("accuracy", percent(result.accuracy));
        table.row("perplexity", format!("{:.4}", result.perplexity));
        self.items.report.print(&result, &table)
    }
}
