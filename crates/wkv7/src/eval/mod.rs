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

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Model};
use record::Record;

pub use choice::{Choice, ChoiceItem, choice};
pub use lambada::{Lambada, lambada};
pub use perplexity::{Perplexity, PerplexityOptions, Start, perplexity, perplexity_of_tokens};

/// How far an evaluation with results `R` is.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress<'a, R> {
    /// Items that are done, or about how many bytes of text.
    pub done: u64,
    /// Of how many, where that is known.
    pub total: Option<u64>,
    /// The results over what is done; `None` where nothing is yet.
    pub so_far: Option<&'a R>,
}

/// Told how far an evaluation is; returns whether to go on.
pub type Watch<'a, R> = dyn FnMut(&Progress<'_, R>) -> bool + 'a;

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
fn read_items<T: DeserializeOwned>(lines: impl BufRead, limit: Option<usize>) -> Result<Vec<T>, Error> {
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

/// Runs the items that have no result yet, in batches, and sums up all results.
///
/// `run` gives the results of some items and keeps them in the record; `sum_up` gives `None` for none.
fn in_batches<T, R>(
    model: &Model,
    options: &EvalOptions,
    record: &mut Record<T>,
    total: usize,
    watch: &mut Watch<'_, R>,
    mut run: impl FnMut(&mut Record<T>, &[usize]) -> Result<(), Error>,
    sum_up: impl Fn(&Record<T>) -> Option<R>,
) -> Result<R, Error>
where
    T: Serialize + DeserializeOwned,
{
    let batch = options.batch.min(model.info().max_slots / 2).max(1);
    let missing = record.missing(total);
    let mut done = total - missing.len();
    let mut result = sum_up(record);
    for part in missing.chunks(batch) {
        let progress = Progress { done: done as u64, total: Some(total as u64), so_far: result.as_ref() };
        if !watch(&progress) {
            return Err(Error::Cancelled);
        }
        run(record, part)?;
        done += part.len();
        result = sum_up(record);
    }
    watch(&Progress { done: done as u64, total: Some(total as u64), so_far: result.as_ref() });
    result.ok_or(Error::Empty("there are no items"))
}
