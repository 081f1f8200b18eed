//! What the suite found.

use std::fmt;

/// The verdict on one case.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It holds.
    Passed {
        /// The largest relative distance met; 0 where everything was equal to the bit.
        worst: f64,
    },
    /// It was left out, for this reason.
    Skipped(String),
    /// It does not hold, and where.
    Failed(String),
}

/// One case and its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Name of the case.
    pub case: String,
    /// The verdict.
    pub verdict: Verdict,
}

impl Outcome {
    pub(super) fn new(case: &str, verdict: Verdict) -> Self {
        Self { case: case.to_owned(), verdict }
    }
}

/// What the suite found on one backend; shown as a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Name of the backend.
    pub backend: &'static str,
    /// Every case in order.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// Whether no case failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.outcomes.iter().any(|outcome| matches!(outcome.verdict, Verdict::Failed(_)))
    }

    /// The largest relative distance that any case met.
    #[must_use]
    pub fn worst(&self) -> f64 {
        let figure = |outcome: &Outcome| match outcome.verdict {
            Verdict::Passed { worst } => worst,
            _ => 0.0,
        };
        self.outcomes.iter().map(figure).fold(0.0, f64::max)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "backend `{}`:", self.backend)?;
        for Outcome { case, verdict } in &self.outcomes {
            match verdict {
                Verdict::Passed { worst: 0.0 } => writeln!(f, "  passed   {case:<40} exact")?,
                Verdict::Passed { worst } => writeln!(f, "  passed   {case:<40} {worst:.1e}")?,
                Verdict::Skipped(why) => writeln!(f, "  skipped  {case:<40} {why}")?,
                Verdict::Failed(why) => writeln!(f, "  FAILED   {case:<40} {why}")?,
            }
        }
        Ok(())
    }
}
