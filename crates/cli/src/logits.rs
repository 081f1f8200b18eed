//! `wkv7 logits`: the numbers themselves, to compare with other implementations.

use std::path::{Path, PathBuf};

use clap::Args;
use safetensors::tensor::{Dtype, TensorView};
use wkv7::formats::WholeFile;
use wkv7::{Config, SessionStep, State, Want};

use crate::args::{ModelArgs, TokenList};
use crate::terminal::interrupt::{self, Impatience};

/// Write the logits after given tokens, and the state they leave
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Logits {
    #[command(flatten)]
    model: ModelArgs,
    /// The tokens: ids separated by commas or spaces, or @FILE with such ids (@- for standard input)
    #[arg(long, value_name = "IDS|@FILE")]
    tokens: TokenList,
    /// Write the logits after every token, not only the last
    #[arg(long)]
    all: bool,
    /// The safetensors file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 logits model.pth --tokens 34,105,110 --output logits.safetensors
  wkv7 tokenize \"A text\" | wkv7 logits model.pth --tokens @- --all --output logits.safetensors

The file holds, all f32:
  logits           [tokens or 1, vocab]
  state.att_shift  [layers, channels]
  state.wkv        [layers, heads, head size (value), head size (key)]
  state.ffn_shift  [layers, channels]";

impl Logits {
    pub fn run(self) -> anyhow::Result<()> {
        interrupt::listen(Impatience::LeaveAtOnce)?;
        let tokens = self.tokens.read()?;
        let model = self.model.open()?;
        let config = model.config();
        let mut session = model.session()?;
        let mut logits = Vec::new();
        let chunk = model.info().max_tokens;
        let chunks = tokens.len().div_ceil(chunk);
        for (index, tokens) in tokens.chunks(chunk).enumerate() {
            let want = match (self.all, index + 1 == chunks) {
                (true, _) => Want::All,
                (false, true) => Want::Last,
                (false, false) => Want::Nothing,
            };
            let step = SessionStep { session: &mut session, tokens, want };
            logits.extend(model.forward(vec![step])?.into_outputs().logits);
        }
        Impatience::Wait.set(); // until the file is whole
        write(&self.output, config, &logits, &session.state()?)
    }
}

/// Writes the four tensors to `path`.
fn write(path: &Path, config: &Config, logits: &[f32], state: &State) -> anyhow::Result<()> {
    let Config { layers, channels, heads, head_size: n, vocab, .. } = *config;
    let parts = [
        ("logits", vec![logits.len() / vocab.max(1), vocab], logits),
        ("state.att_shift", vec![layers, channels], &state.att_shift),
        ("state.ffn_shift", vec![layers, channels], &state.ffn_shift),
        ("state.wkv", vec![layers, heads, n, n], &state.wkv),
    ];
    let parts = parts.map(|(name, shape, values)| {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        (name, shape, bytes)
    });
    let mut tensors = Vec::with_capacity(parts.len());
    for (name, shape, bytes) in &parts {
        tensors.push((*name, TensorView::new(Dtype::F32, shape.clone(), bytes)?));
    }
    let bytes = safetensors::serialize(tensors, None)?;
    Ok(WholeFile::write(path, &bytes)?)
}
