//! The course of a tuning: batch after batch, whatever is trained.

use crate::numerics::{Batch, Numerics, Options, Score};
use crate::optimizer::Step;
use crate::{AdamW, Course, Error, Schedule, Warmup};

use super::Sample;
use super::batches::{self, Padded};

/// How to tune.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// Times that every sample is learned from.
    pub rounds: u64,
    /// Steps, in place of rounds.
    pub steps: Option<u64>,
    /// Most samples of a step.
    pub batch: usize,
    /// The learning rate after warming up.
    pub first_rate: f64,
    /// The learning rate at the end, reached along half a cosine.
    pub last_rate: f64,
    /// Steps over which the rate rises; at most half of all.
    pub warmup_steps: u64,
    /// The optimizer.
    pub optimizer: AdamW,
    /// Of the order of the samples, and of an adapter's first numbers.
    pub seed: u64,
    /// How gradients are computed.
    pub numerics: Options,
}

impl Tuning {
    /// The recipe for a state that RWKV's documentation gives: Adam with betas of 0.9 and 0.99 and an eps of 1e-8, a rate
    /// from 1 to 0.01, ten steps of warming up.
    #[must_use]
    pub fn state() -> Self {
        let optimizer = AdamW { betas: (0.9, 0.99), eps: 1e-8, weight_decay: 0.0, max_norm: 1.0 };
        // The pull on the largest logits is for weights that might grow. Buffers are nearly all that takes memory here, and
        // a second lane would double them.
        let numerics = Options { l2_wrap: false, lanes: 1, ..Options::default() };
        Self {
            rounds: 4,
            steps: None,
            batch: 16,
            first_rate: 1.0,
            last_rate: 0.01,
            warmup_steps: 10,
            optimizer,
            seed: 0,
            numerics,
        }
    }

    /// For an adapter: the same with a rate from 1e-3 to 1e-4.
    #[must_use]
    pub fn lora() -> Self {
        let numerics = Options { l2_wrap: false, ..Options::default() };
        Self { first_rate: 1e-3, last_rate: 1e-4, numerics, ..Self::state() }
    }

    /// Steps over `samples` samples.
    #[must_use]
    pub fn steps(&self, samples: usize) -> u64 {
        self.steps
            .unwrap_or_else(|| self.rounds.saturating_mul(batches::per_round(samples, self.batch) as u64))
    }

    /// What a person should know who asked for these numerics on this machine, if anything.
    ///
    /// # Errors
    /// [`Error::Model`] where `WKV7_CPU` names no path.
    pub fn notice(&self) -> Result<Option<String>, Error> {
        Ok(self.numerics.notice(wkv7_cpu::Path::choose()?))
    }

    fn schedule(&self, steps: u64) -> Result<Schedule, Error> {
        let course = Course::Cosine { last: self.last_rate, tokens_per_step: 1, exit_tokens: steps };
        let warmup_steps = self.warmup_steps.min(steps / 2);
        let schedule = Schedule { first: self.first_rate, warmup_steps, warmup: Warmup::Once, course };
        schedule.check()?;
        Ok(schedule)
    }
}

/// A step that was done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps done, this one included.
    pub done: u64,
    /// Steps in all.
    pub steps: u64,
    /// How well the batch was foreseen before the step.
    pub score: Score,
    /// The learning rate.
    pub rate: f64,
    /// Euclidean norm of the gradients before clipping.
    pub norm: f64,
    /// Whether nothing was changed, because loss or norm are not finite.
    pub skipped: bool,
    /// Tokens fed so far, those that fill up left out.
    pub tokens: u64,
}

/// What a tuning came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Steps done.
    pub steps: u64,
    /// Those of them that changed nothing, because loss or norm were not finite.
    pub skipped: u64,
    /// Tokens fed, those that fill up left out.
    pub tokens: u64,
    /// Whether the callback ended it before its time.
    pub stopped: bool,
}

/// What a step of the trained thing is: the batch, and the learning rate.
pub(super) type Take<'a> = &'a mut dyn FnMut(Batch<'_>, f64) -> Result<(Score, Step), Error>;

/// Takes all steps; `progress` hears of each and answers whether to go on.
pub(super) fn run(
    samples: &[Sample],
    tuning: &Tuning,
    progress: &mut dyn FnMut(&Progress) -> bool,
    take: Take<'_>,
) -> Result<Outcome, Error> {
    let steps = tuning.steps(samples.len());
    if samples.is_empty() || steps == 0 || tuning.batch == 0 {
        let (found, batch) = (samples.len(), tuning.batch);
        return Err(Error::Tuning(format!(
            "expected at least one sample, one step and a batch of one; found {found} samples, {steps} steps and a \
             batch of {batch}"
        )));
    }
    let schedule = tuning.schedule(steps)?;
    let mut outcome = Outcome::default();
    for round in 0.. {
        for batch in batches::round(samples, tuning.batch, tuning.seed, round) {
            let rate = schedule.rate(outcome.steps, outcome.steps);
            let padded = Padded::new(batch.iter().map(|at| &samples[*at]));
            let (score, step) = take(padded.batch(), rate)?;
            outcome.steps += 1;
            outcome.skipped += u64::from(step.skipped);
            outcome.tokens += batch.iter().map(|at| samples[*at].fed() as u64).sum::<u64>();
            let Outcome { steps: done, tokens, .. } = outcome;
            let (norm, skipped) = (step.norm, step.skipped);
            outcome.stopped = !progress(&Progress { done, steps, score, rate, norm, skipped, tokens });
            if outcome.stopped || done == steps {
                return Ok(outcome);
            }
        }
    }
    Ok(outcome)
}

/// The score of all `samples`, batch after batch.
pub(super) fn evaluate(
    samples: &[Sample],
    batch: usize,
    mut score: impl FnMut(Batch<'_>) -> Result<Score, Error>,
) -> Result<Score, Error> {
    let mut sum = Score::default();
    for padded in batches::sorted(samples, batch) {
        sum.add(&score(padded.batch())?);
    }
    Ok(sum)
}

/// The numerics of `tuning` on the fastest path of this machine.
pub(super) fn numerics(layout: &crate::Layout, tuning: &Tuning) -> Result<Box<dyn Numerics>, Error> {
    <dyn Numerics>::new(wkv7_cpu::Path::choose()?, layout, &tuning.numerics)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(tuning: &Tuning, stop: u64) -> (Outcome, Vec<Progress>) {
        let samples: Vec<Sample> = (0..10).map(|n| Sample::text(vec![n, 1, 2])).collect();
        let mut seen = Vec::new();
        let step = Step { norm: 1.0, clipped: false, skipped: false };
        let outcome = run(
            &samples,
            tuning,
            &mut |progress| {
                seen.push(*progress);
                progress.done < stop
            },
            &mut |_, _| Ok((Score::default(), step)),
        );
        (outcome.expect("runs"), seen)
    }

    #[test]
    fn rounds_and_rates() {
        let tuning = Tuning { rounds: 8, batch: 4, ..Tuning::state() };
        let (outcome, seen) = steps(&tuning, u64::MAX);
        assert_eq!(outcome, Outcome { steps: 24, skipped: 0, tokens: 160, stopped: false });
        assert!((seen[0].rate - 0.01).abs() < 1e-3 && (seen[10].rate - 1.0).abs() < 1e-12, "{seen:?}");
        assert!(seen[23].rate < 0.03 && seen[23].rate > 0.01, "{seen:?}");
        assert!(seen.iter().all(|step| step.steps == 24));
    }

    #[test]
    fn steps_take_the_place_of_rounds_and_the_callback_stops() {
        let tuning = Tuning { steps: Some(5), batch: 100, ..Tuning::state() };
        assert_eq!(steps(&tuning, u64::MAX).0.steps, 5);
        let (outcome, _) = steps(&tuning, 2);
        assert_eq!((outcome.steps, outcome.stopped), (2, true));
    }

    #[test]
    fn nothing_to_do_is_an_error() {
        let mut take = |_: Batch<'_>, _: f64| unreachable!("no step");
        let none = run(&[], &Tuning::state(), &mut |_| true, &mut take).expect_err("no samples");
        assert!(none.to_string().contains("found 0 samples"), "{none}");
        let samples = [Sample::text(vec![1, 2])];
        let tuning = Tuning { first_rate: f64::NAN, ..Tuning::state() };
        assert!(run(&samples, &tuning, &mut |_| true, &mut take).is_err());
    }
}
