//! What a model is worth: perplexity of a text, LAMBADA, multiple choice.
//!
//! Every item starts from a fresh session, so no result depends on its neighbours. Results can be
//! recorded in a file of JSON lines; a later run with that file skips what is there.

mod choice;
mod lambada;
mod perplexity;
mod record;
mod score;
mod text;

use std::io::BufRead;
use std::path::PathBuf;

use crate::{Error, Model};

pub use choice::{Choice, ChoiceItem, choice};
pub use lambada::{Lambada, lambada};
pub use perplexity::{Perplexity, PerplexityOptions, Start, perplexity, perplexity_of_tokens};

/// Told how far an evaluation is: done, and the total where it is known, in items or in bytes of text.
/// Returns whether to go on.
pub type Progress<'a> = dyn FnMut(u64, Option<u64>) -> bool + 'a;

/// How to run an evaluation of many items.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EvalOptions {
    /// Items run together; also limited by half the model's slots. Default 16.
    pub batch: usize,
    /// Only this many items, from the first. Default all.
    pub limit: Option<usize>,
    /// File of JSON lines with the results so far: read first, added to after each batch.
    pub resume: Option<PathBuf>,
}

impl Default for EvalOptions {
    fn default() -> Self {
        Self { batch: 16, limit: None, resume: None }
    }
}

/// Reads items, one JSON value a line; blank lines are passed over.
fn read_items<T: serde::de::DeserializeOwned>(
    lines: impl BufRead,
    limit: Option<usize>,
) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    for line in lines.lines() {
        if limit.is_some_and(|limit| items.len() >= limit) {
            break;
        }
        let line = line.map_err(|source| Error::Io { what: "reading the items".to_owned(), source })?;
        if line.trim().is_empty() {
            continue;
        }
        let item = items.len() + 1;
        let wrong = |error: serde_json::Error| Error::Item { item, problem: error.to_string() };
        items.push(serde_json::from_str(&line).map_err(wrong)?);
    }
    if items.is_empty() {
        return Err(Error::Empty("there are no items"));
    }
    Ok(items)
}

/// The tokens of a context at the start of a document: the end of text, where there is one, then the text.
fn context(model: &Model, text: &str) -> Result<Vec<u32>, Error> {
    let mut tokens: Vec<u32> = model.tokenizer()?.end_of_text().into_iter().collect();
    tokens.extend(model.encode(text)?);
    Ok(tokens)
}

/// Runs the items that `done` says are missing, in batches; `run` gives the results of some and keeps them.
fn in_batches(
    model: &Model,
    options: &EvalOptions,
    missing: &[usize],
    total: usize,
    progress: &mut Progress<'_>,
    mut run: impl FnMut(&[usize]) -> Result<(), Error>,
) -> Result<(), Error> {
    let batch = options.batch.min(model.info().max_slots / 2).max(1);
    let mut done = total - missing.len();
    for part in missing.chunks(batch) {
        if !progress(done as u64, Some(total as u64)) {
            return Err(Error::Cancelled);
        }
        run(part)?;
        done += part.len();
    }
    progress(done as u64, Some(total as u64));
    Ok(())
}
