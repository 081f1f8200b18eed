//! What came of a task: accuracies by length and place, as a table and as pictures.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wkv7_formats::WholeFile;

use super::{TaskRun, plot};
use crate::{Error, Trainer};

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

    /// The part of the samples that were right throughout.
    #[must_use]
    pub fn whole(&self) -> f64 {
        self.whole as f64 / self.samples.max(1) as f64
    }
}

/// A run that is over.
pub struct Outcome {
    /// What was run.
    pub run: TaskRun,
    /// The task, in a few words.
    pub title: String,
    /// Parameters of the model.
    pub parameters: usize,
    /// The longest samples that it was trained on.
    pub longest: usize,
    /// Steps done.
    pub steps: u64,
    /// Tokens trained on.
    pub tokens: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// By length, as they were asked for.
    pub accuracies: Vec<Accuracy>,
    /// The model, for [`crate::files::save`].
    pub trainer: Trainer,
}

impl Outcome {
    /// The settings and the accuracies, in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let run = &self.run;
        let plural = if run.layers == 1 { "" } else { "s" };
        let mut out = format!(
            "{} layer{plural} of {} channels, heads of {}, {} parameters, in-context learning rates up to {}; trained at \
             lengths up to {}, seed {}: {} steps of {} tokens, {:.2} million in all, {:.0} s; learning rate {}, weight \
             decay {}, w0 {:+}, growth {}.\n\n\
             | length | right | at the worst place | whole samples | samples |\n|---|---|---|---|---|\n",
            run.layers,
            run.channels,
            run.head_size,
            self.parameters,
            run.rate_range,
            self.longest,
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
            let [mean, worst, whole] =
                [accuracy.mean(), accuracy.worst(), accuracy.whole()].map(|x| 100.0 * x);
            let Accuracy { length, samples, .. } = accuracy;
            let _ = writeln!(out, "| {length} | {mean:.2} % | {worst:.2} % | {whole:.2} % | {samples} |");
        }
        out
    }

    /// Accuracy against the place in a sample, a line to a length, as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let line = |accuracy: &Accuracy| (format!("length {}", accuracy.length), plot::by_place(accuracy));
        let lines: Vec<_> = self.accuracies.iter().map(line).collect();
        let TaskRun { task, length, .. } = &self.run;
        plot::svg(&format!("{task}: {}; {}", self.title, self.name()), "place in the sample", *length, &lines)
    }

    /// What tells it from others of one report.
    fn name(&self) -> String {
        let TaskRun { layers, rate_range, .. } = self.run;
        let plural = if layers == 1 { "" } else { "s" };
        format!("{layers} layer{plural}, rates up to {rate_range}")
    }
}

/// Runs of one task, with models of different depth or rate range.
#[derive(Default)]
pub struct Report {
    /// In the order in which they are shown.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// Accuracy by model and length, then what is known of each run, in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let Some(first) = self.outcomes.first() else { return String::new() };
        let mut out = format!("### `{}`: {}\n\n| right at length", first.run.task, first.title);
        let mut lengths: Vec<usize> =
            self.outcomes.iter().flat_map(|outcome| outcome.run.test_lengths.clone()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths.iter().for_each(|length| {
            let _ = write!(out, " | {length}");
        });
        let _ = writeln!(out, " |\n|---{}|", "|---".repeat(lengths.len()));
        for outcome in &self.outcomes {
            let _ = write!(out, "| {}", outcome.name());
            for length in &lengths {
                let found = outcome.accuracies.iter().find(|accuracy| accuracy.length == *length);
                let text = found.map_or(String::new(), |found| format!("{:.2} %", 100.0 * found.mean()));
                let _ = write!(out, " | {text}");
            }
            out.push_str(" |\n");
        }
        for outcome in &self.outcomes {
            let _ = write!(out, "\n{}", outcome.markdown());
        }
        out
    }

    /// Accuracy against length, a line to a model, as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let Some(first) = self.outcomes.first() else { return plot::svg("", "length", 1, &[]) };
        let point = |accuracy: &Accuracy| (accuracy.length as f64, accuracy.mean());
        let line = |outcome: &Outcome| {
            let mut points: Vec<_> = outcome.accuracies.iter().map(point).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            (outcome.name(), points)
        };
        let lines: Vec<_> = self.outcomes.iter().map(line).collect();
        plot::svg(&format!("{}: {}", first.run.task, first.title), "length", first.run.length, &lines)
    }

    /// Writes `TASK.md`, `TASK.svg`, and for each model a picture by place, into `folder`, which is made where it is not
    /// there. Returns their paths.
    ///
    /// # Errors
    /// [`Error::Task`], naming the folder, and [`Error::File`], naming the file, where they cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        let Some(first) = self.outcomes.first() else { return Ok(Vec::new()) };
        let task = &first.run.task;
        let mut files = vec![(format!("{task}.md"), self.markdown()), (format!("{task}.svg"), self.svg())];
        for outcome in &self.outcomes {
            let TaskRun { layers, rate_range, .. } = outcome.run;
            files.push((format!("{task}-{layers}-{rate_range}.svg"), outcome.svg()));
        }
        let refused = |why| Error::Task(format!("{}: {why}", folder.display()));
        std::fs::create_dir_all(folder).map_err(refused)?;
        let mut paths = Vec::new();
        for (name, text) in files {
            let path = folder.join(name);
            WholeFile::write(&path, text.as_bytes())?;
            paths.push(path);
        }
        Ok(paths)
    }
}
