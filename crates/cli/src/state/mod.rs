//! `wkv7 state`: files that hold what a sequence remembers.

mod diff;
mod inspect;
mod save;
mod shape;

use clap::{Args, Subcommand};

/// Save, inspect and compare states
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct State {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 state save model.pth -f book.txt --output book.state
  wkv7 state inspect book.state
  wkv7 state diff book.state other.state";

#[derive(Debug, Subcommand)]
enum Action {
    Save(save::Save),
    Inspect(inspect::Inspect),
    Diff(diff::Diff),
}

impl State {
    pub fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Save(action) => action.run(),
            Action::Inspect(action) => action.run(),
            Action::Diff(action) => action.run(),
        }
    }
}
