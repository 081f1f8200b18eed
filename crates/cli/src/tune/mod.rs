//! `wkv7 tune`: something small is trained beside weights that stay as they are.

mod args;
mod lora;
mod report;
mod state;

use clap::{Args, Subcommand};

use crate::terminal::interrupt::{self, Impatience};

/// Teach a model a style or a task beside its weights: an initial state, or a LoRA
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Tune {
    #[command(subcommand)]
    what: What,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 tune state model.pth --data letters.jsonl -o letters.pth
  wkv7 generate model.pth --state letters.pth \"Dear\"
  wkv7 tune lora model.pth --data letters.jsonl -o letters.safetensors
  wkv7 generate model.pth --lora letters.safetensors \"Dear\"

Ctrl-C writes what was learned so far.";

#[derive(Debug, Subcommand)]
enum What {
    State(state::State),
    Lora(lora::Lora),
}

impl Tune {
    pub fn run(self) -> anyhow::Result<()> {
        interrupt::listen(Impatience::LeaveAtOnce)?; // nothing is learned yet
        match self.what {
            What::State(what) => what.run(),
            What::Lora(what) => what.run(),
        }
    }
}
