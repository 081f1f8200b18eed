//! `wkv7 data build`: text to a pair.

use std::path::PathBuf;

use clap::Args;
use wkv7_train::data;

use crate::args::{any_count, some_count};
use crate::terminal::table::{Table, bytes, count};
use crate::terminal::{interrupt, output, progress};
use crate::tokenize::VocabularyArgs;

/// Encode text as OUT.bin and OUT.idx, one document after another
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Build {
    /// Files of text: .jsonl (.ndjson) with {"text": ...} or {"tokens": [...]} a line, any other as plain text
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,
    /// Write OUT.bin and OUT.idx
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    #[command(flatten)]
    vocabulary: VocabularyArgs,
    /// The line between two documents of plain text, "" for a blank one [default: a file is one document]
    #[arg(long, value_name = "LINE")]
    separator: Option<String>,
    /// Shuffle the documents of all files, anew for each repetition
    #[arg(long, value_name = "N", value_parser = any_count::<u64>)]
    shuffle_seed: Option<u64>,
    /// Write every document so many times
    #[arg(long, value_name = "N", default_value = "1", value_parser = some_count)]
    repeat: usize,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 data build stories.jsonl -o stories
  wkv7 data build tiny.txt --separator '<|endoftext|>' -o tiny --vocab bytes
  wkv7 data build a.jsonl b.jsonl -o both --shuffle-seed 1 --repeat 3

Token 0 is put behind each document.
OUT.bin and OUT.idx appear when they are whole; an error or Ctrl-C leaves nothing behind.";

impl Build {
    pub fn run(self) -> anyhow::Result<()> {
        interrupt::listen(interrupt::Impatience::Wait)?;
        let tokenizer = self.vocabulary.tokenizer()?;
        let mut wanted = data::Build::default();
        wanted.reading.separator.clone_from(&self.separator);
        wanted.shuffle_seed = self.shuffle_seed;
        wanted.repeat = self.repeat as u64;
        let (bar, callback) = progress::bytes("encoding");
        let told = &mut |done, total| callback(done, total);
        let summary = data::build(&self.inputs, &self.output, &*tokenizer, &wanted, told)?;
        drop(bar);
        let mut table = Table::default();
        table.row("to", format!("{}.bin and .idx", data::stem(&self.output).display()));
        table.row("documents", count(summary.documents));
        let size = bytes(summary.tokens.saturating_mul(summary.element.size() as u64));
        table.row("tokens", format!("{} in {} ({size})", count(summary.tokens), summary.element));
        Ok(output::print(table.to_string())?)
    }
}
