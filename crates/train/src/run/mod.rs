//! A run: training in a folder, from which it goes on after any end as if there had been none.
//!
//! | in the folder | what |
//! |---|---|
//! | `config.toml` | all settings ([`Config`]), written at the beginning |
//! | `train_log.jsonl` | a line for every step that is logged ([`Record`]) |
//! | `checkpoint-STEP.safetensors` | the two newest checkpoints ([`crate::snapshot`]) |
//! | `model.safetensors`, `model.pth` | the model, at the end and as often as wanted |
//!
//! A checkpoint holds weights, moments, step, and the statistics of what is usual ([`Watch`]); which samples a step sees
//! follows from its number and the seed. So a run that is killed and started again computes the same bits, and its log,
//! cut off behind the checkpoint, has the same lines.
//!
//! ```no_run
//! use wkv7_train::run::{Config, Event, Folder, Run};
//! # fn main() -> Result<(), wkv7_train::Error> {
//! let folder = Folder::new("runs/first");
//! let mut config = Config::default();
//! config.data = vec!["stories".into()]; // stories.bin and .idx
//! let config = folder.settings(&config)?;
//! let data = config.dataset(None, 65_536)?;
//! let mut run = Run::open(folder, config, data)?;
//! let outcome = run.go(&mut |event| {
//!     if let Event::Step(record) = event {
//!         println!("{} {:.3}", record.step, record.mean_loss);
//!     }
//!     true // go on
//! })?;
//! # Ok(()) }
//! ```

mod config;
mod folder;
mod log;
mod source;
mod start;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use rayon::ThreadPool;
use wkv7_core::Dtype;

use crate::data::{Batches, Dataset, HeldOut, Part};
use crate::numerics::{Options, Score};
use crate::{AdamW, Course, Error, Layout, Schedule, Settings, Trained, Trainer, Warmup, files};
use log::Log;

pub use config::{Config, Export};
pub use folder::Folder;
pub use log::{Record, read_log};
pub use watch::{Spike, Watch};

/// Steps in a row that change nothing, after which a run ends: it will not recover by itself.
const HOPELESS: u32 = 50;

/// What a run tells of while it goes.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A step was done, logged or not.
    Step(&'a Record),
    /// The record was written to the log.
    Logged(&'a Record),
    /// A checkpoint was written.
    Saved(&'a std::path::Path),
}

/// Hears of every [`Event`]; answers whether to go on. After a no the step is finished and saved.
pub type Observer<'a> = &'a mut dyn FnMut(Event<'_>) -> bool;

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Steps done.
    pub steps: u64,
    /// Whether these are all, and the model was written.
    pub finished: bool,
    /// The files of the model.
    pub written: Vec<PathBuf>,
    /// Spikes met since [`Run::go`] was called.
    pub spikes: u64,
    /// The last step done since then.
    pub last: Option<Record>,
    /// The last held-out loss measured since then.
    pub held_out_loss: Option<f64>,
}

/// Training in a folder.
pub struct Run {
    folder: Folder,
    config: Config,
    dtype: Dtype,
    batches: Batches,
    held_out: HeldOut,
    facts: BTreeMap<String, String>, // of every checkpoint
    trainer: Trainer,
    pool: Option<ThreadPool>, // for the optimizer; the numerics have their own
    watch: Watch,
    log: Log,
    steps: u64,
    seconds: f64,
    notices: Vec<String>,
    _lock: folder::Lock,
}

impl Run {
    /// Begins a run in `folder`, or goes on from its newest checkpoint; `config` are its [`Folder::settings`].
    ///
    /// # Errors
    /// Settings that make no sense or another run than it was; data that is too short or another than it was; a folder
    /// that cannot be written or that another process trains in; checkpoints of which none can be read.
    pub fn open(folder: Folder, config: Config, data: Dataset) -> Result<Self, Error> {
        config.check()?;
        let training = data.range(Part::Training).len() as u64;
        let config = config.decided(training, data.vocab());
        let steps = config.all_steps(training);
        let batches = data.batches(config.context, config.batch, config.seed)?;
        let held_out = data.held_out(config.context, config.batch)?;
        let lock = folder.enter()?;
        let mut notices = Vec::new();
        let start = start::start(&folder, &config, &data, &mut notices)?;
        let watch = match &start.watch {
            None => Watch::new(config.spike_window, config.spike_sigma),
            Some(facts) => Watch::restore(facts, config.spike_window, config.spike_sigma)
                .ok_or_else(|| Error::Setting("the checkpoint's statistics cannot be read".to_owned()))?,
        };
        let trained = Trained::all(&start.layout);
        let settings = training_settings(&config, steps)?;
        let path = wkv7_cpu::Path::choose()?;
        notices.extend(settings.numerics.notice(path));
        let trainer =
            Trainer::new(path, start.layout, start.parameters, start.moments, trained, settings, start.step)?;
        let pool = config.threads.map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.map_err(|error| Error::Threads(error.to_string()))
        });
        config.write(&folder.config())?;
        let facts = BTreeMap::from([
            ("settings".to_owned(), config.to_toml()?),
            ("tokens".to_owned(), start::tokens_fact(&data)),
        ]);
        let log = Log::open(&folder.log(), start.step)?;
        let dtype = config.element()?;
        let (seconds, pool) = (start.seconds, pool.transpose()?);
        let _lock = lock;
        #[rustfmt::skip] // as declared
        return Ok(Self {
            folder, config, dtype, batches, held_out, facts, trainer, pool, watch, log, steps, seconds, notices, _lock,
        });
    }

    /// What should be known before it goes: checkpoints that could not be read.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The settings, every default decided.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the parameters lie.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        self.trainer.layout()
    }

    /// Steps done.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.trainer.next_step()
    }

    /// Steps of the whole run.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The model in training.
    #[must_use]
    pub fn trainer(&self) -> &Trainer {
        &self.trainer
    }

    /// Trains to the end, or until `observer` says no. Either way a checkpoint is left, and at the end the model.
    ///
    /// # Errors
    /// A token beyond the vocabulary, a full disk, steps that change nothing again and again. Checkpoints that were
    /// written stay.
    pub fn go(&mut self, observer: Observer<'_>) -> Result<Outcome, Error> {
        let mut outcome = Outcome {
            steps: self.done(),
            finished: false,
            written: Vec::new(),
            spikes: 0,
            last: None,
            held_out_loss: None,
        };
        let mut saved = self.done(); // nothing to save before the first step
        let (mut since, mut skipped) = (Lap::default(), 0);
        while self.done() < self.steps {
            let record = self.step(&mut since)?;
            outcome.steps = record.step;
            outcome.spikes += u64::from(record.spike.is_some());
            outcome.held_out_loss = record.held_out_loss.or(outcome.held_out_loss);
            let mut go_on = observer(Event::Step(&record));
            if is_due(record.step, self.config.log_every, self.steps)
                || record.spike.is_some()
                || record.held_out_loss.is_some()
            {
                self.log.write(&record)?;
                go_on &= observer(Event::Logged(&record));
                since = Lap::default();
            }
            skipped = if record.skipped { skipped + 1 } else { 0 };
            let step = record.step;
            outcome.last = Some(record);
            let ends = !go_on || skipped == HOPELESS;
            if ends || is_due(step, self.config.save_every, self.steps) {
                go_on &= observer(Event::Saved(&self.save()?));
                saved = step;
            }
            if skipped == HOPELESS {
                return Err(Error::Hopeless { steps: HOPELESS, step });
            }
            if step < self.steps {
                if !go_on {
                    if saved < step {
                        self.save()?;
                    }
                    return Ok(outcome);
                }
                if is_due(step, self.config.export_every, u64::MAX) {
                    self.export()?;
                }
            }
        }
        outcome.written = self.export()?;
        outcome.finished = true;
        Ok(outcome)
    }

    /// The next step, and what it met.
    fn step(&mut self, since: &mut Lap) -> Result<Record, Error> {
        let start = Instant::now();
        let batch = self.batches.get(self.done())?;
        let (pool, trainer) = (&self.pool, &mut self.trainer);
        let report = match pool {
            Some(pool) => pool.install(|| trainer.step(&batch)),
            None => trainer.step(&batch),
        }?;
        let seconds = start.elapsed().as_secs_f64();
        self.seconds += seconds;
        since.add(report.score.counted, seconds);
        let (step, loss) = (report.step + 1, report.score.mean());
        let spike = self.watch.add(loss, report.norm);
        let measured = step == 1 || is_due(step, self.config.valid_every, self.steps);
        Ok(Record {
            step,
            tokens: step.saturating_mul(self.config.tokens_per_step()),
            loss,
            mean_loss: self.watch.mean_loss(),
            learning_rate: report.rate,
            gradient_norm: report.norm,
            tokens_per_second: (since.speed() * 10.0).round() / 10.0,
            seconds: (self.seconds * 1e3).round() / 1e3,
            held_out_loss: if measured { self.measure()? } else { None },
            spike,
            skipped: report.skipped,
        })
    }

    /// The held-out loss, over at most as many tokens as wanted; `None` where nothing is held out.
    fn measure(&mut self) -> Result<Option<f64>, Error> {
        let mut score = Score::default();
        for index in 0..self.held_out.len() {
            let batch = self.held_out.get(index)?;
            score.add(&self.trainer.evaluate_on(&batch)?.0);
            if score.counted >= self.config.valid_tokens as u64 {
                break;
            }
        }
        Ok((score.counted > 0).then(|| score.mean()))
    }

    fn save(&self) -> Result<PathBuf, Error> {
        let mut facts = self.facts.clone();
        facts.insert("watch".to_owned(), self.watch.facts());
        facts.insert("seconds".to_owned(), format!("{:?}", self.seconds));
        self.folder.save(&self.trainer, facts)
    }

    /// Writes the model as all files that are wanted.
    fn export(&self) -> Result<Vec<PathBuf>, Error> {
        let (layout, parameters, step) = (self.trainer.layout(), self.trainer.parameters(), self.done());
        let tokens = step.saturating_mul(self.config.tokens_per_step());
        let known = BTreeMap::from([
            ("trained_steps".to_owned(), step.to_string()),
            ("trained_tokens".to_owned(), tokens.to_string()),
        ]);
        let mut written = Vec::new();
        for kind in &self.config.export {
            let path = self.folder.path().join(kind.file_name());
            let facts = if *kind == Export::Pth { BTreeMap::new() } else { known.clone() }; // no place for any
            files::save(layout, parameters, &path, self.dtype, &facts, &mut |_, _| true)?;
            written.push(path);
        }
        Ok(written)
    }
}

/// Time and tokens since the last line of the log.
#[derive(Default)]
struct Lap {
    tokens: u64,
    seconds: f64,
}

impl Lap {
    fn add(&mut self, tokens: u64, seconds: f64) {
        self.tokens += tokens;
        self.seconds += seconds;
    }

    fn speed(&self) -> f64 {
        if self.seconds > 0.0 { self.tokens as f64 / self.seconds } else { 0.0 }
    }
}

/// Whether something is to be done after `step` that is done every `every` steps (0: never) and after the last.
fn is_due(step: u64, every: u64, last: u64) -> bool {
    step == last || every > 0 && step.is_multiple_of(every)
}

fn training_settings(config: &Config, steps: u64) -> Result<Settings, Error> {
    let first = config.learning_rate.unwrap_or_default(); // decided before
    let last = config.learning_rate_last.unwrap_or(first);
    let tokens_per_step = config.tokens_per_step();
    let course = if last == first {
        Course::Constant
    } else {
        Course::Cosine { last, tokens_per_step, exit_tokens: tokens_per_step.saturating_mul(steps) }
    };
    let warmup_steps = config.warmup.unwrap_or_default();
    let numerics = Options {
        threads: config.threads,
        rows: config.rows,
        lanes: config.lanes,
        checkpoint: config.recompute,
        l2_wrap: config.l2_wrap,
        precision: config.precision()?,
        ..Options::default()
    };
    Ok(Settings {
        optimizer: AdamW {
            betas: (config.beta1, config.beta2),
            eps: config.eps,
            weight_decay: config.weight_decay,
            max_norm: config.clip,
        },
        schedule: Schedule { first, warmup_steps, warmup: Warmup::Once, course },
        numerics,
    })
}
