//! Pages of documentation, run as a reader would.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::need::Need;
use crate::process::{Built, run};

/// What the page about training needs.
pub const TRAINING_NEEDS: &[Need] = &[
    Need::Program { name: "python3", install: "apt-get install python3" },
    Need::Program { name: "bash", install: "apt-get install bash" },
];

/// Every snippet of the page about training, with the command built here and nothing else of ours.
///
/// # Errors
/// Where one failed.
pub fn training() -> Result<()> {
    let wkv7 = Built::Wkv7.command()?;
    let folder = Path::new(wkv7.get_program()).parent().context("the command lies in no folder")?;
    run(Command::new("python3").env("WKV7_PROGRAMS", folder).args(["tests/docs/run.py", "training"]))
}
