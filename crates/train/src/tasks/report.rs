//! What came of a run: accuracies by length and place, as rows of a table.

use std::fmt::Write as _;

use super::{TaskRun, plot};
use crate::Trainer;

/// How many answers were right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accuracy {
    /// The length of the samples.
    pub length: usize,
    /// How many there were.
    pub samples: usize,
    /// Right answers at each place, `[length]`.
    pub right: Vec<usize>,
    /// Samples of which every answer was right.
    pub whole: usize,
}

impl Accuracy {
    /// The part of all answers that were right.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.right.iter().sum::<usize>() as f64 / (self.samples * self.length).max(1) as f64
    }

    /// The part that was right at the worst place.
    #[must_use]
    pub fn worst(&self) -> f64 {
        self.right.iter().min().copied().unwrap_or(0) as f64 / self.samples.max(1) as f64
    }

    /// The part that was right at the last place.
    #[must_use]
    pub fn last(&self) -> f64 {
        self.right.last().copied().unwrap_or(0) as f64 / self.samples.max(1) as f64
    }

    /// The part of the samples that were right throughout.
    #[must_use]
    pub fn whole(&self) -> f64 {
        self.whole as f64 / self.samples.max(1) as f64
    }
}

/// A run that is over.
pub struct Report {
    /// What was run.
    pub run: TaskRun,
    /// The task, in a few words.
    pub title: String,
    /// Parameters of the model.
    pub parameters: usize,
    /// Steps done.
    pub steps: u64,
    /// Tokens trained on.
    pub tokens: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// By length, as they were asked for.
    pub accuracies: Vec<Accuracy>,
    /// The model.
    pub trainer: Trainer,
}

impl Report {
    /// The settings and the accuracies, in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let run = &self.run;
        let mut out = format!(
            "`{}`: {}.\n\n{} layers of {} channels, heads of {}, {} parameters, rate range {}; trained at lengths up to {}, \
             seed {}: {} steps of {} tokens, {:.1} million in all, {:.0} s; learning rate {}, weight decay {}, w0 {:+}, \
             growth {}.\n\n| length | right | at the worst place | at the last | whole samples | of |\n\
             |---|---|---|---|---|---|\n",
            run.task,
            self.title,
            run.layers,
            run.channels,
            run.head_size,
            self.parameters,
            run.rate_range,
            run.length,
            run.seed,
            self.steps,
            run.batch_tokens,
            self.tokens as f64 / 1e6,
            self.seconds,
            run.rate,
            run.weight_decay,
            run.decay_bias,
            run.growth,
        );
        for accuracy in &self.accuracies {
            let percent = |x: f64| format!("{:.2} %", 100.0 * x);
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} |",
                accuracy.length,
                percent(accuracy.mean()),
                percent(accuracy.worst()),
                percent(accuracy.last()),
                percent(accuracy.whole()),
                accuracy.samples
            );
        }
        out
    }

    /// Accuracy against the place in a sample, a line to a length, as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let name = |accuracy: &Accuracy| format!("length {}", accuracy.length);
        let lines: Vec<_> = self.accuracies.iter().map(|accuracy| (name(accuracy), accuracy)).collect();
        let range = self.run.rate_range;
        let title =
            format!("{}, {} layers, rate range {range}: {}", self.run.task, self.run.layers, self.title);
        plot::svg(&title, self.run.length, &lines)
    }
}

/// The longest tests of several runs in one picture, as an SVG document.
#[must_use]
pub fn together(title: &str, reports: &[(String, Accuracy)], trained: usize) -> String {
    let lines: Vec<_> = reports.iter().map(|(name, accuracy)| (name.clone(), accuracy)).collect();
    plot::svg(title, trained, &lines)
}
