//! `cargo xtask bench train`: builds our side, sets up torch, and starts `benches/peers/train.py`.

use std::env;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::need::Need;
use crate::peers::{environment, folder, given, pip, target};
use crate::process::{self, cargo, root};

const SCRIPT: &str = "benches/peers/train.py";
const REQUIREMENTS: &str = "benches/peers/requirements-train.txt";
const NEEDS: &[Need] = &[Need::PythonModule { name: "ensurepip", install: "apt-get install python3-venv" }];

#[derive(Args)]
pub struct Options {
    /// Where weights, the Python environment and the results are kept [default: target/train]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// A Python that has the packages of benches/peers/requirements-train.txt, instead of a new environment
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Our program, the example `speed` of wkv7-train, instead of building it
    #[arg(long, value_name = "PATH")]
    speed: Option<PathBuf>,
    /// Where train.json and train.md go [default: the folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Keep other sizes of the train.json that is there
    #[arg(long)]
    add: bool,
    #[command(flatten)]
    asked: Asked,
}

/// What to compare. The script has the defaults and judges the values; see its `--help`.
#[derive(Args, Debug, Default)]
struct Asked {
    /// LAYERSxCHANNELS, comma-separated [default: 6x256,12x384]
    #[arg(long)]
    sizes: Option<String>,
    /// How torch computes the recurrence: some of loop, chunk, compiled [default: all]
    #[arg(long)]
    forms: Option<String>,
    /// Tokens of torch's chunks [default: 32]
    #[arg(long, value_name = "N")]
    chunk: Option<String>,
    /// Token ids [default: 4096]
    #[arg(long, value_name = "N")]
    vocab: Option<String>,
    /// Tokens of a sequence [default: 512]
    #[arg(long, value_name = "N")]
    context: Option<String>,
    /// Sequences of a step [default: 8]
    #[arg(long, value_name = "N")]
    batch: Option<String>,
    /// Threads of each engine [default: 2]
    #[arg(long, value_name = "N")]
    threads: Option<String>,
    /// How often the engines take turns [default: 5]
    #[arg(long, value_name = "N")]
    rounds: Option<String>,
    /// Steps of each engine in a round [default: 2]
    #[arg(long, value_name = "N")]
    steps: Option<String>,
    /// Of the weights [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<String>,
    /// What factors of products are rounded to, f32 or bf16 [default: f32]
    #[arg(long, value_name = "TYPE")]
    precision: Option<String>,
}

impl Asked {
    /// The flags that were given, as the script takes them.
    fn words(&self) -> Vec<String> {
        let flags = [
            ("--sizes", &self.sizes),
            ("--forms", &self.forms),
            ("--chunk", &self.chunk),
            ("--vocab", &self.vocab),
            ("--context", &self.context),
            ("--batch", &self.batch),
            ("--threads", &self.threads),
            ("--rounds", &self.rounds),
            ("--steps", &self.steps),
            ("--seed", &self.seed),
            ("--precision", &self.precision),
        ];
        given(&flags)
    }
}

/// Builds and installs what is missing, then compares.
///
/// # Errors
/// Where something needed is not there, or a program fails.
pub fn run(options: &Options) -> Result<()> {
    let root = root().canonicalize().context("the root of the checkout is not there")?;
    let target = target(&root, env::var_os("CARGO_TARGET_DIR"));
    let folder = folder(options.folder.as_deref(), &target.join("train"))?;
    let python = match &options.python {
        Some(python) => absolute(python)?,
        None => environment(&folder.join("env"), NEEDS, |python| pip(python, REQUIREMENTS))?,
    };
    let speed = match &options.speed {
        Some(speed) => absolute(speed)?,
        None => build(&target)?,
    };
    let mut compare = Command::new(python);
    compare.arg(SCRIPT).arg("--speed").arg(speed).arg("--folder").arg(folder).args(options.asked.words());
    if let Some(out) = &options.out {
        compare.arg("--out").arg(absolute(out)?);
    }
    if options.add {
        compare.arg("--add");
    }
    process::run(&mut compare)
}

/// Builds our side for speed, and says where it is.
fn build(target: &Path) -> Result<PathBuf> {
    process::run(&mut cargo(&["build", "--release", "--package", "wkv7-train", "--example", "speed"]))?;
    Ok(target.join("release/examples").join(format!("speed{}", env::consts::EXE_SUFFIX)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn the_script_knows_every_flag_and_gets_no_other() {
        let script = std::fs::read_to_string(root().join(SCRIPT)).unwrap();
        let given = "--sizes a --forms a --chunk a --vocab a --context a --batch a --threads a --rounds a --steps a \
                     --seed a";
        let line = format!("train --add --python p {given}");
        let options = Line::try_parse_from(line.split(' ')).unwrap().options;
        let words = options.asked.words();
        assert_eq!(words.join(" "), given);
        for flag in words.iter().map(String::as_str).filter(|word| word.starts_with("--")).chain(["--add"]) {
            assert!(script.contains(&format!("\"{flag}\"")), "{flag}");
        }
        assert!(options.add);
    }

    #[test]
    fn the_script_has_the_defaults() {
        assert!(Line::try_parse_from(["train"]).unwrap().options.asked.words().is_empty());
    }
}
