//! Tuning as a person or a program sees it.

use std::time::Instant;

use serde::Serialize;
use wkv7_train::numerics::Score;
use wkv7_train::tune::{Outcome, Progress, Sample};

use crate::memory;
use crate::terminal::interrupt::{self, Impatience};
use crate::terminal::progress::Bar;
use crate::terminal::table::{Table, bytes, count};
use crate::terminal::{note, output};

use super::args::{Data, TuneArgs};

/// What is tuned, whatever it is.
pub trait Tuner {
    /// Takes all steps.
    fn run(
        &mut self,
        samples: &[Sample],
        progress: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<Outcome, wkv7_train::Error>;

    /// How well `samples` are foreseen.
    fn evaluate(&mut self, samples: &[Sample]) -> Result<Score, wkv7_train::Error>;

    /// Writes what was learned; bytes of the file.
    fn save(&self, path: &std::path::Path) -> Result<u64, wkv7_train::Error>;

    /// Bytes beside the weights.
    fn bytes(&self) -> usize;

    /// Bytes of saved activations among them.
    fn activation_bytes(&self) -> usize;
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Report {
    output: String,
    texts: usize,
    held_out_texts: usize,
    steps: u64,
    skipped_steps: u64,
    stopped: bool,
    tokens: u64,
    seconds: f64,
    tokens_per_second: f64,
    held_out_loss_before: Option<f64>,
    held_out_loss_after: Option<f64>,
    output_bytes: u64,
    working_bytes: usize,
    activation_bytes: usize, // of them
    peak_bytes: Option<u64>, // of the process
}

/// Tunes, writes the result and says what came of it.
pub fn tune(tuner: &mut dyn Tuner, args: &TuneArgs, data: &Data) -> anyhow::Result<()> {
    let report = Report::of(tuner, args, data)?;
    if args.json {
        return output::json(&report);
    }
    Ok(output::print(report.table(data).to_string())?)
}

impl Report {
    /// Tunes, writes the result, measures before and after. After Ctrl-C what was learned is written, and nothing more
    /// is measured.
    fn of(tuner: &mut dyn Tuner, args: &TuneArgs, data: &Data) -> anyhow::Result<Self> {
        let held_out = &data.held_out;
        let measure = |tuner: &mut dyn Tuner| {
            let wanted = !held_out.is_empty() && !interrupt::asked();
            wanted.then(|| tuner.evaluate(held_out).map(|score| score.mean())).transpose()
        };
        let before = measure(tuner)?;
        Impatience::Leave.set(); // from here on there is something to write
        let (bar, start) = (Bar::items(), Instant::now());
        let mut skipped = false;
        let outcome = tuner.run(&data.samples.samples, &mut |step: &Progress| {
            let speed = step.tokens as f64 / start.elapsed().as_secs_f64().max(1e-9);
            bar.say(format!("loss {:.3}, {speed:.0} tokens/s", step.score.mean()));
            bar.show(step.done, Some(step.steps));
            skipped |= step.skipped;
            !interrupt::asked()
        })?;
        let seconds = start.elapsed().as_secs_f64();
        drop(bar);
        if skipped {
            let steps = outcome.skipped;
            note(format_args!(
                "{steps} steps changed nothing: their loss or gradients were not finite; try a lower --rate"
            ));
        }
        let output_bytes = args.written(tuner.save(&args.output))?;
        let after = measure(tuner)?;
        Ok(Self {
            output: args.output.display().to_string(),
            texts: data.samples.samples.len(),
            held_out_texts: held_out.len(),
            steps: outcome.steps,
            skipped_steps: outcome.skipped,
            stopped: outcome.stopped,
            tokens: outcome.tokens,
            seconds,
            tokens_per_second: outcome.tokens as f64 / seconds.max(1e-9),
            held_out_loss_before: before,
            held_out_loss_after: after,
            output_bytes,
            working_bytes: tuner.bytes(),
            activation_bytes: tuner.activation_bytes(),
            peak_bytes: memory::peak_bytes(),
        })
    }

    /// As columns.
    fn table(&self, data: &Data) -> Table {
        let mut table = Table::default();
        let mut texts =
            format!("{}, and {} held out", count(self.texts as u64), count(self.held_out_texts as u64));
        for (number, what) in [(data.samples.cut, "cut"), (data.samples.left_out, "left out")] {
            if number > 0 {
                texts.push_str(&format!(", {} {what}", count(number as u64)));
            }
        }
        table.row("texts", texts);
        let stopped = if self.stopped { ", stopped" } else { "" };
        let speed = self.tokens_per_second.round() as u64;
        let time = format!("{:.1} s, {} tokens/s", self.seconds, count(speed));
        table.row("steps", format!("{}{stopped} in {time}", count(self.steps)));
        match (self.held_out_loss_before, self.held_out_loss_after) {
            (Some(before), Some(after)) => {
                let change = format!("{:+.1} %", 100.0 * (after / before - 1.0));
                table.row("held-out loss", format!("{before:.4} before, {after:.4} after ({change})"));
            }
            (Some(before), None) => _ = table.row("held-out loss", format!("{before:.4} before")),
            _ => {}
        }
        let [working, activations] = [self.working_bytes, self.activation_bytes].map(|n| bytes(n as u64));
        table.row("memory", format!("{working} beside the weights, {activations} of them activations"));
        table.row("to", format!("{} ({})", self.output, bytes(self.output_bytes)));
        table
    }
}
