//! Repeatable jobs of the workspace: `cargo xtask check | test | golden | header | install | bench | model`.
//!
//! One place says how the project is checked, and people, `.ci/run` and the hosted workflow all call it. A job
//! is a [`job::Job`]: a name, what must be installed, and what to run. [`summary`] runs a list of them and
//! reports.

mod abi;
mod bench;
mod capi;
mod check;
mod cpu;
mod docs;
mod golden;
mod gpu;
mod header;
mod install;
mod job;
mod model;
mod need;
mod peers;
mod process;
mod summary;
mod test;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Repeatable jobs of the wkv7 workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Format, clippy, docs, tests and deny, the cheap ones first
    Check(check::Options),
    /// Every test of the project, in every language it has
    Test(test::Options),
    /// Make the golden data anew, or compare it with what is checked in
    Golden(golden::Options),
    /// Make the C header anew, or compare it with what is checked in
    Header(header::Options),
    /// Build the C library and put it, its headers, pkg-config and CMake files into a folder
    Install(install::Options),
    /// Measure: micro-benchmarks, or speed beside other engines
    Bench(bench::Options),
    /// The corpus and the vocabulary of the model that ships with wkv7
    #[command(subcommand)]
    Model(model::Command),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Check(options) => check::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Golden(options) => golden::run(&options),
        Command::Header(options) => header::run(&options),
        Command::Install(options) => install::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Model(command) => model::run(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
