//! `cargo xtask test`: every test of the project, in every language it has.

use anyhow::{Result, bail};
use clap::Args;

use crate::capi::{c, header, languages};
use crate::cpu;
use crate::docs;
use crate::golden;
use crate::job::Job;
use crate::process::{cargo, run as run_command};
use crate::summary::{self, Policy};

#[derive(Args)]
pub struct Options {
    /// Only these suites, by name
    suites: Vec<String>,
}

/// The suites, one entry each: a language that joins the project adds its own here.
pub const SUITES: &[Job] = &[
    // Unit, integration, property, corpus and documentation tests of every crate.
    Job {
        name: "rust",
        needs: &[],
        run: || run_command(&mut cargo(&["test", "--workspace", "--no-fail-fast"])),
    },
    // The same results with every instruction set that this machine has.
    Job { name: "paths", needs: &[], run: cpu::paths },
    // Every interleaving of the threads of the cpu backend where they meet.
    Job { name: "loom", needs: &[], run: cpu::loom },
    // Races of those threads, as they happen.
    Job { name: "tsan", needs: cpu::TSAN_NEEDS, run: cpu::tsan },
    // The façade and the command with the backend of graphics cards, which is no default feature. Its own tests, and
    // recorded data on it, are among those of every crate.
    Job { name: "wgpu", needs: &[], run: wgpu },
    // The C header is what the sources make, and compiles alone.
    Job { name: "header", needs: header::NEEDS, run: header::check },
    // The C library as programs use it that are not ours.
    Job { name: "c", needs: c::NEEDS, run: c::run_all },
    // Races of sessions side by side behind the C ABI.
    Job { name: "c-tsan", needs: c::TSAN_NEEDS, run: c::tsan },
    // The C++ header, and the examples in C and C++.
    Job { name: "cpp", needs: languages::CPP_NEEDS, run: languages::cpp },
    Job { name: "go", needs: languages::GO_NEEDS, run: languages::go },
    Job { name: "node", needs: languages::NODE_NEEDS, run: languages::node },
    Job { name: "python", needs: languages::PYTHON_NEEDS, run: languages::python },
    // All languages give the same bits, and go on from each other's states.
    Job { name: "languages", needs: languages::AGREE_NEEDS, run: languages::agree },
    // Every snippet of the embedding guide does what it says.
    Job { name: "guide", needs: c::NEEDS, run: languages::guide },
    // Every command of the page about training does what it says, in an empty folder.
    Job { name: "training", needs: docs::TRAINING_NEEDS, run: docs::training },
    // The golden data is what its script makes.
    Job { name: "golden", needs: golden::NEEDS, run: golden::check },
];

/// Runs the suites asked for, all of them where none is named. A failure does not keep the others from running.
///
/// # Errors
/// Where any failed, or a name is not one of a suite.
pub fn run(options: &Options) -> Result<()> {
    let jobs = chosen(&options.suites)?;
    summary::run("suites", &jobs, Policy::from_environment(true))
}

fn wgpu() -> Result<()> {
    // The whole workspace, so that its crates have the features that they were built with for the other tests.
    let features = ["--workspace", "--features", "wkv7/wgpu,wkv7-cli/wgpu"];
    let tests = ["--test", "facade", "--test", "cli", "--", "moves::", "devices::"];
    run_command(&mut cargo(&[&["test"][..], &features, &tests].concat()))
}

fn chosen(names: &[String]) -> Result<Vec<Job>> {
    if let Some(unknown) = names.iter().find(|name| SUITES.iter().all(|suite| suite.name != **name)) {
        let known: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("no test suite `{unknown}`, expected one of: {}", known.join(", "));
    }
    let wanted = |suite: &&Job| names.is_empty() || names.iter().any(|name| name == suite.name);
    Ok(SUITES.iter().filter(wanted).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(asked: &[&str]) -> Result<Vec<&'static str>> {
        let asked: Vec<_> = asked.iter().map(|&name| name.to_owned()).collect();
        Ok(chosen(&asked)?.iter().map(|suite| suite.name).collect())
    }

    #[test]
    fn all_suites_run_where_none_is_named() {
        assert_eq!(names(&[]).unwrap().len(), SUITES.len());
        assert_eq!(names(&["golden"]).unwrap(), ["golden"]);
    }

    #[test]
    fn an_unknown_suite_is_refused_with_the_known_ones() {
        let error = names(&["rust", "cobol"]).unwrap_err().to_string();
        assert!(error.starts_with("no test suite `cobol`, expected one of: rust, "), "{error}");
    }

    #[test]
    fn suite_names_differ() {
        for (index, suite) in SUITES.iter().enumerate() {
            assert!(SUITES[..index].iter().all(|other| other.name != suite.name), "{} twice", suite.name);
        }
    }
}
