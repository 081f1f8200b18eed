//! The suites of the C library: built and installed once, then used as a program outside the repository would.

pub mod boundary;
pub mod c;
pub mod header;
pub mod languages;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::install;
use crate::process::{root, run, target};

/// The model that they all run.
const MODEL: &str = "tests/golden/stories.safetensors";
/// How npm is called: nothing that a package brings runs when it is installed.
const NPM: &str = "npm --silent --ignore-scripts --no-audit --no-fund";
/// What they feed to it.
const PROMPT: &str = "Once upon a time";

/// The library as it is installed, and what programs need to find it.
pub struct Installed {
    /// Folder with include/ and lib/.
    pub prefix: PathBuf,
    /// Folder for what the tests build and write.
    pub work: PathBuf,
    /// The folder that cargo builds into.
    pub target: PathBuf,
}

impl Installed {
    /// Builds and installs it, which takes no time where nothing changed.
    pub fn now() -> Result<Self> {
        let target = target();
        let (prefix, work) = (target.join("c-library"), target.join("c-tests"));
        install::install(&prefix, None, false)?;
        fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
        Ok(Self { prefix, work, target })
    }

    /// A command with the environment that every language's tests get.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("WKV7_PREFIX", &self.prefix)
            .env("PKG_CONFIG_PATH", self.prefix.join("lib/pkgconfig"))
            .env("LD_LIBRARY_PATH", self.prefix.join("lib"))
            .env("WKV7_MODEL", root().canonicalize().unwrap_or_default().join(MODEL));
        command
    }

    /// `line` with the folder for what the tests build in place of `WORK`, and npm, quiet and running no scripts of
    /// packages, in place of `NPM`.
    pub fn placed(&self, line: &str) -> String {
        line.replace("WORK", &self.work.display().to_string()).replace("NPM", NPM)
    }

    /// Runs a shell line in a folder below the root, with that environment.
    pub fn shell(&self, folder: &str, line: &str) -> Result<()> {
        run(self.command("sh").args(["-ec", &format!("cd '{folder}' && {line}")]))
    }
}
