//! One suite for every backend. Cases are data; a backend that cannot do one says so in words.
//!
//! ```no_run
//! # use wkv7_core::Reference;
//! wkv7_testkit::conformance(&Reference).skip("type Q3_K", "not yet packed on this device").assert();
//! ```
//!
//! | file | what must hold |
//! |---|---|
//! | `numbers` | logits and state are the reference's, for every element type and shape |
//! | `batches` | chunks, neighbours and wants do not change a sequence |
//! | `wants` | the largest logits and hidden states are those of the reference, alone and among others |
//! | `slots` | slots are finite, zeroed, own, and their states can be read, written and copied |
//! | `refusals` | what is wrong is refused before any state changes |

mod batches;
mod ground;
mod numbers;
mod refusals;
mod report;
mod slots;
mod wants;

use std::panic::{AssertUnwindSafe, catch_unwind};

use wkv7_core::{Backend, Dtype};

use crate::Tolerance;
pub use ground::{Failure, Ground};
pub use report::{Outcome, Report, Verdict};

/// Tries a property; returns the worst relative distance met.
type Trial = dyn Fn(&Ground<'_>) -> Result<f64, Failure>;

/// A property that every backend must have.
pub struct Case {
    /// What it is called, for [`Conformance::skip`] and in the report.
    pub name: String,
    trial: Box<Trial>,
}

impl Case {
    fn new(name: impl Into<String>, trial: impl Fn(&Ground<'_>) -> Result<f64, Failure> + 'static) -> Self {
        Self { name: name.into(), trial: Box::new(trial) }
    }
}

/// Every case, in order.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = numbers::cases();
    cases.extend(batches::cases());
    cases.extend(wants::cases());
    cases.extend(slots::cases());
    cases.extend(refusals::cases());
    cases
}

/// The suite, about to be run on one backend.
pub struct Conformance<'a> {
    backend: &'a dyn Backend,
    exact: bool,
    tolerance: Tolerance,
    approximated: Vec<(&'a [Dtype], Tolerance)>,
    skips: Vec<(String, String)>,
}

/// The suite for `backend`, loaded with the default options, judged by [`Tolerance::F32_ROUNDING`] and with nothing
/// skipped.
#[must_use]
pub fn conformance(backend: &dyn Backend) -> Conformance<'_> {
    let tolerance = Tolerance::F32_ROUNDING;
    Conformance { backend, exact: false, tolerance, approximated: Vec::new(), skips: Vec::new() }
}

impl<'a> Conformance<'a> {
    /// Loads every model with [`LoadOptions::exact`](wkv7_core::LoadOptions::exact).
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Judges the numbers of models that hold a tensor of one of `types` by `tolerance`, for a backend that approximates
    /// where it may; asked for several lists, by the first that applies. That a sequence is unmoved by chunks, neighbours and repetition is judged as before.
    #[must_use]
    pub fn approximates(mut self, types: &'a [Dtype], tolerance: Tolerance) -> Self {
        self.approximated.push((types, tolerance));
        self
    }

    /// Leaves `case` out and says why in the report. A name that no case has fails the suite.
    #[must_use]
    pub fn skip(mut self, case: &str, why: &str) -> Self {
        self.skips.push((case.to_owned(), why.to_owned()));
        self
    }

    /// Judges numbers by `tolerance`, for a backend that computes in another precision.
    #[must_use]
    pub fn within(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Runs every case.
    #[must_use]
    pub fn run(&self) -> Report {
        let ground = Ground::new(self.backend, self.exact, self.tolerance, &self.approximated);
        let cases = cases();
        let unknown = self.skips.iter().filter(|(skip, _)| cases.iter().all(|case| case.name != *skip));
        let mut outcomes: Vec<Outcome> = unknown
            .map(|(name, _)| {
                Outcome::new(name, Verdict::Failed("skipped, but there is no such case".to_owned()))
            })
            .collect();
        for case in &cases {
            let skip = self.skips.iter().find(|(name, _)| *name == case.name);
            let verdict = match skip {
                Some((_, why)) => Verdict::Skipped(why.clone()),
                None => verdict(case, &ground),
            };
            outcomes.push(Outcome::new(&case.name, verdict));
        }
        Report { backend: self.backend.name(), outcomes }
    }

    /// Runs every case and prints the report.
    ///
    /// # Panics
    /// With the report, where a case failed.
    #[track_caller]
    pub fn assert(&self) {
        let report = self.run();
        assert!(report.passed(), "{report}");
        println!("{report}");
    }
}

/// A panic inside a backend is a failure of that case, not the end of the suite.
fn verdict(case: &Case, ground: &Ground<'_>) -> Verdict {
    match catch_unwind(AssertUnwindSafe(|| (case.trial)(ground))) {
        Ok(Ok(worst)) => Verdict::Passed { worst },
        Ok(Err(failure)) => Verdict::Failed(failure.0),
        Err(_) => Verdict::Failed("panicked; its message is above".to_owned()),
    }
}

#[cfg(test)]
mod tests;
