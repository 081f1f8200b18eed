//! LAMBADA: is the last word of a passage foreseen?

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use super::record::{About, Digest, Record};
use super::score::{Task, score};
use super::{EvalOptions, Watch, context, in_batches, read_items};
use crate::{Error, Model};

/// Results as RWKV's own evaluation states them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lambada {
    /// Passages.
    pub items: usize,
    /// Part of them whose last word is the model's first choice, token by token.
    pub accuracy: f64,
    /// exp of the mean, over passages, of -ln p of the last word.
    pub perplexity: f64,
}

#[derive(Debug, Deserialize)]
struct Passage {
    text: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    log_probability: f64,
    correct: bool,
}

/// Runs LAMBADA over JSON lines `{"text": ...}`.
///
/// Each text is split at its last space; the context is the end-of-text token (where the vocabulary has
/// one) and the tokens before, the target the tokens of the space and the last word.
///
/// # Errors
/// A line that is no such item, names its number; a record of other results; errors of the backend;
/// [`Error::Cancelled`].
pub fn lambada(
    model: &Model,
    lines: impl BufRead,
    options: &EvalOptions,
    watch: &mut Watch<'_, Lambada>,
) -> Result<Lambada, Error> {
    let passages: Vec<Passage> = read_items(lines, options.limit)?;
    let mut digest = Digest::new();
    passages.iter().for_each(|passage| digest.add(&passage.text));
    let about = About::of("lambada", model, digest.text());
    let mut record: Record<Outcome> = Record::open(options.resume.as_deref(), &about)?;
    let count = passages.len();
    let run = |record: &mut Record<Outcome>, items: &[usize]| {
        let tasks = items
            .iter()
            .map(|&item| task(model, &passages[item].text).map_err(|problem| at(item, problem)))
            .collect::<Result<Vec<_>, _>>()?;
        for (&item, scores) in items.iter().zip(score(model, &tasks)?) {
            for score in scores {
                let outcome = Outcome { log_probability: score.log_probability, correct: score.greedy };
                record.add(item, outcome)?;
            }
        }
        Ok(())
    };
    in_batches(model, options, &mut record, count, watch, run, |record| sum_up(record, count))
}

fn sum_up(record: &Record<Outcome>, count: usize) -> Option<Lambada> {
    let (mut items, mut correct, mut sum) = (0, 0, 0.0);
    for (_, outcome) in record.results(count) {
        items += 1;
        correct += usize::from(outcome.correct);
        sum += outcome.log_probability;
    }
    let part = |number: f64| number / items as f64;
    (items > 0).then(|| Lambada { items, accuracy: part(correct as f64), perplexity: part(-sum).exp() })
}

fn at(item: usize, problem: Error) -> Error {
    Error::Item { item: item + 1, problem: problem.to_string() }
}

fn task(model: &Model, text: &str) -> Result<Task, Error> {
    let at = text.rfind(' ').ok_or(Error::Empty("the text has no space before a last word"))?;
    let (before, last) = text.split_at(at);
    let task = Task { context: context(model, before)?, options: vec![model.encode(last)?] };
    if task.context.is_empty() {
        return Err(Error::Empty("nothing stands before the last word"));
    }
    if task.options.iter().any(Vec::is_empty) {
        return Err(Error::Empty("the last word has no token"));
    }
    Ok(task)
}
