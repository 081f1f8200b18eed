//! Training on short samples and testing on longer ones.

use std::fmt;
use std::time::Instant;

use super::report::{Accuracy, Outcome};
use super::{Samples, named};
use crate::numerics::{IGNORED, Options};
use crate::schedule::{Course, Warmup};
use crate::{
    AdamW, Error, Layout, Moments, NewModel, Random, Schedule, Settings, Trained, Trainer, initialise,
};

/// When training ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// After so many steps.
    Steps(u64),
    /// After the steps that this machine does in so many minutes, which are counted before. The same number given as
    /// [`Limit::Steps`] repeats the run.
    Minutes(f64),
}

/// How the samples of training grow from the shortest to the longest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Growth {
    /// Evenly, over this part of training; 0 for none.
    Part(f64),
    /// By one whenever this part of the answers to the longest samples so far was right, as a mean over the last dozen
    /// of steps or so: what is not understood at a length will not be at a longer one.
    Mastery(f64),
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(part) => part.fmt(f),
            Self::Mastery(part) => write!(f, "at {} % right", (1e4 * part).round() / 100.0),
        }
    }
}

/// A task, a model and how it is trained.
#[derive(Debug, Clone)]
pub struct TaskRun {
    /// A name of [`super::NAMES`].
    pub task: String,
    /// Layers.
    pub layers: usize,
    /// Model width.
    pub channels: usize,
    /// Channels of a head, a multiple of 16.
    pub head_size: usize,
    /// The longest samples of training.
    pub length: usize,
    /// Lengths of the samples that it is tested on.
    pub test_lengths: Vec<usize>,
    /// The largest in-context learning rate: 1, or 2 where a step may reflect what it removes.
    pub rate_range: f32,
    /// Added to the official `w0`: below 0, memory fades more slowly in the beginning.
    pub decay_bias: f32,
    /// When training ends.
    pub limit: Limit,
    /// Tokens of a step; as many whole samples as they hold.
    pub batch_tokens: usize,
    /// The learning rate, from which it falls along half a cosine to a hundredth.
    pub rate: f64,
    /// Weight decay of the large matrices.
    pub weight_decay: f64,
    /// How samples grow from the shortest to the longest.
    pub growth: Growth,
    /// Of weights and samples.
    pub seed: u64,
    /// Samples of each test length.
    pub test_samples: usize,
    /// Threads; `None` for one per core.
    pub threads: Option<usize>,
}

impl Default for TaskRun {
    fn default() -> Self {
        Self {
            task: "s5-swaps".to_owned(),
            layers: 2,
            channels: 128,
            head_size: 16,
            length: 32,
            test_lengths: vec![32, 64, 128, 512],
            rate_range: 1.0,
            decay_bias: -4.0,
            limit: Limit::Minutes(30.0),
            batch_tokens: 4096,
            rate: 2e-3,
            weight_decay: 0.01,
            growth: Growth::Part(0.2),
            seed: 1,
            test_samples: 256,
            threads: None,
        }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps of the run.
    pub steps: u64,
    /// Mean loss of the step, in nats.
    pub loss: f64,
    /// Part of the step's answers that were right.
    pub accuracy: f64,
    /// The length of its samples.
    pub length: usize,
    /// Seconds since the beginning.
    pub seconds: f64,
}

/// Steps that are timed where the limit is a time.
const TIMED: u64 = 12;
/// Steps over which the learning rate rises, at most; a quarter of a short run.
const WARMUP: u64 = 50;
/// Steps over which [`Growth::Mastery`] takes its mean, which forgets evenly.
const MASTERY_STEPS: f64 = 16.0;
/// Tokens that are tested at a time.
const TEST_TOKENS: usize = 1 << 14;

/// Trains, then tests; `progress` is told of every step and says whether to go on. Training that it ends early is tested
/// all the same.
///
/// Training and test samples come from different streams of `seed`; a sample of length 32 has some 10^30 siblings, so
/// that none is met twice.
///
/// # Errors
/// [`Error::Task`] for an unknown task and settings without sense; [`Error::Sizes`], [`Error::Schedule`],
/// [`Error::Threads`].
pub fn run(run: &TaskRun, progress: &mut dyn FnMut(&Progress) -> bool) -> Result<Outcome, Error> {
    check(run)?;
    let steps = match run.limit {
        Limit::Steps(steps) => steps,
        Limit::Minutes(minutes) => {
            let start = Instant::now();
            let mut course = Training::new(run, TIMED)?;
            // The longest samples, to be sure; the first step, which makes the buffers, is not counted out.
            (0..TIMED).try_for_each(|step| course.step(step, run.length).map(|_| ()))?;
            let each = start.elapsed().as_secs_f64() / TIMED as f64;
            (60.0 * minutes / each) as u64
        }
    };
    let steps = steps.max(1);
    let start = Instant::now();
    let mut course = Training::new(run, steps)?;
    let (mut tokens, mut done, mut longest) = (0, 0, 0);
    for step in 0..steps {
        let length = course.length(step, steps);
        let report = course.step(step, length)?;
        tokens += course.tokens;
        done = step + 1;
        longest = longest.max(length);
        let now = Progress {
            step: done,
            steps,
            loss: report.mean(),
            accuracy: report.accuracy(),
            length,
            seconds: start.elapsed().as_secs_f64(),
        };
        if !progress(&now) {
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let accuracies = run.test_lengths.iter().map(|length| course.test(*length)).collect::<Result<_, _>>()?;
    let parameters = course.trainer.layout().parameters();
    let title = course.task.title();
    Ok(Outcome {
        run: run.clone(),
        title,
        parameters,
        longest,
        steps: done,
        tokens,
        seconds,
        accuracies,
        trainer: course.trainer,
    })
}

fn check(run: &TaskRun) -> Result<(), Error> {
    let refused = |what: &str| Err(Error::Task(what.to_owned()));
    let usable = |x: f64| x.is_finite() && x >= 0.0;
    if run.length == 0 || run.test_lengths.contains(&0) {
        return refused("expected lengths of at least 1, found 0");
    }
    if run.test_samples == 0 || run.batch_tokens == 0 {
        return refused("expected at least one sample to train and to test on, found none");
    }
    let (Growth::Part(part) | Growth::Mastery(part)) = run.growth;
    if !usable(part) || part > 1.0 {
        return refused(&format!("expected a growth from 0 to 1, found {part}"));
    }
    if let Limit::Minutes(minutes) = run.limit
        && !usable(minutes)
    {
        return refused(&format!("expected some minutes, found {minutes}"));
    }
    Ok(())
}

/// A model that learns a task.
struct Training<'a> {
    run: &'a TaskRun,
    task: Box<dyn super::Task>,
    trainer: Trainer,
    tokens: u64,     // of the last step
    mastered: usize, // the longest samples so far
    right: f64,      // the part of their answers that was right lately
}

impl<'a> Training<'a> {
    fn new(run: &'a TaskRun, steps: u64) -> Result<Self, Error> {
        let task = named(&run.task)?;
        let TaskRun { layers, channels, head_size, .. } = *run;
        let new = NewModel { layers, channels, head_size, vocab: task.vocab(), ffn: None, ranks: None };
        let mut config = new.config()?;
        config.recipe.rate_range = run.rate_range;
        let layout = Layout::new(&config, true)?;
        let mut parameters = initialise(&layout, run.seed)?;
        for layer in &layout.ranges().layers {
            parameters[layer.w0.clone()].iter_mut().for_each(|w0| *w0 += run.decay_bias);
        }
        let numerics = Options { threads: run.threads, l2_wrap: false, ..Options::default() };
        let optimizer = AdamW { weight_decay: run.weight_decay, ..AdamW::default() };
        let course = Course::Cosine { last: run.rate / 100.0, tokens_per_step: 1, exit_tokens: steps };
        let schedule =
            Schedule { first: run.rate, warmup_steps: WARMUP.min(steps / 4), warmup: Warmup::Once, course };
        let settings = Settings { optimizer, schedule, numerics };
        let (moments, trained) = (Moments::new(&layout), Trained::all(&layout));
        let path = wkv7_cpu::Path::choose()?;
        let trainer = Trainer::new(path, layout, parameters, moments, trained, settings, 0)?;
        Ok(Self { run, task, trainer, tokens: 0, mastered: 1, right: 0.0 })
    }

    /// The length of a step's samples: mostly the longest so far, sometimes any below it.
    fn length(&self, step: u64, steps: u64) -> usize {
        let most = match self.run.growth {
            Growth::Mastery(_) => self.mastered,
            Growth::Part(growth) => {
                let part = (step + 1) as f64 / (growth * steps as f64).max(1.0);
                ((self.run.length as f64 * part.min(1.0)).ceil() as usize).clamp(1, self.run.length)
            }
        };
        let mut random = Random::part(self.run.seed, "length", step);
        if random.below(4) == 0 { 1 + random.below(most) } else { most }
    }

    fn step(&mut self, step: u64, length: usize) -> Result<crate::numerics::Score, Error> {
        let sequences = (self.run.batch_tokens / self.task.tokens(length)).max(1);
        let mut random = Random::part(self.run.seed, "train", step);
        let samples = Samples::fresh(&*self.task, &mut random, length, sequences);
        self.tokens = samples.inputs.len() as u64;
        let score = self.trainer.step_on(samples.batch())?.score;
        if let Growth::Mastery(part) = self.run.growth
            && length == self.mastered
        {
            self.right += (score.accuracy() - self.right) / MASTERY_STEPS;
            // A mastery of 0 asks for nothing, not even for a sample that was right.
            if self.right >= part && self.mastered < self.run.length {
                (self.mastered, self.right) = (self.mastered + 1, 0.0);
            }
        }
        Ok(score)
    }

    fn test(&mut self, length: usize) -> Result<Accuracy, Error> {
        let mut random = Random::part(self.run.seed, "test", length as u64);
        let mut accuracy = Accuracy { length, samples: 0, right: vec![0; length], whole: 0 };
        while accuracy.samples < self.run.test_samples {
            let some = (TEST_TOKENS / self.task.tokens(length)).max(1);
            let some = some.min(self.run.test_samples - accuracy.samples);
            let samples = Samples::fresh(&*self.task, &mut random, length, some);
            let (_, best) = self.trainer.predict(samples.batch())?;
            let rows = samples.targets.chunks_exact(samples.tokens).zip(best.chunks_exact(samples.tokens));
            for (targets, best) in rows {
                let asked = targets.iter().zip(best).filter(|(target, _)| **target != IGNORED);
                let mut whole = true;
                for (right, (target, best)) in accuracy.right.iter_mut().zip(asked) {
                    *right += usize::from(target == best);
                    whole &= target == best;
                }
                accuracy.whole += usize::from(whole);
                accuracy.samples += 1;
            }
        }
        Ok(accuracy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::Report;

    fn small() -> TaskRun {
        TaskRun {
            task: "parity".to_owned(),
            layers: 1,
            channels: 32,
            length: 2,
            test_lengths: vec![1, 2],
            limit: Limit::Steps(150),
            batch_tokens: 256,
            rate: 1e-2,
            threads: Some(1),
            test_samples: 100,
            ..TaskRun::default()
        }
    }

    #[test]
    fn two_bits_are_learnt_and_a_seed_repeats_itself() {
        let mut steps = 0;
        let first = run(&small(), &mut |_| {
            steps += 1;
            true
        })
        .expect("runs");
        assert_eq!((steps, first.steps, first.accuracies.len()), (150, 150, 2));
        let two = &first.accuracies[1];
        assert_eq!((two.samples, two.right.len()), (100, 2));
        assert!(two.mean() > 0.95, "{}", two.mean());
        assert!(two.whole as f64 <= two.mean() * 100.0);
        let again = run(&TaskRun { threads: Some(2), ..small() }, &mut |_| true).expect("runs");
        assert!(first.trainer.parameters() == again.trainer.parameters(), "the same bits for any threads");
        assert_eq!(first.accuracies, again.accuracies);
    }

    #[test]
    fn samples_grow_when_they_are_understood() {
        let mut lengths = Vec::new();
        let never = TaskRun { growth: Growth::Mastery(1.0), length: 4, limit: Limit::Steps(20), ..small() };
        let outcome = run(&never, &mut |now| {
            lengths.push(now.length);
            true
        })
        .expect("runs");
        assert!(lengths.iter().all(|length| *length == 1) && outcome.longest == 1, "{lengths:?}");
        assert!(outcome.markdown().contains("lengths up to 1,"), "{}", outcome.markdown());

        let (mut lengths, mut right) = (Vec::new(), Vec::new());
        let soon = TaskRun { growth: Growth::Mastery(0.9), length: 3, ..small() };
        let outcome = run(&soon, &mut |now| {
            lengths.push(now.length);
            right.push(now.accuracy);
            true
        })
        .expect("runs");
        let first_of = |length| lengths.iter().position(|has| *has == length).expect("was reached");
        for length in [2, 3] {
            let before = first_of(length);
            assert!(first_of(length - 1) + 16 < before, "a mean over a dozen steps: {lengths:?}");
            assert!(right[before - 4..before].iter().sum::<f64>() > 4.0 * 0.85, "{right:?}");
        }
        assert_eq!(outcome.longest, 3);
        assert!(outcome.markdown().contains("growth at 90 % right"), "{}", outcome.markdown());
    }

    #[test]
    fn it_ends_when_told_and_refuses_nonsense() {
        let report = run(&small(), &mut |progress| progress.step < 3).expect("runs");
        assert_eq!((report.steps, report.accuracies.len()), (3, 2));
        let refused = |change: &dyn Fn(&mut TaskRun)| {
            let mut run_of = small();
            change(&mut run_of);
            run(&run_of, &mut |_| true).err().expect("refused").to_string()
        };
        assert!(refused(&|run| run.length = 0).contains("lengths of at least 1"));
        assert!(refused(&|run| run.growth = Growth::Part(f64::NAN)).contains("growth"));
        assert!(refused(&|run| run.limit = Limit::Minutes(-1.0)).contains("minutes"));
        assert!(refused(&|run| run.task = "nim".to_owned()).contains("nim"));
        assert!(refused(&|run| run.rate_range = 3.0).contains("rate"));
    }

    #[test]
    fn a_report_shows_every_model() {
        let folder = tempfile::tempdir().expect("a folder");
        let short = |layers| TaskRun { layers, limit: Limit::Steps(2), ..small() };
        let runs = [short(1), TaskRun { test_lengths: vec![2, 4], rate_range: 2.0, ..short(2) }];
        let outcomes = runs.iter().map(|one| run(one, &mut |_| true).expect("runs"));
        let report = Report { outcomes: outcomes.collect() };
        let text = report.markdown();
        assert!(
            text.contains("### `parity`: parity of the bits so far\n\n| right at length | 1 | 2 | 4 |"),
            "{text}"
        );
        let right = 100.0 * report.outcomes[0].accuracies[0].mean();
        assert!(text.contains(&format!("| 1 layer, rates up to 1 | {right:.2} % |")), "{text}");
        assert!(text.contains("| 2 layers, rates up to 2 |  |"), "no length 1 there: {text}");
        let paths = report.write(folder.path()).expect("written");
        assert_eq!(paths.len(), 4);
        assert_eq!(std::fs::read_to_string(&paths[0]).expect("reads"), text);
        assert!(paths[3].ends_with("parity-2-2.svg"));
        let error = report.write(&paths[0]).expect_err("a file is no folder").to_string();
        assert!(error.contains("parity.md"), "{error}");
    }
}
