//! `wkv7 train RUN --task NAME`: what a memory of so many layers can track, on problems made for it.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use clap::builder::PossibleValuesParser;
use wkv7_train::tasks::{self, Growth, Limit, Report, TaskRun};

use super::flags::Flags;
use super::screen::span;
use crate::args::{part, some_count};
use crate::terminal::progress::Bar;
use crate::terminal::{interrupt, output};

/// A task, and how it is tested.
#[derive(Debug, Args)]
#[command(next_help_heading = "Synthetic task")]
pub struct TaskArgs {
    /// Learn this instead of a text; RUN gets a table and pictures of the accuracy against the length. Takes --channels,
    /// --head-size, --context (the longest training samples), --steps, --learning-rate, --weight-decay, --seed, --threads
    #[arg(long, value_name = "TASK", value_parser = PossibleValuesParser::new(tasks::NAMES.map(|(name, _)| name)))]
    task: Option<String>,
    /// Models of so many layers, one after the other
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "2", value_parser = some_count, requires = "task")]
    depths: Vec<usize>,
    /// Lengths that are tested [default: 32,64,128,512]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = some_count, requires = "task")]
    test_lengths: Vec<usize>,
    /// The largest in-context learning rate: 1 as in every released model, or 2, with which a step can reflect; both are
    /// tried where both are given
    #[arg(long, value_name = "X,...", value_delimiter = ',', default_value = "1", requires = "task")]
    rate_range: Vec<f32>,
    /// Training samples grow by one step whenever this part of the answers to the longest was right: what takes long to
    /// understand is understood short [default: they grow evenly over a fifth of the training]
    #[arg(long, value_name = "PART", value_parser = part, requires = "task")]
    mastery: Option<f32>,
    /// Minutes of training of each model, where no --steps say it [default: 30]
    #[arg(long, value_name = "MINUTES", requires = "task", conflicts_with = "steps")]
    minutes: Option<f64>,
}

impl TaskArgs {
    /// Whether a task was asked for.
    pub fn is_some(&self) -> bool {
        self.task.is_some()
    }

    /// Trains and tests every model, and writes the report into `folder`.
    pub fn run(&self, flags: &Flags, folder: &Path, json: bool) -> anyhow::Result<()> {
        let Some(task) = &self.task else { bail!("no task") };
        let mut run = TaskRun { task: task.clone(), ..TaskRun::default() };
        flags.set(&mut run)?;
        if let Some(minutes) = self.minutes {
            run.limit = Limit::Minutes(minutes);
        }
        if let Some(right) = self.mastery {
            run.growth = Growth::Mastery(right.into());
        }
        if !self.test_lengths.is_empty() {
            run.test_lengths.clone_from(&self.test_lengths);
        }
        let mut report = Report::default();
        for &layers in &self.depths {
            for &rate_range in &self.rate_range {
                if interrupt::asked() {
                    break;
                }
                let bar = Bar::steps();
                report.outcomes.push(tasks::run(
                    &TaskRun { layers, rate_range, ..run.clone() },
                    &mut |now| {
                        let left = now.seconds / now.step.max(1) as f64 * (now.steps - now.step) as f64;
                        let left = span(Duration::from_secs_f64(left.max(0.0)));
                        let (right, loss) = (100.0 * now.accuracy, now.loss);
                        bar.say(format!(
                            "length {}  loss {loss:.3}  right {right:.1} %  {left} left",
                            now.length
                        ));
                        bar.show(now.step, Some(now.steps));
                        !interrupt::asked()
                    },
                )?);
            }
        }
        let written = report.write(folder)?;
        if json {
            for outcome in &report.outcomes {
                for accuracy in &outcome.accuracies {
                    output::json(&serde_json::json!({
                        "task": task, "layers": outcome.run.layers, "rate_range": outcome.run.rate_range,
                        "steps": outcome.steps, "tokens": outcome.tokens, "seconds": outcome.seconds,
                        "length": accuracy.length, "accuracy": accuracy.mean(), "worst_place": accuracy.worst(),
                        "whole_samples": accuracy.whole(),
                    }))?;
                }
            }
            return Ok(());
        }
        output::print(report.markdown())?;
        let paths: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        output::print(format!("to {}\n", paths.join(", ")))?;
        Ok(())
    }
}
