//! `cargo xtask check`: all that must hold before a change is handed in, the cheap steps first.

use anyhow::Result;
use clap::Args;

use crate::job::Job;
use crate::need::Need;
use crate::process::{cargo, run as run_command};
use crate::summary::{self, Policy};
use crate::test;

#[derive(Args)]
pub struct Options {
    /// Go on after a failure, to find all of them in one run
    #[arg(long)]
    keep_going: bool,
    /// Leave the tests out, where `cargo xtask test` has just run
    #[arg(long)]
    without_tests: bool,
}

/// The fuzz targets are a workspace of their own.
const FUZZ: &str = "fuzz/Cargo.toml";

const CLIPPY: Need = Need::CargoCommand { name: "clippy", install: "rustup component add clippy" };

/// The steps before the tests. Clippy and rustdoc compile without making machine code, so they come first.
const BEFORE: &[Job] = &[
    Job {
        name: "format",
        needs: &[Need::CargoCommand { name: "fmt", install: "rustup component add rustfmt" }],
        run: || {
            run_command(&mut cargo(&["fmt", "--all", "--check"]))?;
            run_command(&mut cargo(&["fmt", "--manifest-path", FUZZ, "--check"]))
        },
    },
    Job {
        name: "clippy",
        needs: &[CLIPPY],
        run: || {
            run_command(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
            // What the backend of graphics cards adds, which is no default feature.
            let features = ["--workspace", "--features", "wkv7/wgpu,wkv7-cli/wgpu"];
            let rest = ["--all-targets", "--", "-D", "warnings"];
            run_command(&mut cargo(&[&["clippy"][..], &features, &rest].concat()))
        },
    },
    Job {
        name: "docs",
        needs: &[],
        run: || {
            let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
            run_command(doc.env("RUSTDOCFLAGS", "-D warnings"))
        },
    },
    // Running a target needs a nightly toolchain; that all of them still compile does not.
    Job {
        name: "fuzz",
        needs: &[CLIPPY, Need::Program { name: "c++", install: "apt-get install g++" }],
        run: || {
            run_command(&mut cargo(&[
                "clippy",
                "--manifest-path",
                FUZZ,
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))
        },
    },
];

/// Licences, banned and wildcard versions, sources. Advisories change with the day and need the network, so
/// they are asked for separately; see `deny.toml`.
const DENY: Job = Job {
    name: "deny",
    needs: &[Need::CargoCommand { name: "deny", install: "cargo install --locked cargo-deny" }],
    run: || {
        run_command(&mut cargo(&["deny", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]))
    },
};

/// Runs the steps.
///
/// # Errors
/// Where any failed.
pub fn run(options: &Options) -> Result<()> {
    let mut jobs = BEFORE.to_vec();
    if !options.without_tests {
        jobs.extend_from_slice(test::SUITES);
    }
    jobs.push(DENY);
    summary::run("steps", &jobs, Policy::from_environment(options.keep_going))
}
