//! The settings of a run as flags, each under the name that it has in a TOML file.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use wkv7_train::numerics::Precision;
use wkv7_train::tasks::{Limit, TaskRun};

use crate::args::{any_count, parse_threads, some_count};

/// What was given; what was not comes from the TOML file, the run's own settings, or the defaults.
#[derive(Debug, Default, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Flags {
    /// What to learn from: a .bin and .idx pair (PREFIX), or files of text and .jsonl
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    data: Vec<PathBuf>,
    /// The vocabulary: `world`, `bytes`, the official text form or a tokenizer.json [default: that of --from, else
    /// world]
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    vocab: Option<String>,
    /// The line between two documents of plain text, "" for a blank one [default: a file is one document]
    #[arg(long, value_name = "LINE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    separator: Option<String>,
    /// The part of the data that only measures [default: 0.01]
    #[arg(long, value_name = "PART")]
    #[serde(skip_serializing_if = "Option::is_none")]
    held_out: Option<f64>,

    /// Finetune this checkpoint, of any format [default: make a new model]
    #[arg(long, value_name = "MODEL", help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<PathBuf>,
    /// Layers of a new model [default: 6]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<usize>,
    /// Its width, a multiple of the head size [default: 256]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<usize>,
    /// Channels of a head, a multiple of 16 [default: 64]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    head_size: Option<usize>,
    /// Hidden units of a channel mix [default: four times the width]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    ffn: Option<usize>,
    /// Token ids [default: those of the vocabulary]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Model")]
    #[serde(skip_serializing_if = "Option::is_none")]
    vocab_size: Option<usize>,

    /// Tokens of a sample [default: 512]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Length")]
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<usize>,
    /// Samples of a step [default: 8]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Length")]
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<usize>,
    /// Steps in all [default: one epoch]
    #[arg(long, value_name = "N", value_parser = any_count::<u64>, help_heading = "Length", group = "length")]
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u64>,
    /// Tokens in all, in whole steps
    #[arg(long, value_name = "N", value_parser = any_count::<u64>, help_heading = "Length", group = "length")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
    /// Rounds through the data, in whole steps
    #[arg(long, value_name = "N", help_heading = "Length", group = "length")]
    #[serde(skip_serializing_if = "Option::is_none")]
    epochs: Option<f64>,
    /// Begins a new model, and the order of the samples; 0 is the official order [default: 0]
    #[arg(long, value_name = "N", value_parser = any_count::<u64>, help_heading = "Length")]
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,

    /// The learning rate after warming up [default: 6e-4, with --from 1e-5]
    #[arg(long, value_name = "RATE", help_heading = "Optimizer")]
    #[serde(skip_serializing_if = "Option::is_none")]
    learning_rate: Option<f64>,
    /// The learning rate at the end, reached along a cosine [default: a tenth of the first]
    #[arg(long, value_name = "RATE", help_heading = "Optimizer")]
    #[serde(skip_serializing_if = "Option::is_none")]
    learning_rate_last: Option<f64>,
    /// Steps over which the learning rate rises [default: 10, or a tenth of all steps where that is less]
    #[arg(long, value_name = "STEPS", value_parser = any_count::<u64>, help_heading = "Optimizer")]
    #[serde(skip_serializing_if = "Option::is_none")]
    warmup: Option<u64>,
    /// Weight decay of the large matrices [default: 0.001]
    #[arg(long, value_name = "X", help_heading = "Optimizer")]
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_decay: Option<f64>,
    /// What stays of the mean gradient at each step [default: 0.9]
    #[arg(long, value_name = "X", help_heading = "Optimizer")]
    #[serde(skip_serializing_if = "Option::is_none")]
    beta1: Option<f64>,
    /// What stays of the mean square [default: 0.99]
    #[arg(long, value_name = "X", help_heading = "Optimizer")]
    #[serde(skip_serializing_if = "Option::is_none")]
    beta2: Option<f64>,
    /// Added to the root of the mean square [default: 1e-18]
    #[arg(long, value_name = "X", help_heading = "Optimizer")]
    #[serde(skip_serializing_if = "Option::is_none")]
    eps: Option<f32>,
    /// The largest gradient norm; larger ones are scaled down [default: 1]
    #[arg(long, value_name = "NORM", help_heading = "Optimizer")]
    #[serde(skip_serializing_if = "Option::is_none")]
    clip: Option<f64>,
    /// The official trainer's pull on the largest logits [default: true]
    #[arg(long, value_name = "BOOL", help_heading = "Optimizer")]
    #[serde(skip_serializing_if = "Option::is_none")]
    l2_wrap: Option<bool>,

    /// Measure the held-out part every so many steps, besides after the first and the last [default: 200]
    #[arg(long, value_name = "STEPS", value_parser = any_count::<u64>, help_heading = "Log and files")]
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_every: Option<u64>,
    /// At most so many tokens of it [default: 65536]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Log and files")]
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_tokens: Option<usize>,
    /// Log every so many steps; those with a spike or a held-out loss always are [default: 1]
    #[arg(long, value_name = "STEPS", value_parser = some_count, help_heading = "Log and files")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log_every: Option<usize>,
    /// Save a checkpoint every so many steps, besides at the end [default: 200]
    #[arg(long, value_name = "STEPS", value_parser = any_count::<u64>, help_heading = "Log and files")]
    #[serde(skip_serializing_if = "Option::is_none")]
    save_every: Option<u64>,
    /// Write the model every so many steps, besides at the end [default: at the end]
    #[arg(long, value_name = "STEPS", value_parser = any_count::<u64>, help_heading = "Log and files")]
    #[serde(skip_serializing_if = "Option::is_none")]
    export_every: Option<u64>,
    /// Write the model as `safetensors`, `pth` or both [default: safetensors]
    #[arg(long, value_name = "FORMATS", value_delimiter = ',', value_parser = ["safetensors", "pth"], help_heading = "Log and files")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    export: Vec<String>,
    /// The element type of the written model [default: f32]
    #[arg(long, value_name = "TYPE", value_parser = ["f32", "bf16", "f16"], help_heading = "Log and files")]
    #[serde(skip_serializing_if = "Option::is_none")]
    dtype: Option<String>,
    /// Steps whose losses and gradient norms tell what is usual [default: 100]
    #[arg(long, value_name = "STEPS", value_parser = some_count, help_heading = "Log and files")]
    #[serde(skip_serializing_if = "Option::is_none")]
    spike_window: Option<usize>,
    /// Standard deviations above their mean from which on one is reported [default: 6]
    #[arg(long, value_name = "X", help_heading = "Log and files")]
    #[serde(skip_serializing_if = "Option::is_none")]
    spike_sigma: Option<f64>,

    /// Threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = parse_threads, help_heading = "Running")]
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<usize>,
    /// Tokens that go through the model at a time: more want more memory [default: 512]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Running")]
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<usize>,
    /// Groups of so many that are under way side by side, each with gradients of its own [default: 2]
    #[arg(long, value_name = "N", value_parser = some_count, help_heading = "Running")]
    #[serde(skip_serializing_if = "Option::is_none")]
    lanes: Option<usize>,
    /// Compute activations twice rather than keep them: less memory, a third more time [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Running")]
    #[serde(skip_serializing_if = "Option::is_none")]
    recompute: Option<bool>,
    /// Round the factors of large products to `bf16`, as the official trainer does: faster on AMD's CPUs with AVX-512 BF16;
    /// with AMX it changes nothing, and on others it is slower [default: f32]
    #[arg(long, value_name = "TYPE", value_parser = Precision::NAMES, help_heading = "Running")]
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<String>,
}

impl Flags {
    /// What they say about a synthetic task.
    ///
    /// # Errors
    /// Flags that only a text has.
    pub fn set(&self, run: &mut TaskRun) -> anyhow::Result<()> {
        let of_text = [
            ("--data", !self.data.is_empty()),
            ("--vocab", self.vocab.is_some()),
            ("--from", self.from.is_some()),
            ("--layers", self.layers.is_some()),
            ("--rows", self.rows.is_some()),
            ("--lanes", self.lanes.is_some()),
            ("--recompute", self.recompute.is_some()),
            ("--precision", self.precision.is_some()),
        ];
        if let Some((flag, _)) = of_text.into_iter().find(|(_, given)| *given) {
            let hint = if flag == "--layers" { "; --depths are the layers of its models" } else { "" };
            anyhow::bail!("{flag} says nothing about a --task{hint}");
        }
        let counts = [
            (&mut run.channels, self.channels),
            (&mut run.head_size, self.head_size),
            (&mut run.length, self.context),
        ];
        counts.into_iter().for_each(|(to, given)| *to = given.unwrap_or(*to));
        run.rate = self.learning_rate.unwrap_or(run.rate);
        run.weight_decay = self.weight_decay.unwrap_or(run.weight_decay);
        run.seed = self.seed.unwrap_or(run.seed);
        run.threads = self.threads.or(run.threads);
        run.limit = self.steps.map_or(run.limit, Limit::Steps);
        Ok(())
    }
}
