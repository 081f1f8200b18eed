//! `cargo xtask bench gpu`: makes models, builds the program that holds web-rwkv beside the wgpu backend, and runs it.

use std::env;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::need::Need;
use crate::peers::{environment, folder, pip, target};
use crate::process::{self, cargo, root};

const PROGRAM: &str = "benches/peers/web-rwkv/Cargo.toml";
const MAKER: &str = "benches/peers/make_model.py";
const REQUIREMENTS: &str = "benches/peers/requirements-models.txt";

/// What setting up the environment needs.
const NEEDS: &[Need] = &[Need::PythonModule { name: "ensurepip", install: "apt-get install python3-venv" }];

#[derive(Args)]
pub struct Options {
    /// The card, by a part of its name as `wkv7 devices` lists it
    #[arg(long, value_name = "NAME")]
    adapter: String,
    /// Published sizes
    #[arg(long, value_name = "SIZES", default_value = "0.1B,0.4B", value_delimiter = ',')]
    models: Vec<String>,
    /// Tokens fed one by one
    #[arg(long, value_name = "N", default_value_t = 128)]
    decode: usize,
    /// Tokens fed at once
    #[arg(long, value_name = "N", default_value_t = 512)]
    prefill: usize,
    /// Measurements of each engine
    #[arg(long, value_name = "N", default_value_t = 5)]
    pairs: usize,
    /// Where models, the Python environment and the results are kept [default: target/peers]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// A Python that has numpy, instead of a new environment
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

/// Makes what is missing, then compares, one model after the other.
///
/// # Errors
/// Where something needed is not there, or a program fails.
pub fn run(options: &Options) -> Result<()> {
    let root = root().canonicalize().context("the root of the checkout is not there")?;
    let target = target(&root, env::var_os("CARGO_TARGET_DIR"));
    let folder = folder(options.folder.as_deref(), &target.join("peers"))?;
    let python = match &options.python {
        Some(python) => absolute(python)?,
        None => environment(&folder.join("models-env"), NEEDS, |python| pip(python, REQUIREMENTS))?,
    };
    for size in &options.models {
        let model = folder.join(format!("{size}-f16.safetensors"));
        if !model.exists() {
            process::run(&mut options.make(&python, size, &model))?;
        }
        process::run(&mut options.compare(&model, &folder.join(format!("web-rwkv-{size}.json"))))?;
    }
    Ok(())
}

impl Options {
    fn make(&self, python: &Path, size: &str, model: &Path) -> Command {
        let mut make = Command::new(python);
        make.arg(MAKER).arg(model).args(["--size", size, "--dtype", "f16"]);
        make
    }

    fn compare(&self, model: &Path, record: &Path) -> Command {
        let mut compare = cargo(&["run", "--release", "--manifest-path", PROGRAM, "--"]);
        compare.arg(model).args(["--adapter", &self.adapter]);
        for (flag, count) in [("--decode", self.decode), ("--prefill", self.prefill), ("--pairs", self.pairs)]
        {
            compare.args([flag, &count.to_string()]);
        }
        compare.arg("--json").arg(record);
        compare
    }
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
    fn what_is_asked_reaches_the_program_which_knows_every_flag() {
        let line = Line::try_parse_from("gpu --adapter llvmpipe --models 0.1B,0.4B --decode 8".split(' '));
        let options = line.unwrap().options;
        assert_eq!(options.models, ["0.1B", "0.4B"]);
        let compare = options.compare(Path::new("m"), Path::new("r.json"));
        let words: Vec<_> = compare.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert!(
            words.ends_with(
                &[
                    "m",
                    "--adapter",
                    "llvmpipe",
                    "--decode",
                    "8",
                    "--prefill",
                    "512",
                    "--pairs",
                    "5",
                    "--json",
                    "r.json"
                ]
                .map(str::to_owned)
            )
        );
        let program = std::fs::read_to_string(root().join("benches/peers/web-rwkv/src/main.rs")).unwrap();
        for flag in words.iter().filter(|word| word.starts_with("--") && word.len() > 2).skip(2) {
            assert!(program.contains(&format!("\"{flag}\"")), "{flag}");
        }
    }
}
