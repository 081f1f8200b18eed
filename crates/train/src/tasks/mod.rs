//! Synthetic tasks that tell what a recurrent memory can do, with fresh samples without end and exact evaluation.
//!
//! | file | task |
//! |---|---|
//! | `group` | composing permutations: S3, A5, S5 |
//! | `parity` | whether the ones so far are an even number |
//! | `counter` | a counter that goes round |
//! | `recall` | MQAR: values that belong to keys |
//! | `reversal` | a string, backwards |
//! | `run` | training on short samples, testing on longer ones |
//! | `report`, `plot` | what came of it, as a table and as a picture |

mod counter;
mod group;
mod parity;
mod plot;
mod recall;
mod report;
mod reversal;
mod run;

pub use counter::Counter;
pub use group::{Alphabet, Group, Spelling, WordProblem};
pub use parity::Parity;
pub use recall::Recall;
pub use report::{Accuracy, Outcome, Report};
pub use reversal::Reversal;
pub use run::{Growth, Limit, Progress, TaskRun, run};

use crate::{Error, Random};

/// A task: samples of any length, each a sequence of tokens with what should be answered at some of them.
pub trait Task: Send + Sync {
    /// What is asked, in a few words.
    fn title(&self) -> String;

    /// Token ids, of inputs and answers together.
    fn vocab(&self) -> usize;

    /// Tokens of a sample of `length`.
    fn tokens(&self, length: usize) -> usize;

    /// Appends a sample of `length` at least 1: [`Task::tokens`] inputs, and as many targets, [`IGNORED`] where nothing
    /// is asked. There are `length` answers, as [`Accuracy`] counts them.
    ///
    /// [`IGNORED`]: crate::numerics::IGNORED
    fn sample(&self, random: &mut Random, length: usize, inputs: &mut Vec<u32>, targets: &mut Vec<u32>);
}

/// The names that [`named`] knows, each with what it is.
pub const NAMES: [(&str, &str); 14] = [
    ("s3", "products in S3, every element a token"),
    ("a5", "products in A5, every element a token"),
    ("s5", "products in S5, every element a token"),
    ("s3-swaps", "products of swaps in S3"),
    ("a5-swaps", "products of double swaps in A5"),
    ("s5-swaps", "products of swaps in S5"),
    ("a5-pauses", "products in A5, every element followed by a pause"),
    ("s5-pauses", "products in S5, every element followed by three pauses, each a token of its own"),
    ("a5-parts", "products in A5, every element in two tokens that both name it"),
    ("s5-parts", "products in S5, every element in four tokens that all name it"),
    ("parity", "parity of bits"),
    ("counter", "a counter modulo 5"),
    ("mqar", "values that belong to keys"),
    ("reversal", "ten letters, backwards"),
];

/// The task of that name.
///
/// # Errors
/// [`Error::Task`] for a name that is not in [`NAMES`].
pub fn named(name: &str) -> Result<Box<dyn Task>, Error> {
    let words = |group, alphabet, spelling| -> Result<Box<dyn Task>, Error> {
        Ok(Box::new(WordProblem::new(group, alphabet, spelling)))
    };
    match name {
        "s3" => words(Group::symmetric(3), Alphabet::All, Spelling::Token),
        "a5" => words(Group::alternating(5), Alphabet::All, Spelling::Token),
        "s5" => words(Group::symmetric(5), Alphabet::All, Spelling::Token),
        "s3-swaps" => words(Group::symmetric(3), Alphabet::Swaps, Spelling::Token),
        "a5-swaps" => words(Group::alternating(5), Alphabet::Swaps, Spelling::Token),
        "s5-swaps" => words(Group::symmetric(5), Alphabet::Swaps, Spelling::Token),
        "a5-pauses" => words(Group::alternating(5), Alphabet::All, Spelling::Pauses(1)),
        "s5-pauses" => words(Group::symmetric(5), Alphabet::All, Spelling::Pauses(3)),
        "a5-parts" => words(Group::alternating(5), Alphabet::All, Spelling::Parts(2)),
        "s5-parts" => words(Group::symmetric(5), Alphabet::All, Spelling::Parts(4)),
        "parity" => Ok(Box::new(Parity)),
        "counter" => Ok(Box::new(Counter { modulus: 5 })),
        "mqar" => Ok(Box::new(Recall { keys: 256, values: 256 })),
        "reversal" => Ok(Box::new(Reversal { letters: 10 })),
        _ => {
            let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            Err(Error::Task(format!("expected one of {}; found `{}`", known.join(" "), name.escape_debug())))
        }
    }
}

/// Samples that are as long as each other.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    /// Token ids, `[sequences, tokens]`.
    pub inputs: Vec<u32>,
    /// Answers, `[sequences, tokens]`, and [`IGNORED`](crate::numerics::IGNORED) where nothing is asked.
    pub targets: Vec<u32>,
    /// Tokens of a sample.
    pub tokens: usize,
}

impl Samples {
    /// `sequences` fresh samples of `length`.
    #[must_use]
    pub fn fresh(task: &dyn Task, random: &mut Random, length: usize, sequences: usize) -> Self {
        let tokens = task.tokens(length);
        let mut samples = Self { tokens, ..Self::default() };
        for _ in 0..sequences {
            task.sample(random, length, &mut samples.inputs, &mut samples.targets);
        }
        samples
    }

    /// As the numerics take them.
    #[must_use]
    pub fn batch(&self) -> crate::numerics::Batch<'_> {
        crate::numerics::Batch { inputs: &self.inputs, targets: &self.targets, tokens: self.tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::IGNORED;

    #[test]
    fn every_task_keeps_its_word() {
        for (name, _) in NAMES {
            let task = named(name).expect("a known name");
            for length in [1, 2, 7, 32] {
                let samples = Samples::fresh(&*task, &mut Random::new(5), length, 3);
                assert_eq!(samples.tokens, task.tokens(length), "{name}");
                assert_eq!(
                    (samples.inputs.len(), samples.targets.len()),
                    (3 * samples.tokens, 3 * samples.tokens)
                );
                let vocab = task.vocab();
                assert!(samples.inputs.iter().all(|token| (*token as usize) < vocab), "{name}");
                let asked = samples.targets.iter().filter(|target| **target != IGNORED);
                assert!(asked.clone().all(|target| (*target as usize) < vocab), "{name}");
                assert_eq!(asked.count(), 3 * length, "{name}: one answer for each step of the length");
                let again = Samples::fresh(&*task, &mut Random::new(5), length, 3);
                assert_eq!((samples.inputs, samples.targets), (again.inputs, again.targets), "{name}");
            }
        }
        let error = named("s6").err().expect("unknown").to_string();
        assert!(error.contains("s5-swaps") && error.contains("found `s6`"), "{error}");
    }
}
