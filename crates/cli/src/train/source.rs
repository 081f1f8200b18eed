//! Where a run's tokens come from: its vocabulary and its data.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use wkv7::tokenizer::{self, Tokenizer};
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
    let place = folder.path().join(if json { "tokenizer.json" } else { "rwkv_vocab.txt" });
    if place.exists() {
        return Ok(()); // the run goes on
    }
    Ok(formats::WholeFile::write(place, &text)?)
}

/// The file that the vocabulary is in, if it is in one of its own.
fn file(config: &Config) -> anyhow::Result<Option<PathBuf>> {
    let from = match (config.vocab.parse()?, &config.from) {
        (TokenizerChoice::File(path), _) => return Ok(Some(path)),
        (TokenizerChoice::Auto, Some(from)) => from,
        _ => return Ok(None),
    };
    // That of a model lies beside it or, as one Hugging Face has, inside.
    let folder = if from.is_dir() { from.as_path() } else { from.parent().unwrap_or(Path::new(".")) };
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(None) };
    let official = |name: &str| name.starts_with("rwkv_vocab") && name.ends_with(".txt");
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        path.is_file() && name.is_some_and(|name| official(name) || name == "tokenizer.json")
    });
    files.sort(); // the official form first, as when a model is opened
    let vocab = config.vocab_size.unwrap_or(0);
    Ok(files.into_iter().find(|path| tokenizer::open(path).is_ok_and(|found| found.vocab() <= vocab)))
}
