//! A job: one named step of `check`, or one test suite.

use anyhow::Result;

use crate::need::Need;

/// One named thing to run. Adding a language to the project is adding one of these to a table.
#[derive(Clone, Copy)]
pub struct Job {
    /// Short, lower case; how the summary and the command line call it.
    pub name: &'static str,
    /// What must be installed. Where one is missing the job is not started.
    pub needs: &'static [Need],
    /// Runs it; its output goes straight to the terminal.
    pub run: fn() -> Result<()>,
}
