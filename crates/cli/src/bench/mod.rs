//! `wkv7 bench`: how fast a model runs here, and what share that is of what the machine can do.

mod args;
mod machine;
mod measure;
mod plot;
mod report;
mod soak;
mod table;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use wkv7::formats::WholeFile;
use wkv7::{BackendChoice, Ceiling, Options};

use crate::args::{ModelArg, ModelName, any_count, backend_names, some_count};
use crate::memory;
use crate::terminal::interrupt::Impatience;
use crate::terminal::progress::Bar;
use crate::terminal::{interrupt, output};
use args::{Counts, ThreadCounts, soak_tokens};
use measure::{Sweep, Tokens};
use report::{Figure, Load, Report, Roof, is_on_device};

/// Measure speed, beside what the machine can do at best
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Bench {
    #[command(flatten)]
    model: ModelArg,
    /// Tokens of one sequence to time one by one; 0 leaves that out
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = any_count::<usize>)]
    decode: usize,
    /// Prompts of these lengths, each fed at once; "" leaves them out
    #[arg(long, value_name = "LENGTHS", default_value = "16,64,512")]
    prefill: Counts,
    /// So many sequences, a token of each in one forward; "" leaves them out
    #[arg(long, value_name = "SEQUENCES", default_value = "1,2,4,8,16,32")]
    batch: Counts,
    /// Times that everything is measured; the median counts, the lowest and the highest are told
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = some_count)]
    repetitions: usize,
    /// Feed so many tokens to one sequence, and compare the speed and the memory of the first and the last
    /// thousand; on the first backend with the most threads
    #[arg(long, value_name = "TOKENS", value_parser = soak_tokens)]
    soak: Option<usize>,
    /// Chooses the tokens
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = any_count::<u64>)]
    seed: u64,
    /// Leave out what the machine can do at best, and with it all shares
    #[arg(long)]
    no_ceiling: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Draw speed against batch, prompt length and threads into this SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Who computes; several are measured one after the other
    #[arg(long, help_heading = "Running", value_name = "BACKENDS", default_value = "auto",
          value_delimiter = ',', value_parser = backend_names())]
    backend: Vec<String>,
    /// Numbers of threads of the cpu backend, measured one after the other [default: 1 and one per core]
    #[arg(long, help_heading = "Running", value_name = "COUNTS")]
    threads: Option<ThreadCounts>,
    /// Forbid every approximation made for speed
    #[arg(long, help_heading = "Running")]
    exact: bool,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 bench model.pth
  wkv7 bench model.gguf --threads 1,4,8 --json
  wkv7 bench model.pth --prefill \"\" --batch 1,8,64 --plot speed.svg
  wkv7 bench model.pth --decode 0 --prefill \"\" --batch \"\" --soak 100000
  wkv7 bench model.pth --backend cpu,wgpu --repetitions 3

Shares are of what the same threads, or the device, can do at best, measured in the same run:
  memory           all weights but the embedding, once a forward, of the read bandwidth
  f32, int8, bf16  the multiply-adds of the layers, of the peak of such instructions
A backend that skips weights which do not matter may pass 100 %.

Load times are those of this run: where the file is not in memory yet, the first is the disk's.";

/// Time for all that a number of threads can do at best.
const CEILING: Duration = Duration::from_secs(2);

impl Bench {
    pub fn run(self) -> anyhow::Result<()> {
        interrupt::listen(Impatience::Wait)?;
        if let Some(path) = &self.plot {
            WholeFile::beside(path)?; // better now than after all measurements
        }
        Impatience::LeaveAtOnce.set();
        let report = self.measure()?;
        if self.json {
            output::json(&report)?;
        } else {
            output::print(table::render(&report))?;
        }
        if let Some(path) = &self.plot {
            Impatience::Wait.set();
            WholeFile::write(path, plot::svg(&report).as_bytes())?;
        }
        Ok(())
    }

    /// Everything, one number of threads after the other; what a device computes, with the first of them alone.
    fn measure(&self) -> anyhow::Result<Report> {
        let threads = self.threads.clone().unwrap_or_default().0;
        let most = threads.iter().copied().max();
        let model = self.model.chosen();
        let mut report = Report::new(&model)?;
        let mut steps = Steps { done: 0, total: self.steps(threads.len()) };
        let mut on_device = vec![false; self.backend.len()];
        for &threads in &threads {
            for (at, backend) in self.backend.iter().enumerate() {
                if on_device[at] {
                    steps.total -= self.sweep().count();
                    continue;
                }
                let load = Wanted { backend, threads, is_first: at == 0, has_most: Some(threads) == most };
                on_device[at] = self.measure_load(&model, &mut report, &mut steps, &load)?;
            }
            if !self.no_ceiling {
                let bar = Bar::items();
                steps.next(&bar, format!("what {threads} threads can do"));
                report.add_roof(Roof::from(&Ceiling::measure(threads, CEILING)?), 0);
            }
        }
        Ok(report)
    }

    /// A fresh load of the model on one backend and one number of threads. Returns whether a device computes.
    fn measure_load(
        &self,
        model: &ModelName,
        report: &mut Report,
        steps: &mut Steps,
        wanted: &Wanted<'_>,
    ) -> anyhow::Result<bool> {
        let threads = wanted.threads;
        let peak = memory::forget_peak() || report.loads.is_empty();
        let start = Instant::now();
        let model = model.load(self.options(wanted.backend, threads))?;
        let load_seconds = start.elapsed().as_secs_f64();
        let mut tokens = Tokens::new(self.seed, model.config().vocab);
        let mut session = model.session()?;
        session.feed(&tokens.take(1))?;
        let first_token_seconds = start.elapsed().as_secs_f64();
        measure::warm_up(&mut session, &mut tokens)?;
        drop(session);

        let bar = Bar::items();
        let sweep = Sweep { model: &model, repetitions: self.repetitions };
        let backend = model.info().backend;
        let on_device = is_on_device(backend);
        let who = if on_device { backend.to_owned() } else { format!("{backend}, {threads} threads") };
        let first = report.results.len();
        for (kind, count) in self.sweep() {
            let what = if count == 1 { "" } else { "s" };
            steps.next(&bar, format!("{who}: {} {count} token{what}", kind.name()));
            let speed = sweep.run(kind, count, &mut tokens)?;
            report.results.push(Figure::new(kind, backend, threads, count, speed));
        }
        if on_device && !self.no_ceiling {
            bar.say(format!("what the device of {backend} can do"));
            if let Some(ceiling) = model.ceiling(CEILING)? {
                report.add_roof(Roof::of_device(backend, threads, ceiling), first);
            }
        }
        drop(bar);
        if let Some(count) = self.soak.filter(|_| wanted.is_first && (wanted.has_most || on_device)) {
            report.soak = Some(soak::run(&model, &mut tokens, count)?);
        }
        let peak_bytes = memory::peak_bytes().filter(|_| peak);
        report.loads.push(Load::new(&model, threads, load_seconds, first_token_seconds, peak_bytes)?);
        Ok(on_device)
    }

    /// What is timed on every load.
    fn sweep(&self) -> impl Iterator<Item = (measure::Kind, usize)> {
        use measure::Kind::{Batch, Decode, Prefill};
        let decode = (self.decode > 0).then_some((Decode, self.decode));
        let prefill = self.prefill.0.iter().map(|&length| (Prefill, length));
        decode.into_iter().chain(prefill).chain(self.batch.0.iter().map(|&count| (Batch, count)))
    }

    fn steps(&self, thread_counts: usize) -> usize {
        thread_counts * (self.backend.len() * self.sweep().count() + usize::from(!self.no_ceiling))
    }

    fn options(&self, backend: &str, threads: usize) -> Options {
        let mut options = Options::default();
        let widest = self.batch.0.iter().copied().max().unwrap_or(1);
        options.backend = match backend {
            "auto" => BackendChoice::Auto,
            name => BackendChoice::Named(name.to_owned()),
        };
        options.load.slots = options.load.slots.max(widest);
        options.load.max_tokens = options.load.max_tokens.max(widest);
        options.load.threads = Some(threads);
        options.load.exact = self.exact;
        options
    }
}

/// A load that is to be measured.
struct Wanted<'a> {
    backend: &'a str,
    threads: usize,
    /// Whether the backend is the first of those asked for.
    is_first: bool,
    /// Whether these are the most threads.
    has_most: bool,
}

/// How much of the whole is done.
struct Steps {
    done: usize,
    total: usize,
}

impl Steps {
    /// Shows that the next measurement begins.
    fn next(&mut self, bar: &Bar, what: String) {
        bar.say(what);
        bar.show(self.done as u64, Some(self.total as u64));
        self.done += 1;
    }
}
