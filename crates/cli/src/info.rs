//! `wkv7 info`: what a checkpoint is, without loading it unless asked to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use wkv7::formats::Checkpoint;
use wkv7::{BackendChoice, Config, Model, Options, TokenizerChoice};

use crate::args::{ModelArg, backend_names, parse_threads};
use crate::terminal::table::{Table, bytes, count};
use crate::terminal::{interrupt, output};

/// Show what a checkpoint holds
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Info {
    #[command(flatten)]
    model: ModelArg,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Load it and run a few tokens: how they are computed, what was packed, how many hidden units were zero
    #[arg(long)]
    run: bool,
    /// Who computes [default: auto]
    #[arg(long, help_heading = "Running", value_name = "BACKEND", value_parser = backend_names(), requires = "run")]
    backend: Option<String>,
    /// Threads of the cpu backend [default: one per core]
    #[arg(long, help_heading = "Running", value_name = "N", value_parser = parse_threads, requires = "run")]
    threads: Option<usize>,
    /// Forbid every approximation made for speed
    #[arg(long, help_heading = "Running", requires = "run")]
    exact: bool,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 info
  wkv7 info model.pth
  wkv7 info --json model.gguf
  wkv7 info --run model.pth --backend cpu";

/// What is run: the beginning of a text, over and over until a backend has laid out every layer.
const TEXT: &str = "The river bends to the north and loses itself between low hills.";

impl Info {
    pub fn run(self) -> anyhow::Result<()> {
        let model = self.model.chosen();
        let mut facts = Facts::read(model.checkpoint()?)?;
        if self.run {
            interrupt::listen(interrupt::Impatience::LeaveAtOnce)?;
            facts.run = Some(Ran::on(model.load(self.options())?)?);
        }
        if self.json {
            return output::json(&facts);
        }
        Ok(output::print(facts.table().to_string())?)
    }

    fn options(&self) -> Options {
        let mut options = Options::default();
        if let Some(name) = self.backend.as_ref().filter(|name| *name != "auto") {
            options.backend = BackendChoice::Named(name.clone());
        }
        options.load.threads = self.threads;
        options.load.exact = self.exact;
        options
    }
}

/// All that is told of a checkpoint.
#[derive(Debug, Serialize)]
struct Facts {
    path: PathBuf,
    format: String,
    file_bytes: u64,
    fingerprint: String,
    parameters: u64,
    tensors: usize,
    config: Sizes,
    /// Bytes by element type.
    dtypes: BTreeMap<&'static str, u64>,
    vocabulary: Vocabulary,
    state_bytes: u64,
    /// Whether a tuned initial state lies inside.
    initial_state: bool,
    chat_template: Option<String>,
    metadata: BTreeMap<String, String>,
    /// What running it told, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Ran>,
}

/// What only running a model tells.
#[derive(Debug, Serialize)]
struct Ran {
    backend: &'static str,
    /// Tokens that were run, one by one.
    tokens: usize,
    kernels: String,
    packed: Vec<Packed>,
    ffn_sparsity: Option<f64>,
}

/// Weights in a layout of the backend's own.
#[derive(Debug, Serialize)]
pub struct Packed {
    pub what: String,
    pub bytes: u64,
    pub seconds: f64,
}

#[derive(Debug, Serialize)]
struct Sizes {
    layers: usize,
    channels: usize,
    heads: usize,
    head_size: usize,
    ffn: usize,
    vocab: usize,
    /// Low-rank widths, one entry per layer.
    ranks: Vec<Ranks>,
    layer_norm_eps: f32,
    group_norm_eps: f32,
    rate_range: f32,
}

#[derive(Debug, Serialize, PartialEq, Eq)]
struct Ranks {
    decay: usize,
    rate: usize,
    value: usize,
    gate: usize,
}

#[derive(Debug, Serialize)]
struct Vocabulary {
    /// `world`, `bytes`, `tokenizer.json`, `gguf`; none where nothing tells.
    kind: Option<String>,
    tokens: Option<usize>,
    /// Why there is none.
    problem: Option<String>,
}

impl Facts {
    fn read(mut checkpoint: Checkpoint) -> anyhow::Result<Self> {
        let (path, file_bytes) = (checkpoint.path.clone(), checkpoint.file_bytes);
        let format = checkpoint.format.to_string();
        let metadata = std::mem::take(&mut checkpoint.metadata);
        let chat_template = checkpoint.chat_template.take();
        let vocabulary = Vocabulary::of(&checkpoint);
        let weights = checkpoint.weights()?;
        Ok(Self {
            path,
            format,
            file_bytes,
            fingerprint: weights.fingerprint().to_string(),
            parameters: weights.parameters(),
            tensors: weights.tensors().len(),
            config: Sizes::of(weights.config()),
            dtypes: weights.bytes_by_dtype(),
            vocabulary,
            state_bytes: weights.config().state_len() as u64 * 4, // f32
            initial_state: weights.tensors().get("blocks.0.att.time_state").is_some(), // all layers have one, then
            chat_template,
            metadata,
            run: None,
        })
    }

    fn table(&self) -> Table {
        let mut table = Table::default();
        let Sizes { layers, channels, heads, head_size, ffn, vocab, .. } = self.config;
        table.row("file", self.path.display()).row("format", &self.format);
        table.row("size", format!("{} ({} bytes)", bytes(self.file_bytes), count(self.file_bytes)));
        table.row("fingerprint", &self.fingerprint);
        table.row("parameters", count(self.parameters));
        table.row("layers", layers).row("channels", channels);
        table.row("heads", format!("{heads} of {head_size} channels"));
        table.row("ffn", ffn).row("vocab", vocab);
        table.row("low ranks", self.config.ranks_line());
        if self.config.rate_range != 1.0 {
            table.row("learning rates", format!("in context, up to {}", self.config.rate_range));
        }
        for (dtype, size) in &self.dtypes {
            table.row(format!("weights {dtype}"), bytes(*size));
        }
        table.row("vocabulary", &self.vocabulary);
        table.row("state", format!("{} per sequence", bytes(self.state_bytes)));
        if self.initial_state {
            table.row("initial state", "tuned, inside the file");
        }
        if let Some(template) = &self.chat_template {
            table.row("chat template", shortened(template));
        }
        for (key, value) in &self.metadata {
            table.row(key, shortened(value));
        }
        if let Some(ran) = &self.run {
            ran.rows(&mut table);
        }
        table
    }
}

impl Ran {
    fn on(model: Model) -> anyhow::Result<Self> {
        let vocab = u32::try_from(model.config().vocab).unwrap_or(u32::MAX).max(1);
        // Without a vocabulary the bytes of the text are as good as any tokens.
        let text =
            model.encode(TEXT).unwrap_or_else(|_| TEXT.bytes().map(|byte| u32::from(byte) % vocab).collect());
        let tokens = text.len().max(model.config().layers + 2);
        let mut session = model.session()?;
        for &token in text.iter().cycle().take(tokens) {
            session.feed(&[token])?;
        }
        let report = model.report()?;
        Ok(Self {
            backend: model.info().backend,
            tokens,
            ffn_sparsity: report.ffn_sparsity(),
            packed: report.packed.iter().map(Packed::from).collect(),
            kernels: report.kernels,
        })
    }

    fn rows(&self, table: &mut Table) {
        let Self { backend, tokens, kernels, packed, ffn_sparsity } = self;
        let named = if kernels.is_empty() { "" } else { ", " };
        table.row("run", format!("{tokens} tokens on {backend}{named}{kernels}"));
        for Packed { what, bytes: size, seconds } in packed {
            table.row("packed", format!("{what}: {} in {seconds:.3} s", bytes(*size)));
        }
        if let Some(sparsity) = ffn_sparsity {
            table.row("ffn zeros", format!("{:.1} % of hidden units", 100.0 * sparsity));
        }
    }
}

impl From<&wkv7::core::Packed> for Packed {
    fn from(packed: &wkv7::core::Packed) -> Self {
        Self { what: packed.what.clone(), bytes: packed.bytes, seconds: packed.seconds }
    }
}

impl Sizes {
    fn of(config: &Config) -> Self {
        let ranks = config.ranks.iter().map(|ranks| Ranks {
            decay: ranks.decay,
            rate: ranks.rate,
            value: ranks.value,
            gate: ranks.gate,
        });
        Self {
            layers: config.layers,
            channels: config.channels,
            heads: config.heads,
            head_size: config.head_size,
            ffn: config.ffn,
            vocab: config.vocab,
            ranks: ranks.collect(),
            layer_norm_eps: config.recipe.layer_norm_eps,
            group_norm_eps: config.recipe.group_norm_eps,
            rate_range: config.recipe.rate_range,
        }
    }

    /// The ranks of the last layer, which has all four nets, and whether the others are like it.
    fn ranks_line(&self) -> String {
        let Some(last) = self.ranks.last() else { return "none".to_owned() };
        let Ranks { decay, rate, value, gate } = last;
        let line = format!("decay {decay}, rate {rate}, value {value}, gate {gate}");
        let even = self.ranks.iter().skip(1).all(|ranks| ranks == last);
        if even { line } else { line + " in the last layer; others differ" }
    }
}

impl Vocabulary {
    fn of(checkpoint: &Checkpoint) -> Self {
        let known =
            |kind: &str, tokens| Self { kind: Some(kind.to_owned()), tokens: Some(tokens), problem: None };
        // One inside is what would be used; building its trie would only cost time and memory here.
        if let Some(inside) = checkpoint.vocabulary.as_ref().filter(|inside| inside.model == "rwkv") {
            return known("gguf", inside.tokens.len());
        }
        match wkv7::open_tokenizer(&TokenizerChoice::Auto, checkpoint) {
            Ok(tokenizer) => known(tokenizer.name(), tokenizer.vocab()),
            Err(error) => Self { kind: None, tokens: None, problem: Some(error.to_string()) },
        }
    }
}

impl std::fmt::Display for Vocabulary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.kind, self.tokens, &self.problem) {
            (Some(kind), Some(tokens), _) => write!(f, "{kind} ({tokens} tokens)"),
            (_, _, Some(problem)) => write!(f, "unknown: {problem}"),
            _ => f.write_str("unknown"),
        }
    }
}

/// The beginning of a long text, on one line.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN { line } else { line.chars().take(SHOWN).chain("...".chars()).collect() }
}
