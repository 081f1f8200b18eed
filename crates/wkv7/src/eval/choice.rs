//! Multiple choice: which continuation does the model find most likely?

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use super::record::{About, Digest, Record};
use super::score::{Task, score};
use super::{EvalOptions, Watch, context, in_batches, read_items};
use crate::{Error, Model};

/// One question, a line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceItem {
    /// All that stands before the answer.
    pub context: String,
    /// Possible continuations, each with the blank that it begins with: `" A"`.
    pub options: Vec<String>,
    /// Index of the right one.
    pub answer: usize,
}

/// Results over all questions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// Questions.
    pub items: usize,
    /// Part of them whose right option has the largest log-likelihood.
    pub accuracy: f64,
    /// The same with each log-likelihood divided by the option's length in bytes.
    pub accuracy_per_byte: f64,
    /// What guessing would reach: the mean of one over the number of options.
    pub chance: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    log_probabilities: Vec<f64>, // [options]
}

/// Runs questions over JSON lines of [`ChoiceItem`].
///
/// The context's and the options' tokens are made apart. A context starts with the end-of-text token, where
/// the vocabulary has one. Among equals the first option is chosen.
///
/// # Errors
/// A line that is no such item, names its number; a record of other results; errors of the backend;
/// [`Error::Cancelled`].
pub fn choice(
    model: &Model,
    lines: impl BufRead,
    options: &EvalOptions,
    watch: &mut Watch<'_, Choice>,
) -> Result<Choice, Error> {
    let questions: Vec<ChoiceItem> = read_items(lines, options.limit)?;
    let mut digest = Digest::new();
    for ChoiceItem { context, options, .. } in &questions {
        digest.add(context);
        options.iter().for_each(|option| digest.add(option));
    }
    let about = About::of("choice", model, digest.text());
    let mut record: Record<Outcome> = Record::open(options.resume.as_deref(), &about)?;
    let count = questions.len();
    for (item, question) in questions.iter().enumerate() {
        check(question).map_err(|problem| Error::Item { item: item + 1, problem })?;
    }
    let run = |record: &mut Record<Outcome>, items: &[usize]| {
        let tasks = items
            .iter()
            .map(|&item| {
                let problem = |error: Error| Error::Item { item: item + 1, problem: error.to_string() };
                task(model, &questions[item]).map_err(problem)
            })
            .collect::<Result<Vec<_>, _>>()?;
        for (&item, scores) in items.iter().zip(score(model, &tasks)?) {
            let log_probabilities = scores.iter().map(|score| score.log_probability).collect();
            record.add(item, Outcome { log_probabilities })?;
        }
        Ok(())
    };
    in_batches(model, options, &mut record, count, watch, run, |record| sum_up(&questions, record))
}

fn sum_up(questions: &[ChoiceItem], record: &Record<Outcome>) -> Option<Choice> {
    let (mut items, mut right, mut right_per_byte, mut chance) = (0, 0, 0, 0.0);
    for (item, outcome) in record.results(questions.len()) {
        let (question, scores) = (&questions[item], &outcome.log_probabilities);
        let per_byte: Vec<f64> =
            scores.iter().zip(&question.options).map(|(score, option)| score / option.len() as f64).collect();
        items += 1;
        right += usize::from(largest(scores) == Some(question.answer));
        right_per_byte += usize::from(largest(&per_byte) == Some(question.answer));
        chance += 1.0 / question.options.len() as f64;
    }
    let part = |number: f64| number / items as f64;
    (items > 0).then(|| Choice {
        items,
        accuracy: part(right as f64),
        accuracy_per_byte: part(right_per_byte as f64),
        chance: part(chance),
    })
}

/// Index of the largest, the first among equals.
fn largest(scores: &[f64]) -> Option<usize> {
    let best = scores.iter().copied().reduce(f64::max)?;
    scores.iter().position(|score| *score == best)
}

fn check(question: &ChoiceItem) -> Result<(), String> {
    if question.answer >= question.options.len() {
        let (answer, options) = (question.answer, question.options.len());
        return Err(format!("the answer is option {answer} (counted from 0), but there are {options}"));
    }
    match question.options.iter().position(String::is_empty) {
        Some(option) => Err(format!("option {option} (counted from 0) is empty")),
        None => Ok(()),
    }
}

fn task(model: &Model, question: &ChoiceItem) -> Result<Task, Error> {
    let context = context(model, &question.context)?;
    if context.is_empty() {
        return Err(Error::Empty("the context has no token"));
    }
    let options: Vec<Vec<u32>> =
        question.options.iter().map(|option| model.encode(option)).collect::<Result<_, _>>()?;
    // A vocabulary that normalises its text may leave nothing of an option, which would then be certain.
    if options.iter().any(Vec::is_empty) {
        return Err(Error::Empty("an option has no token"));
    }
    Ok(Task { context, options })
}
