//! Where a run's tokens come from: its vocabulary and its data.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use wkv7::tokenizer::Tokenizer;
use wkv7::{Config as Sizes, TokenizerChoice, formats};
use wkv7_train::data::Dataset;
use wkv7_train::run::{Config, Folder};

use crate::tokenize::{self, WORLD};

/// Opens the data of a run for its model.
pub fn open(config: &Config) -> anyhow::Result<Dataset> {
    let choice: TokenizerChoice = config.vocab.parse()?;
    let (tokenizer, vocab) = match &config.from {
        // The sizes are in the settings once the run has begun, and a pair needs no tokenizer.
        Some(_) if config.has_pair() && config.vocab_size.is_some() => (None, 0),
        Some(from) => {
            let checkpoint = formats::open(from)?;
            let vocab = Sizes::deduce(&checkpoint.tensors, checkpoint.recipe)?.vocab;
            let needed = (!config.has_pair()).then(|| wkv7::open_tokenizer(&choice, &checkpoint));
            (needed.transpose()?, vocab)
        }
        None => of_new_model(&choice)?,
    };
    Ok(config.dataset(tokenizer.as_deref(), config.vocab_size.unwrap_or(vocab))?)
}

/// The vocabulary of a new model, and how many token ids it has.
fn of_new_model(choice: &TokenizerChoice) -> anyhow::Result<(Option<Arc<dyn Tokenizer>>, usize)> {
    let tokenizer = tokenize::open(choice)?;
    let world = matches!(choice, TokenizerChoice::World | TokenizerChoice::Auto);
    let vocab = if world { WORLD } else { tokenizer.vocab() };
    Ok((Some(tokenizer), vocab))
}

/// Puts the vocabulary's file beside the model that will be written, where other commands find it.
pub fn keep_vocabulary(config: &Config, folder: &Folder) -> anyhow::Result<()> {
    let Some(file) = file(config)? else { return Ok(()) };
    let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
    let json = text.trim_ascii_start().starts_with(b"{");
    let name = if json { "tokenizer.json" } else { "rwkv_vocab.txt" };
    Ok(formats::WholeFile::write(folder.path().join(name), &text)?)
}

/// The file that the vocabulary is in, if it is in one of its own.
fn file(config: &Config) -> anyhow::Result<Option<std::path::PathBuf>> {
    match config.vocab.parse()? {
        TokenizerChoice::File(path) => Ok(Some(path)),
        TokenizerChoice::World | TokenizerChoice::Bytes => Ok(None),
        TokenizerChoice::Auto => {
            let Some(from) = &config.from else { return Ok(None) };
            let folder = if from.is_dir() { from.as_path() } else { from.parent().unwrap_or(Path::new(".")) };
            let beside = folder.join("tokenizer.json");
            Ok(beside.is_file().then_some(beside))
        }
    }
}
