//! `wkv7 eval choice`: which answer is the likeliest?

use anyhow::Context as _;
use clap::Args;
use wkv7::eval::{Choice as Results, choice};

use super::{ItemsArgs, open, percent, watched};
use crate::terminal::progress::Bar;
use crate::terminal::table::Table;

/// Multiple choice by likelihood
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Choice {
    #[command(flatten)]
    items: ItemsArgs,
}

const EXAMPLES: &str = "\
A line holds the context, its possible continuations and the index of the right one, from 0:
  {\"context\": \"The capital of France is\", \"options\": [\" Rome\", \" Paris\"], \"answer\": 1}";

impl Choice {
    pub fn run(self) -> anyhow::Result<()> {
        let (lines, _) = open(&self.items.file)?;
        let model = self.items.model.open()?;
        let figures = |so_far: &Results| format!("accuracy {}", percent(so_far.accuracy));
        let result = choice(&model, lines, &self.items.options(), &mut watched(Bar::items(), figures))
            .with_context(|| self.items.file.display().to_string())?;
        let mut table = Table::default();
        table.row("items", result.items).row("accuracy", percent(result.accuracy));
        table.row("accuracy per byte", percent(result.accuracy_per_byte));
        table.row("chance", percent(result.chance));
        self.items.report.print(&result, &table)
    }
}
