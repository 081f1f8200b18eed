//! `wkv7 verify`: a backend or a file, judged by another on the same tokens.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use wkv7::{BackendChoice, Model};

use crate::args::{ModelArgs, ModelName, TokenList};
use crate::terminal::{interrupt, output};

/// Compare a model with the reference backend, or with another file
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Verify {
    #[command(flatten)]
    model: ModelArgs,
    /// Who judges: the reference backend on the same file, or another checkpoint on the reference backend
    #[arg(long, value_name = "reference|MODEL", default_value = REFERENCE)]
    against: OsString,
    /// Compare on the text in this file (- for standard input) [default: a sentence of its own]
    #[arg(long, value_name = "FILE", conflicts_with = "tokens")]
    text: Option<PathBuf>,
    /// Compare on these token ids, or those in @FILE
    #[arg(long, value_name = "IDS|@FILE")]
    tokens: Option<TokenList>,
    /// Print one JSON object, with every position
    #[arg(long)]
    json: bool,
}

const REFERENCE: &str = "reference";

const EXAMPLES: &str = "\
Examples:
  wkv7 verify model.pth --backend cpu
  wkv7 verify model-q4.gguf --against model.pth --text sample.txt

Tells the largest and the relative error of the logits, how often both would choose the same token, the
KL divergence, and each layer's drift of state.";

/// What is compared on where nothing is given.
const SENTENCE: &str = "The river bends to the north and loses itself between low hills, \
                        and nobody in the village knows for certain where it ends.";

impl Verify {
    pub fn run(self) -> anyhow::Result<()> {
        interrupt::listen(interrupt::Impatience::LeaveAtOnce)?;
        let candidate = self.model.open()?;
        let tokens = self.tokens(&candidate)?;
        let reference = self.judge()?;
        let report = wkv7::verify(&candidate, &reference, &tokens)?;
        if self.json { output::json(&report) } else { Ok(output::print(report.to_string())?) }
    }

    /// The model that judges.
    fn judge(&self) -> anyhow::Result<Model> {
        let mut options = self.model.run.options()?;
        options.backend = BackendChoice::Named(REFERENCE.to_owned());
        let own = self.against == REFERENCE;
        let judge = if own { self.model.arg.name() } else { ModelName::from(self.against.clone()) };
        judge.load(options)
    }

    fn tokens(&self, model: &Model) -> anyhow::Result<Vec<u32>> {
        let text = match (&self.tokens, &self.text) {
            (Some(tokens), _) => return tokens.read(),
            (None, Some(file)) => output::read(file)?,
            (None, None) => SENTENCE.as_bytes().to_vec(),
        };
        if text.is_empty() {
            bail!("--text: expected a text to compare on, found nothing");
        }
        Ok(model.encode(text)?)
    }
}
