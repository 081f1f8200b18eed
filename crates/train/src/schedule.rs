//! The learning rate of every step.

use crate::Error;
use crate::portable::cos_pi;

/// How the learning rate goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// The learning rate at the beginning, after warming up.
    pub first: f64,
    /// Steps over which the rate rises from a hundredth to the whole; 0 for none.
    pub warmup_steps: u64,
    /// Which steps count as the first.
    pub warmup: Warmup,
    /// What follows.
    pub course: Course,
}

/// What the learning rate does after warming up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Course {
    /// It stays.
    Constant,
    /// It falls along half a cosine over tokens.
    Cosine {
        /// The learning rate at the end.
        last: f64,
        /// Tokens of one step: context length times batch size.
        tokens_per_step: u64,
        /// Tokens after which training is over, the warm-up's included.
        exit_tokens: u64,
    },
}

/// Which step the warm-up counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Warmup {
    /// The first of all: a run that was interrupted goes on as if it had not been.
    #[default]
    Once,
    /// The first of this run, as in the official trainer, which warms up again after every interruption.
    EveryRun,
}

impl Schedule {
    /// One rate throughout.
    #[must_use]
    pub fn constant(rate: f64) -> Self {
        Self { first: rate, warmup_steps: 0, warmup: Warmup::Once, course: Course::Constant }
    }

    /// Refuses a schedule that cannot be followed.
    ///
    /// # Errors
    /// [`Error::Schedule`]: a rate that is negative or not finite; a cosine that is over before the warm-up is.
    pub fn check(&self) -> Result<(), Error> {
        let usable = |rate: f64| rate.is_finite() && rate >= 0.0;
        if !usable(self.first) {
            return Err(Error::Schedule(format!("expected a number of at least 0, found {}", self.first)));
        }
        if let Course::Cosine { last, tokens_per_step, exit_tokens } = self.course {
            if !usable(last) {
                return Err(Error::Schedule(format!("expected a last rate of at least 0, found {last}")));
            }
            let warm = self.warmup_steps.saturating_mul(tokens_per_step);
            if tokens_per_step == 0 || exit_tokens <= warm {
                return Err(Error::Schedule(format!(
                    "expected an end after the {} steps of warming up, {warm} tokens; found one after \
                     {exit_tokens} tokens, {tokens_per_step} a step",
                    self.warmup_steps
                )));
            }
        }
        Ok(())
    }

    /// The learning rate of step number `step`, counted from 0 over all runs; `run_step` counts from the beginning of
    /// this run and matters for [`Warmup::EveryRun`] alone.
    #[must_use]
    pub fn rate(&self, step: u64, run_step: u64) -> f64 {
        let rate = match self.course {
            Course::Constant => self.first,
            Course::Cosine { last, .. } => {
                let ratio = if self.first == 0.0 { 0.0 } else { last / self.first };
                self.first * ((0.5 + ratio / 2.0) + (0.5 - ratio / 2.0) * cos_pi(self.progress(step)))
            }
        };
        let step = match self.warmup {
            Warmup::Once => step,
            Warmup::EveryRun => run_step,
        };
        if step < self.warmup_steps {
            return rate * (0.01 + 0.99 * step as f64 / self.warmup_steps as f64);
        }
        rate
    }

    /// Whether all tokens of a cosine have been seen before step number `step`.
    #[must_use]
    pub fn is_over(&self, step: u64) -> bool {
        matches!(self.course, Course::Cosine { .. }) && self.progress(step) >= 1.0
    }

    /// How far along the cosine step number `step` is, from 0 to 1.
    fn progress(&self, step: u64) -> f64 {
        let Course::Cosine { tokens_per_step, exit_tokens, .. } = self.course else { return 0.0 };
        let tokens = |steps: u64| steps as f64 * tokens_per_step as f64;
        let warm = tokens(self.warmup_steps);
        let progress = (tokens(step) - warm) / (exit_tokens as f64 - warm);
        if progress.is_nan() { 1.0 } else { progress.clamp(0.0, 1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published minipile run.
    fn minipile() -> Schedule {
        let course = Course::Cosine { last: 6e-5, tokens_per_step: 16 * 512, exit_tokens: 1_498_226_207 };
        Schedule { first: 6e-4, warmup_steps: 10, warmup: Warmup::Once, course }
    }

    #[test]
    fn the_published_rates() {
        let near = |step, want: f64| {
            let rate = minipile().rate(step, step);
            assert!((rate - want).abs() < 5e-12, "step {step}: {rate:e} for {want:e}");
        };
        near(2519, 0.000_599_749_25);
        near(11 * 2520 + 2519, 0.000_564_406_37);
    }

    #[test]
    fn warm_up_and_end() {
        let schedule = minipile();
        assert!((schedule.rate(0, 0) - 6e-6).abs() < 1e-15);
        assert!((schedule.rate(5, 5) - 6e-4 * 0.505).abs() < 1e-15);
        assert_eq!(schedule.rate(10, 10), 6e-4);
        let last = 1_498_226_207 / (16 * 512);
        assert!(!schedule.is_over(last) && schedule.is_over(last + 1));
        assert!((schedule.rate(last + 1, 0) - 6e-5).abs() < 1e-15);
        assert_eq!(schedule.rate(u64::MAX, 0), schedule.rate(last + 1, 0));
    }

    #[test]
    fn a_second_run_warms_up_again_only_if_asked() {
        let once = minipile();
        let again = Schedule { warmup: Warmup::EveryRun, ..once };
        assert_eq!(once.rate(5000, 0), once.rate(5000, 5000));
        assert_eq!(again.rate(5000, 0), once.rate(5000, 0) * 0.01);
        assert_eq!(again.rate(5000, 10), once.rate(5000, 10));
    }

    #[test]
    fn a_constant_rate_stays() {
        let mut schedule = Schedule::constant(1e-3);
        assert!(schedule.check().is_ok() && !schedule.is_over(u64::MAX));
        assert_eq!([schedule.rate(0, 0), schedule.rate(1 << 40, 3)], [1e-3, 1e-3]);
        schedule.warmup_steps = 4;
        assert!((schedule.rate(2, 2) - 1e-3 * 0.505).abs() < 1e-18);
    }

    #[test]
    fn impossible_schedules_are_refused() {
        let cosine = |exit_tokens, tokens_per_step, last| {
            let course = Course::Cosine { last, tokens_per_step, exit_tokens };
            Schedule { course, ..minipile() }.check()
        };
        assert!(cosine(1_000_000, 8192, 0.0).is_ok());
        let error = cosine(81_920, 8192, 0.0).expect_err("over at once").to_string();
        assert!(error.contains("81920 tokens"), "{error}");
        assert!(cosine(1_000_000, 0, 0.0).is_err() && cosine(1_000_000, 8192, f64::NAN).is_err());
        assert!(
            Schedule::constant(-1.0).check().is_err() && Schedule::constant(f64::INFINITY).check().is_err()
        );
    }
}
