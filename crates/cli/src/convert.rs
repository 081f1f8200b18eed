//! `wkv7 convert`: a checkpoint in another format or element type.

use std::path::PathBuf;

use clap::Args;
use wkv7::formats::convert::{Convert as Wanted, Summary, Target, convert};
use wkv7::formats::{self, Checkpoint};
use wkv7::{Config, Dtype, TokenizerChoice};

use crate::args::ModelName;
use crate::terminal::table::{Table, bytes};
use crate::terminal::{interrupt, output, progress};

/// Write a checkpoint in another format or element type
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Convert {
    /// The checkpoint to read, of any format, or `built-in`
    #[arg(value_name = "IN")]
    input: ModelName,
    /// What to write: a name ending in .safetensors, .st, .pth or .gguf, or a folder for Hugging Face
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// The element type of the large matrices: f32, f16, bf16, and for GGUF q8_0, q4_0, q5_1, q4_k, q6_k
    /// [default: as they are]
    #[arg(long, value_name = "TYPE")]
    dtype: Option<Dtype>,
    /// The format: safetensors, pth, gguf or hf [default: by the name of OUT]
    #[arg(long, value_name = "FORMAT")]
    to: Option<Target>,
    /// The vocabulary for a GGUF: `auto`, `world`, `bytes`, the official text form or a tokenizer.json
    #[arg(long, value_name = "FILE", default_value = "auto")]
    vocab: TokenizerChoice,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 convert model.pth model.safetensors
  wkv7 convert model.pth model-q4.gguf --dtype q4_k
  wkv7 convert model.gguf model-hf --to hf --dtype bf16

OUT appears when it is whole; an error or Ctrl-C leaves nothing behind.";

impl Convert {
    pub fn run(self) -> anyhow::Result<()> {
        interrupt::listen(interrupt::Impatience::Wait)?;
        let checkpoint = self.input.checkpoint()?;
        let target = self.to.map_or_else(|| Target::from_path(&self.output), Ok)?;
        let mut wanted = Wanted::to(target);
        wanted.dtype = self.dtype;
        wanted.vocabulary = vocabulary(&self.vocab, target, &checkpoint)?;
        let (bar, callback) = progress::bytes("converting");
        let summary = convert(&checkpoint, &self.output, &wanted, &mut |done, total| callback(done, total))?;
        drop(bar);
        Ok(output::print(self.table(&checkpoint, &summary).to_string())?)
    }

    /// What became what.
    fn table(&self, checkpoint: &Checkpoint, summary: &Summary) -> Table {
        let mut table = Table::default();
        let from = format!("{} ({}, {})", self.input, checkpoint.format, bytes(checkpoint.file_bytes));
        table.row("from", from);
        table.row("to", format!("{} ({})", self.output.display(), bytes(summary.bytes)));
        for (dtype, (tensors, size)) in &summary.dtypes {
            let plural = if *tensors == 1 { "" } else { "s" };
            table.row(dtype.name(), format!("{tensors} tensor{plural}, {}", bytes(*size)));
        }
        for note in &summary.notes {
            table.row("note", note);
        }
        table
    }
}

/// The vocabulary for a GGUF whose checkpoint carries none.
pub fn vocabulary(
    choice: &TokenizerChoice,
    target: Target,
    checkpoint: &Checkpoint,
) -> anyhow::Result<Option<formats::Vocabulary>> {
    let asked = *choice != TokenizerChoice::Auto;
    if target != Target::Gguf || (checkpoint.vocabulary.is_some() && !asked) {
        return Ok(None);
    }
    match wkv7::open_tokenizer(choice, checkpoint) {
        Ok(tokenizer) if asked || tokenizer.name() == "world" => {
            let vocab = Config::deduce(&checkpoint.tensors, checkpoint.recipe)?.vocab;
            Ok(Some(wkv7::gguf_vocabulary(&*tokenizer, vocab)))
        }
        Err(error) if asked => Err(error.into()),
        // A file without a vocabulary still runs on tokens; the summary says that it has none.
        _ => Ok(None),
    }
}
