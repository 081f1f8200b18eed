//! `wkv7 merge`: adapters into the weights of a checkpoint.

use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::Args;
use wkv7::formats::convert::{Convert, Target, convert};
use wkv7::{Adapter, Dtype, TokenizerChoice, adapters};

use crate::args::ModelName;
use crate::convert::vocabulary;
use crate::terminal::table::{Table, bytes};
use crate::terminal::{interrupt, output, progress};

/// Write a checkpoint with LoRA adapters added to its weights
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Merge {
    /// The checkpoint to read, of any format; `built-in` for the one in this program
    #[arg(value_name = "MODEL")]
    input: ModelName,
    /// The adapters, added in this order; a .pth does not say its alpha: FILE:ALPHA
    #[arg(long = "lora", value_name = "FILE[:ALPHA]", required = true)]
    adapters: Vec<Adapter>,
    /// What to write: a name ending in .safetensors, .st, .pth or .gguf, or a folder for Hugging Face
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// The element type of the large matrices [default: as they are; changed ones of a block type become bf16]
    #[arg(long, value_name = "TYPE")]
    dtype: Option<Dtype>,
    /// The vocabulary for a GGUF: `auto`, `world`, `bytes`, the official text form or a tokenizer.json
    #[arg(long, value_name = "FILE", default_value = "auto")]
    vocab: TokenizerChoice,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 merge model.pth --lora letters.safetensors -o letters.pth
  wkv7 merge model.gguf --lora letters.pth:64 -o letters.gguf --dtype q8_0

The same adapters can be added each time a model is opened: `wkv7 generate model.pth --lora letters.safetensors`.
OUT appears when it is whole; an error or Ctrl-C leaves nothing behind.";

impl Merge {
    pub fn run(self) -> anyhow::Result<()> {
        interrupt::listen(interrupt::Impatience::Wait)?;
        let mut checkpoint = self.input.checkpoint()?;
        let target = Target::from_path(&self.output)?;
        if self.output.canonicalize().is_ok_and(|out| self.is_read(&out)) {
            bail!("{}: expected another name for the output: this file is being read", self.output.display());
        }
        let mut wanted = Convert::to(target);
        wanted.dtype = self.dtype;
        wanted.vocabulary = vocabulary(&self.vocab, target, &checkpoint)?;
        checkpoint.tensors = adapters::merge(&checkpoint.tensors, &self.adapters)?;
        let (bar, callback) = progress::bytes("writing");
        let summary = convert(&checkpoint, &self.output, &wanted, &mut |done, total| callback(done, total))?;
        drop(bar);
        let mut table = Table::default();
        table.row("from", format!("{} ({})", self.input, checkpoint.format));
        for adapter in &self.adapters {
            table.row("with", adapter);
        }
        table.row("to", format!("{} ({})", self.output.display(), bytes(summary.bytes)));
        for note in &summary.notes {
            table.row("note", note);
        }
        Ok(output::print(table.to_string())?)
    }

    /// Whether `out` is one of the adapters.
    fn is_read(&self, out: &Path) -> bool {
        self.adapters.iter().any(|adapter| adapter.path.canonicalize().is_ok_and(|path| path == out))
    }
}
