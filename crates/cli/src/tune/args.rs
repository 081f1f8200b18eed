//! What both ways of tuning take: a model, texts, how long and how fast.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use wkv7::formats::convert::Target;
use wkv7::tokenizer::Tokenizer;
use wkv7::{Adapter, TokenizerChoice, Weights, adapters};
use wkv7_train::numerics::Precision;
use wkv7_train::tune::{Reading, Sample, Samples, Tuning};

use crate::args::{ModelName, any_count, parse_threads, part, some_count};
use crate::terminal::note;

/// A model, what it is to learn, and how.
#[derive(Debug, Args)]
pub struct TuneArgs {
    /// The checkpoint, of any format and element type; `built-in` for the one in this program
    #[arg(value_name = "MODEL")]
    model: ModelName,
    /// The texts: .jsonl (.ndjson) with {"text"}, {"tokens"} or {"prompt", "answer"} a line, any other as one text;
    /// of a prompt and its answer, the answer is learned
    #[arg(long, value_name = "FILE", required = true)]
    data: Vec<PathBuf>,
    /// Texts to measure on, before and after [default: the last part of the data, see --hold-out]
    #[arg(long, value_name = "FILE")]
    held_out: Option<PathBuf>,
    /// The part of the data that is measured on and not learned
    #[arg(long, value_name = "PART", default_value = "0.1", value_parser = part, conflicts_with = "held_out")]
    hold_out: f32,
    /// What to write: a name ending in .pth, .safetensors or .st
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Add a LoRA to the weights first; a .pth does not say its alpha: FILE:ALPHA
    #[arg(long = "lora", value_name = "FILE[:ALPHA]", help_heading = "Running")]
    adapters: Vec<Adapter>,
    /// The vocabulary: `auto`, `world`, `bytes`, the official text form or a tokenizer.json
    #[arg(long, value_name = "FILE", default_value = "auto", help_heading = "Running")]
    vocab: TokenizerChoice,
    /// Threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = parse_threads, help_heading = "Running")]
    threads: Option<usize>,
    /// Tokens that go through the model at a time, in whole texts: more want more memory [default: 512]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Running")]
    rows: Option<usize>,
    /// Groups of so many that are under way side by side [default: 1 for a state, 2 for a LoRA]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Running")]
    lanes: Option<usize>,
    /// Compute activations twice rather than keep them: less memory, a third more time
    #[arg(long, help_heading = "Running")]
    recompute: bool,
    /// Round the factors of large products to `bf16` instead of `f32`: faster on AMD's CPUs with AVX-512 BF16; with AMX it
    /// changes nothing, and on others it is slower
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = precisions(), help_heading = "Running")]
    precision: Precision,
    #[command(flatten)]
    course: CourseArgs,
}

/// How long and how fast.
#[derive(Debug, Args)]
#[command(next_help_heading = "Learning")]
struct CourseArgs {
    /// Times that every text is learned from
    #[arg(long, value_name = "N", default_value = "4", value_parser = some_count)]
    rounds: usize,
    /// Steps, in place of rounds
    #[arg(long, value_name = "N", value_parser = some_count, conflicts_with = "rounds")]
    steps: Option<usize>,
    /// Texts of a step
    #[arg(long, value_name = "N", default_value = "16", value_parser = some_count)]
    batch: usize,
    /// Tokens of a text at most; what is longer is cut
    #[arg(long, value_name = "N", default_value = "512", value_parser = some_count)]
    ctx: usize,
    /// The learning rate after warming up [default: 1 for a state, 1e-3 for a LoRA]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<f64>,
    /// The learning rate at the end [default: a hundredth for a state, a tenth for a LoRA]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    last_rate: Option<f64>,
    /// Steps of warming up
    #[arg(long, value_name = "N", default_value = "10", value_parser = any_count::<u64>)]
    warmup: u64,
    /// Feed token 0 before every text, as between the documents of pretraining
    #[arg(long)]
    lead: bool,
    /// Do not learn to end: no token 0 behind texts and answers
    #[arg(long)]
    no_end: bool,
    /// Of the order of the texts, and of a LoRA's first numbers
    #[arg(long, value_name = "N", default_value = "0", value_parser = any_count::<u64>)]
    seed: u64,
}

/// What `--precision` takes, as a list that `--help` and errors show.
fn precisions() -> impl TypedValueParser<Value = Precision> {
    PossibleValuesParser::new(Precision::NAMES).try_map(|name| name.parse::<Precision>())
}

/// A learning rate.
fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok();
    rate.filter(|rate| rate.is_finite() && *rate >= 0.0).ok_or_else(|| "expected a number from 0".to_owned())
}

/// What is learned from, and what is measured on.
pub struct Data {
    pub samples: Samples,
    pub held_out: Vec<Sample>,
}

impl TuneArgs {
    /// How to tune, where the flags do not say so as `usual` has it. Says what a person should know of it.
    pub fn tuning(&self, usual: Tuning) -> anyhow::Result<Tuning> {
        let course = &self.course;
        let mut tuning = usual;
        tuning.rounds = course.rounds as u64;
        tuning.steps = course.steps.map(|steps| steps as u64);
        tuning.batch = course.batch;
        // A rate that was asked for falls as far as the usual one does.
        let fall = tuning.last_rate / tuning.first_rate;
        tuning.first_rate = course.rate.unwrap_or(tuning.first_rate);
        tuning.last_rate = course.last_rate.unwrap_or(tuning.first_rate * fall);
        tuning.warmup_steps = course.warmup;
        tuning.seed = course.seed;
        let numerics = &mut tuning.numerics;
        numerics.threads = self.threads;
        numerics.rows = self.rows.unwrap_or(numerics.rows);
        numerics.lanes = self.lanes.unwrap_or(numerics.lanes);
        numerics.checkpoint = self.recompute;
        numerics.precision = self.precision;
        if let Some(notice) = tuning.notice()? {
            note(format_args!("note: {notice}"));
        }
        Ok(tuning)
    }

    /// The model's weights, and its vocabulary.
    pub fn open(&self) -> anyhow::Result<(Weights, Arc<dyn Tokenizer>)> {
        self.check_output()?;
        let mut checkpoint = self.model.checkpoint()?;
        let tokenizer = wkv7::open_tokenizer(&self.vocab, &checkpoint)?;
        checkpoint.tensors = adapters::merge(&checkpoint.tensors, &self.adapters)?;
        Ok((checkpoint.weights()?, tokenizer))
    }

    /// Refuses now what could not be written after all the work.
    fn check_output(&self) -> anyhow::Result<()> {
        let out = &self.output;
        if !matches!(Target::from_path(out)?, Target::Pth | Target::Safetensors) || out.is_dir() {
            bail!("{}: expected the name of a .pth, .safetensors or .st file", out.display());
        }
        let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            bail!("{}: expected a folder that is there: {}", out.display(), folder.display());
        }
        Ok(())
    }

    /// Reads all texts.
    pub fn data(&self, tokenizer: &dyn Tokenizer) -> anyhow::Result<Data> {
        let CourseArgs { ctx, lead, no_end, .. } = self.course;
        let reading = Reading { context: ctx, lead, end: !no_end };
        let mut samples = Samples::default();
        for path in &self.data {
            samples.append(Samples::read(path, tokenizer, &reading)?);
        }
        let held_out = match &self.held_out {
            Some(path) => Samples::read(path, tokenizer, &reading)?.samples,
            None => samples.hold_out(f64::from(self.hold_out)),
        };
        if samples.samples.is_empty() {
            let names: Vec<String> = self.data.iter().map(|path| path.display().to_string()).collect();
            bail!("{}: expected at least one text to learn from, found none", names.join(", "));
        }
        Ok(Data { samples, held_out })
    }

    /// Says for which file writing failed, where the error does not.
    pub fn written<T>(&self, written: Result<T, wkv7_train::Error>) -> anyhow::Result<T> {
        written.context("cannot write what was learned")
    }
}
