//! `cargo xtask golden`: the recorded inputs and outputs that the tests compare with.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::need::Need;
use crate::process;

/// Makes the golden data from the formulas, in float64, with numpy alone.
const SCRIPT: &str = "tests/golden/make.py";

/// What the script needs.
pub const NEEDS: &[Need] = &[
    Need::Program { name: "python3", install: "apt-get install python3" },
    Need::PythonModule {
        name: "numpy",
        install: "pip install numpy, in an environment whose python3 is first on the path",
    },
];

#[derive(Args)]
pub struct Options {
    /// Write nothing; fail where the checked-in data is not what the script makes
    #[arg(long)]
    check: bool,
}

/// Makes the data, or compares it.
///
/// # Errors
/// Where the script cannot be run, fails, or finds a difference.
pub fn run(options: &Options) -> Result<()> {
    if options.check { check() } else { process::run(&mut script()) }
}

/// Compares the checked-in data with what the script makes; the script knows how near is the same.
///
/// # Errors
/// Where the script cannot be run or finds a difference.
pub fn check() -> Result<()> {
    process::run(script().arg("--check"))
}

fn script() -> Command {
    let mut command = Command::new("python3");
    command.arg(SCRIPT);
    command
}
