//! `cargo xtask model make`: the whole way from nothing to the model that ships, in one command.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use super::{corpus, report, vocab};
use crate::process::{self, cargo, root, run as run_command};

/// Where the model and what is said about it lie.
pub const FOLDER: &str = "crates/wkv7/model";
/// Its name there.
pub const MODEL: &str = "wkv7-goose.gguf";

#[derive(Args)]
pub struct Options {
    /// Where texts, tokens and the run are kept; an interrupted run goes on from there [default: target/model]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Where the model, its loss and its log go [default: crates/wkv7/model]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Steps instead of those of goose.toml, to see whether all parts work
    #[arg(long, value_name = "N")]
    steps: Option<u64>,
}

/// Makes texts, vocabulary, tokens, the model and its report.
///
/// # Errors
/// Where any part fails.
pub fn run(options: &Options) -> Result<()> {
    let folder = options.folder.clone().unwrap_or_else(|| process::target().join("model"));
    let out = options.out.clone().unwrap_or_else(|| root().join(FOLDER));
    for folder in [&folder, &out] {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let at = |name: &str| folder.join(name);
    run_command(&mut cargo(&["build", "--release", "--package", "wkv7-cli"]))?;
    let texts = at("corpus.jsonl");
    corpus::run(&corpus::Options::main(&texts))?;
    vocab::run(&vocab::Options::standard(&texts, &at("vocab.txt")))?;
    let mut data = wkv7("release");
    data.args(["data", "build"]).arg(&texts).arg("-o").arg(at("tokens"));
    run_command(data.arg("--vocab").arg(at("vocab.txt")).args(["--shuffle-seed", "1"]))?;
    let mut train = wkv7("release");
    train.arg("train").arg(at("goose")).arg("--config").arg(root().join(FOLDER).join("goose.toml"));
    train.arg("--data").arg(at("tokens")).arg("--vocab").arg(at("vocab.txt"));
    train.arg("--plot").arg(out.join("loss.svg"));
    if let Some(steps) = options.steps {
        train.arg("--steps").arg(steps.to_string());
    }
    run_command(&mut train)?;
    let mut convert = wkv7("release");
    convert.arg("convert").arg(at("goose").join("model.safetensors")).arg(out.join(MODEL));
    run_command(convert.args(["--dtype", "q8_0"]).arg("--vocab").arg(at("vocab.txt")))?;
    copy(&at("goose").join("train_log.jsonl"), &out.join("train_log.jsonl"))?;
    report::run(&report::Options::of(&out))
}

/// The command, built as `profile`.
pub fn wkv7(profile: &str) -> Command {
    let program = process::target().join(profile).join("wkv7");
    Command::new(program.with_extension(std::env::consts::EXE_EXTENSION))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    Ok(())
}
