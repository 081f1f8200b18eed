//! `wkv7 train`: a model from data, in a folder from which it goes on after any end.

mod flags;
mod plot;
mod screen;
mod source;
mod task;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use wkv7::formats::WholeFile;
use wkv7_train::run::{Config, Folder, Outcome, Run, read_log};

use crate::terminal::table::{Table, count};
use crate::terminal::{interrupt, note, output};
use flags::Flags;
use screen::Screen;
use task::TaskArgs;

/// Train a new model, or finetune one
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Train {
    /// The folder of the run: settings, log, checkpoints, the model. Where a run is there already, it goes on
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Settings in a TOML file, whose keys are the long flags below; flags win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Draw the loss into this SVG file at the end
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Only draw what is in the log so far
    #[arg(long, requires = "plot")]
    plot_only: bool,
    /// Print the lines of the log to standard output
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    task: TaskArgs,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 train runs/tales --data tales.jsonl --vocab bytes --layers 4 --channels 128 --steps 2000
  wkv7 train runs/tales                          (goes on after Ctrl-C, a crash, a power cut)
  wkv7 train runs/tales --steps 4000             (goes on for longer)
  wkv7 train runs/mine --from model.pth --data chats.jsonl --epochs 2 --dtype bf16 --export pth
  wkv7 train runs/base --config base.toml --threads 8 --plot loss.svg
  wkv7 train runs/base --plot loss.svg --plot-only
  wkv7 train runs/parity --task parity --channels 32 --depths 1,2,4 --rate-range 1,2 --steps 600

RUN/config.toml has all settings of a run, RUN/train_log.jsonl a line for every step, RUN/model.safetensors the
model at the end. Ctrl-C saves a checkpoint and ends; a second one leaves at once.";

impl Train {
    pub fn run(self) -> anyhow::Result<()> {
        let folder = Folder::new(&self.run);
        if self.plot_only {
            return self.draw(&folder);
        }
        interrupt::listen(interrupt::Impatience::LeaveAtOnce)?;
        if self.task.is_some() {
            interrupt::Impatience::LeaveAtSecond.set();
            return self.task.run(&self.flags, &self.run, self.json);
        }
        let config = self.settings(&folder)?;
        let data = source::open(&config)?;
        let mut run = Run::open(folder.clone(), config, data)?;
        source::keep_vocabulary(run.config(), &folder)?;
        run.notices().iter().for_each(|notice| note(format_args!("note: {notice}")));
        interrupt::Impatience::LeaveAtSecond.set();
        let mut screen = Screen::new(&run, self.json);
        let outcome = run.go(&mut |event| screen.hear(event));
        let failed = screen.failed.take();
        drop(screen);
        let outcome = outcome.inspect_err(|_| interrupt::forget())?; // so that it is told
        failed.map_or(Ok(()), Err)?;
        if outcome.finished {
            interrupt::forget();
        } else {
            let (steps, all, folder) = (count(outcome.steps), count(run.steps()), self.run.display());
            note(format_args!(
                "stopped after step {steps} of {all}: `wkv7 train {folder}` goes on from there"
            ));
        }
        self.draw(&folder)?;
        if outcome.finished && !self.json {
            output::print(self.table(&run, &outcome).to_string())?;
        }
        Ok(())
    }

    /// Flags over the file over what the run began with.
    fn settings(&self, folder: &Folder) -> anyhow::Result<Config> {
        let base = match &self.config {
            Some(path) => Config::read(path)?,
            None => folder.began_with()?.unwrap_or_default(),
        };
        Ok(folder.settings(&base.with(&self.flags)?)?)
    }

    fn draw(&self, folder: &Folder) -> anyhow::Result<()> {
        let Some(path) = &self.plot else { return Ok(()) };
        let log = read_log(&folder.log()).context("nothing to draw")?;
        let name = self.run.file_name().unwrap_or(self.run.as_os_str()).to_string_lossy();
        Ok(WholeFile::write(path, plot::svg(&name, &log).as_bytes())?)
    }

    fn table(&self, run: &Run, outcome: &Outcome) -> Table {
        let mut table = Table::default();
        table.row("run", self.run.display());
        let (sizes, parameters) = (run.layout().config(), count(run.layout().parameters() as u64));
        table.row(
            "model",
            format!("{} layers of {} channels, {parameters} parameters", sizes.layers, sizes.channels),
        );
        let tokens = count(outcome.steps.saturating_mul(run.config().tokens_per_step()));
        table.row("steps", format!("{}, {tokens} tokens", count(outcome.steps)));
        if let Some(last) = &outcome.last {
            table.row("loss", format!("{:.4}", last.mean_loss));
        }
        if let Some(loss) = outcome.held_out_loss {
            table.row("held out", format!("{loss:.4}"));
        }
        if outcome.spikes > 0 {
            table.row("spikes", format!("{}, see {}", count(outcome.spikes), log_of(&self.run)));
        }
        for path in &outcome.written {
            table.row("to", path.display());
        }
        table
    }
}

fn log_of(run: &Path) -> String {
    Folder::new(run).log().display().to_string()
}
