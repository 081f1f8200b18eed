//! Runs a list of jobs, times them, and says at the end what happened to each.

use std::env;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::job::Job;

/// How a list of jobs is run.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Goes on after a failure, so that one run finds all of them.
    pub keep_going: bool,
    /// A job whose needs are missing has failed, instead of being left out with a word in the summary.
    pub strict: bool,
}

impl Policy {
    /// Strict where `CI=true`: there nothing is optional.
    pub fn from_environment(keep_going: bool) -> Self {
        Self { keep_going, strict: env::var("CI").is_ok_and(|value| value == "true") }
    }
}

/// What became of one job.
#[derive(Debug, PartialEq)]
enum Outcome {
    Passed,
    Failed(String),
    /// Something it needs is not installed, and that is allowed here.
    LeftOut(String),
    /// An earlier job failed.
    NotReached,
}

/// One line of the summary.
#[derive(Debug)]
struct Entry {
    name: &'static str,
    outcome: Outcome,
    time: Duration,
}

/// Runs the jobs in order and prints a summary; `noun` says what they are, in the plural.
///
/// # Errors
/// Where any failed; the message names them.
pub fn run(noun: &str, jobs: &[Job], policy: Policy) -> Result<()> {
    let entries = run_all(jobs, policy);
    println!();
    for entry in &entries {
        println!("{entry}");
    }
    println!("{}", counts(noun, &entries));
    let failed: Vec<_> = entries.iter().filter(|entry| entry.failed()).map(|entry| entry.name).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// The closing line, in the form that test reports are commonly read by.
fn counts(noun: &str, entries: &[Entry]) -> String {
    let passed = entries.iter().filter(|entry| entry.outcome == Outcome::Passed).count();
    let failed = entries.iter().filter(|entry| entry.failed()).count();
    let skipped = entries.len() - passed - failed;
    let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    format!("{noun}: {passed} passed, {failed} failed{skipped}")
}

fn run_all(jobs: &[Job], policy: Policy) -> Vec<Entry> {
    let mut stopped = false;
    jobs.iter()
        .map(|job| {
            let start = Instant::now();
            let outcome = if stopped { Outcome::NotReached } else { run_one(job, policy.strict) };
            stopped |= !policy.keep_going && matches!(outcome, Outcome::Failed(_));
            Entry { name: job.name, outcome, time: start.elapsed() }
        })
        .collect()
}

fn run_one(job: &Job, strict: bool) -> Outcome {
    println!("\n== {}", job.name);
    let missing: Vec<_> = job.needs.iter().filter_map(|need| Some((need, need.missing()?))).collect();
    if !missing.is_empty() {
        let fails = strict && missing.iter().any(|(need, _)| !need.is_optional());
        let missing = missing.into_iter().map(|(_, missing)| missing).collect::<Vec<_>>().join("; ");
        println!("{missing}");
        return if fails { Outcome::Failed(missing) } else { Outcome::LeftOut(missing) };
    }
    match (job.run)() {
        Ok(()) => Outcome::Passed,
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

impl Entry {
    fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.as_secs_f64();
        match &self.outcome {
            Outcome::Passed => write!(f, "  ok        {:<8} {seconds:6.1} s", self.name),
            Outcome::Failed(why) => write!(f, "  FAILED    {:<8} {seconds:6.1} s  {why}", self.name),
            Outcome::LeftOut(why) => write!(f, "  left out  {:<8}           {why}", self.name),
            Outcome::NotReached => write!(f, "  not run   {:<8}           an earlier step failed", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::need::Need;

    const NOWHERE: &[Need] = &[Need::Program { name: "no-such-program-7f3a", install: "nowhere to be had" }];

    fn good(name: &'static str) -> Job {
        Job { name, needs: &[], run: || Ok(()) }
    }

    fn bad(name: &'static str) -> Job {
        Job { name, needs: &[], run: || bail!("out of luck") }
    }

    fn needy(name: &'static str) -> Job {
        Job { name, needs: NOWHERE, run: || bail!("must not be started") }
    }

    fn outcomes(jobs: &[Job], keep_going: bool, strict: bool) -> Vec<Outcome> {
        run_all(jobs, Policy { keep_going, strict }).into_iter().map(|entry| entry.outcome).collect()
    }

    #[test]
    fn the_first_failure_stops_the_list() {
        let got = outcomes(&[good("a"), bad("b"), good("c")], false, false);
        assert_eq!(got, [Outcome::Passed, Outcome::Failed("out of luck".into()), Outcome::NotReached]);
    }

    #[test]
    fn keep_going_reaches_the_end() {
        let got = outcomes(&[bad("a"), good("b")], true, false);
        assert_eq!(got, [Outcome::Failed("out of luck".into()), Outcome::Passed]);
    }

    #[test]
    fn a_missing_need_is_named_and_fails_only_where_strict() {
        let missing = || "no-such-program-7f3a is not installed (nowhere to be had)".to_owned();
        let jobs = [needy("a"), good("b")];
        assert_eq!(outcomes(&jobs, false, false), [Outcome::LeftOut(missing()), Outcome::Passed]);
        assert_eq!(outcomes(&jobs, false, true), [Outcome::Failed(missing()), Outcome::NotReached]);
    }

    #[test]
    fn what_needs_another_toolchain_is_left_out_even_where_strict() {
        const NONE: &[Need] = &[Need::Toolchain { name: "no-such-toolchain-7f3a", install: "nowhere" }];
        let job = Job { name: "a", needs: NONE, run: || bail!("must not be started") };
        assert!(matches!(outcomes(&[job], false, true)[..], [Outcome::LeftOut(_)]));
    }

    #[test]
    fn the_error_names_what_failed_and_only_that() {
        let jobs = [bad("a"), good("b"), bad("c"), needy("d")];
        let policy = Policy { keep_going: true, strict: false };
        assert_eq!(run("suites", &jobs, policy).unwrap_err().to_string(), "failed: a, c");
        assert!(run("suites", &[good("a"), needy("b")], policy).is_ok());
    }

    #[test]
    fn the_closing_line_counts_every_job_once() {
        let entries = |jobs: &[Job]| run_all(jobs, Policy { keep_going: false, strict: false });
        assert_eq!(counts("steps", &entries(&[good("a"), good("b")])), "steps: 2 passed, 0 failed");
        let stopped = entries(&[good("a"), needy("b"), bad("c"), good("d")]);
        assert_eq!(counts("steps", &stopped), "steps: 1 passed, 1 failed, 2 skipped");
    }
}
