//! What a person sees while a model trains.

use std::time::{Duration, Instant};

use wkv7_train::run::{Event, Record, Run};

use crate::terminal::progress::Bar;
use crate::terminal::table::count;
use crate::terminal::{interrupt, note, output};

/// Standard error for people, standard output for programs.
pub struct Screen {
    bar: Bar,
    json: bool,
    first: u64, // steps done before
    steps: u64,
    start: Instant,
    /// What went wrong with standard output.
    pub failed: Option<anyhow::Error>,
}

impl Screen {
    /// For `run`, which is about to go.
    pub fn new(run: &Run, json: bool) -> Self {
        let (first, steps) = (run.done(), run.steps());
        Self { bar: Bar::steps(), json, first, steps, start: Instant::now(), failed: None }
    }

    /// Shows what happens; answers whether to go on.
    pub fn hear(&mut self, event: Event<'_>) -> bool {
        match event {
            Event::Step(record) => self.step(record),
            Event::Logged(record) if self.json => {
                self.failed = output::json(record).err();
            }
            _ => {}
        }
        self.failed.is_none() && !interrupt::asked()
    }

    fn step(&self, record: &Record) {
        if let Some(spike) = &record.spike {
            let skipped = if record.skipped { "; the step was skipped" } else { "" };
            let (what, value) = (&spike.what, spike.value);
            let usual = format!("usual {:.3} with a standard deviation of {:.3}", spike.mean, spike.sigma);
            let step = record.step;
            self.bar
                .suspend(|| note(format_args!("spike: step {step}: {what} {value:.3}, {usual}{skipped}")));
        }
        let done = record.step - self.first;
        let left =
            self.start.elapsed().div_f64(done.max(1) as f64).mul_f64((self.steps - record.step) as f64);
        let speed = count(record.tokens_per_second.round() as u64);
        let (loss, norm) = (record.mean_loss, record.gradient_norm);
        self.bar.say(format!("loss {loss:.3}  norm {norm:.2}  {speed} tokens/s  {} left", span(left)));
        self.bar.show(record.step, Some(self.steps));
    }
}

/// `4s`, `3m 20s`, `2h 05m`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_well() {
        let all = [0, 59, 60, 3599, 3600, 90_061].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(all, ["0s", "59s", "1m 00s", "59m 59s", "1h 00m", "25h 01m"]);
    }
}
