//! `wkv7 tokenize`: text to token ids.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use wkv7::TokenizerChoice;
use wkv7::tokenizer::{self, Tokenizer};

use crate::args::ModelName;
use crate::terminal::output;

/// Turn text into token ids
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Tokenize {
    /// The text [default: standard input, bytes as they are]
    text: Option<String>,
    /// Print {"ids": [...]}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    vocabulary: VocabularyArgs,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 tokenize \"Hello, world!\"
  wkv7 tokenize --json < book.txt
  wkv7 tokenize --model model.gguf \"Hello\"";

impl Tokenize {
    pub fn run(self) -> anyhow::Result<()> {
        let text = match self.text {
            Some(text) => text.into_bytes(),
            None => output::read_stdin()?,
        };
        let mut ids = Vec::new();
        self.vocabulary.tokenizer()?.encode(&text, &mut ids)?;
        if self.json {
            return output::json(&Ids { ids });
        }
        let words: Vec<String> = ids.iter().map(ToString::to_string).collect();
        Ok(output::print(words.join(" ") + "\n")?)
    }
}

#[derive(Serialize)]
struct Ids {
    ids: Vec<u32>,
}

/// Which vocabulary, where no model is run.
#[derive(Debug, Args)]
pub struct VocabularyArgs {
    /// The vocabulary: `world`, `bytes`, the official text form or a tokenizer.json
    #[arg(long, value_name = "FILE", default_value = "world", conflicts_with = "model")]
    vocab: TokenizerChoice,
    /// Take the vocabulary of this model
    #[arg(long, value_name = "MODEL")]
    model: Option<ModelName>,
}

impl VocabularyArgs {
    /// Opens the vocabulary; of a model, nothing else is read.
    pub fn tokenizer(&self) -> anyhow::Result<Arc<dyn Tokenizer>> {
        if let Some(model) = &self.model {
            return Ok(wkv7::open_tokenizer(&TokenizerChoice::Auto, &model.checkpoint()?)?);
        }
        open(&self.vocab)
    }
}

/// Opens a vocabulary where there is no model to ask: `auto` can then only be the usual one.
pub fn open(choice: &TokenizerChoice) -> anyhow::Result<Arc<dyn Tokenizer>> {
    match choice {
        TokenizerChoice::Bytes => Ok(Arc::new(tokenizer::Bytes)),
        TokenizerChoice::File(path) => Ok(tokenizer::open(path)?),
        TokenizerChoice::World | TokenizerChoice::Auto => Ok(tokenizer::guess(WORLD)?),
    }
}

/// Tokens of the World vocabulary.
pub const WORLD: usize = 65_536;
