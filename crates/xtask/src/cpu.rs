//! Tests of the cpu backend beyond what `cargo test` runs: other instruction sets, other interleavings of its threads.

use anyhow::{Context, Result};

use crate::need::Need;
use crate::process::{self, Built, cargo, root, run, target};

/// The integration tests whose models run on the cpu backend as the environment chooses it. Those of the backend itself
/// and of the command go through every path, or do not depend on one.
const ON_ANY_PATH: &[&str] = &["approximation", "facade", "fixtures", "golden", "stories"];

/// Runs the tests once more on every path but the one that the backend chooses, which those of the workspace have taken. Paths
/// that this machine lacks are named.
///
/// # Errors
/// Where any failed.
pub fn paths() -> Result<()> {
    let lines = process::output(&mut Built::Example("paths").command()?)?;
    let (others, lacking) = sorted(&lines)?;
    for path in lacking {
        println!("left out: this machine cannot take CPU path `{path}`");
    }
    for path in others {
        // The whole workspace, so that its crates have the features that they were built with for the other tests.
        let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
        command.args(ON_ANY_PATH.iter().flat_map(|test| ["--test", *test]));
        run(command.env("WKV7_CPU", path))?;
    }
    Ok(())
}

/// The paths that a machine has beside the chosen one, and those that it lacks, from lines of a name and `chosen`, `yes` or `no`.
fn sorted(lines: &str) -> Result<(Vec<&str>, Vec<&str>)> {
    let split =
        |line| str::split_once(line, ' ').with_context(|| format!("`{line}` is no path and an answer"));
    let paths = lines.lines().map(split).collect::<Result<Vec<_>>>()?;
    let of = |answer: &str| paths.iter().filter(|path| path.1 == answer).map(|path| path.0).collect();
    Ok((of("yes"), of("no")))
}

/// Models of the threads, whose atomics are loom's under this `cfg`. All crates are built with it, so in a folder of
/// their own.
///
/// # Errors
/// Where any failed.
pub fn loom() -> Result<()> {
    let mut command = cargo(&["test", "--package", "wkv7-cpu", "--lib", "--config", UNOPTIMISED, "loom"]);
    run(command.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", target().join("loom")))
}

/// What watches threads wants no fast kernels, and compiling those takes minutes rather than seconds.
pub const UNOPTIMISED: &str = "profile.dev.package.wkv7-cpu.opt-level=0";

/// ThreadSanitizer is in nightly toolchains only.
pub const TSAN_NEEDS: &[Need] =
    &[Need::Toolchain { name: "nightly", install: "rustup toolchain install nightly --profile minimal" }];

/// The team's tests, and sequences side by side, under ThreadSanitizer. The standard library comes without it, hence the
/// list of what is no race.
///
/// # Errors
/// Where any failed or raced.
pub fn tsan() -> Result<()> {
    let words = ["cargo", "test", "--package", "wkv7-cpu", "--lib", "--test", "bits", "--target", TARGET];
    let mut command = process::rustup_run("nightly", &words);
    command.args(["--config", UNOPTIMISED, "--", "team::", "neighbours_change_no_bit"]);
    let suppressions = root().join("crates/cpu/tsan.txt");
    let suppressions = suppressions.canonicalize().with_context(|| format!("{}", suppressions.display()))?;
    run(command
        .env("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer")
        .env("TSAN_OPTIONS", format!("suppressions={}", suppressions.display()))
        .env("CARGO_TARGET_DIR", target().join("tsan")))
}

/// Where ThreadSanitizer runs; naming a target keeps it away from build scripts and macros.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_sorted_by_the_answer() {
        let (others, lacking) = sorted("portable yes\navx2 chosen\navx3 yes\navx9 no\n").unwrap();
        assert_eq!((others, lacking), (vec!["portable", "avx3"], vec!["avx9"]));
        assert!(sorted("portable").unwrap_err().to_string().contains("`portable`"));
    }

    #[test]
    fn the_tests_named_are_there() {
        for test in ON_ANY_PATH {
            let found = ["crates/wkv7/tests", "tests/tests"].iter().any(|folder| {
                root().join(folder).join(format!("{test}.rs")).is_file()
                    || root().join(folder).join(test).is_dir()
            });
            assert!(found, "{test}");
        }
    }
}
