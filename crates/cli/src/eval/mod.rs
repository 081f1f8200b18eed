//! `wkv7 eval`: what a model is worth.

mod choice;
mod lambada;
mod perplexity;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde::Serialize;
use wkv7::eval::{EvalOptions, Progress};

use crate::args::{ModelArgs, some_count};
use crate::terminal::interrupt::Impatience;
use crate::terminal::progress::Bar;
use crate::terminal::table::Table;
use crate::terminal::{interrupt, output};

/// Measure a model: perplexity, LAMBADA, multiple choice
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Eval {
    #[command(subcommand)]
    task: Task,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 eval perplexity model.pth --text book.txt
  wkv7 eval lambada model.pth --file lambada_test.jsonl --limit 500
  wkv7 eval choice model.pth --file questions.jsonl --json --resume done.jsonl

Ctrl-C stops; with --resume FILE the same command goes on where it was.";

#[derive(Debug, Subcommand)]
enum Task {
    Perplexity(perplexity::Perplexity),
    Lambada(lambada::Lambada),
    Choice(choice::Choice),
}

impl Eval {
    pub fn run(self) -> anyhow::Result<()> {
        let impatience = match self.task {
            Task::Perplexity(_) => Impatience::Leave, // it saves its state first
            Task::Lambada(_) | Task::Choice(_) => Impatience::LeaveAtOnce, // kept line by line
        };
        interrupt::listen(impatience)?;
        match self.task {
            Task::Perplexity(task) => task.run(),
            Task::Lambada(task) => task.run(),
            Task::Choice(task) => task.run(),
        }
    }
}

/// What the evaluations of many items share.
#[derive(Debug, Args)]
struct ItemsArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The items, a JSON object a line (- for standard input)
    #[arg(long, value_name = "JSONL")]
    file: PathBuf,
    /// Only this many items, from the first
    #[arg(long, value_name = "N", value_parser = some_count)]
    limit: Option<usize>,
    /// Items run together
    #[arg(long, value_name = "N", default_value_t = EvalOptions::default().batch, value_parser = some_count)]
    batch: usize,
    #[command(flatten)]
    report: ReportArgs,
}

/// How an evaluation reports.
#[derive(Debug, Args)]
struct ReportArgs {
    /// Keep what is done in this file, and go on from what is in it
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl ItemsArgs {
    fn options(&self) -> EvalOptions {
        let mut options = EvalOptions::default();
        options.batch = self.batch;
        options.limit = self.limit;
        options.resume.clone_from(&self.report.resume);
        options
    }
}

impl ReportArgs {
    /// Prints the result, as JSON or as `table` has it.
    fn print(&self, result: &impl Serialize, table: &Table) -> anyhow::Result<()> {
        if self.json { output::json(result) } else { Ok(output::print(table.to_string())?) }
    }
}

/// Moves `bar`, with `figures` of the results so far behind it; answers whether to go on.
fn watched<R>(bar: Bar, figures: impl Fn(&R) -> String) -> impl FnMut(&Progress<'_, R>) -> bool {
    move |progress| {
        bar.say(progress.so_far.map(&figures).unwrap_or_default());
        bar.show(progress.done, progress.total);
        !interrupt::asked()
    }
}

/// A part of one in percent.
fn percent(part: f64) -> String {
    format!("{:.2} %", 100.0 * part)
}

/// A file or a pipe.
type Reader = BufReader<Box<dyn Read>>;

/// Opens a file, or standard input for `-`; also tells its size.
fn open(path: &Path) -> anyhow::Result<(Reader, Option<u64>)> {
    if path == Path::new("-") {
        return Ok((BufReader::new(Box::new(std::io::stdin())), None));
    }
    let named = || path.display().to_string();
    let file = File::open(path).with_context(named)?;
    let facts = file.metadata().with_context(named)?;
    if facts.is_dir() {
        anyhow::bail!("{}: expected a file, found a folder", path.display());
    }
    Ok((BufReader::new(Box::new(file)), facts.is_file().then_some(facts.len())))
}
