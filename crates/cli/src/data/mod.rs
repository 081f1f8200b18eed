//! `wkv7 data`: tokens in files, for training.

mod build;
mod info;
mod show;

use clap::{Args, Subcommand};

/// Make, describe and read training data: the .bin and .idx pair of the official trainer
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Data {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 data build stories.jsonl -o stories
  wkv7 data info stories --ctx 512
  wkv7 data show stories -n 1";

#[derive(Debug, Subcommand)]
enum Action {
    Build(build::Build),
    Info(info::Info),
    Show(show::Show),
}

impl Data {
    pub fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Build(action) => action.run(),
            Action::Info(action) => action.run(),
            Action::Show(action) => action.run(),
        }
    }
}
