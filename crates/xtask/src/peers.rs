//! `cargo xtask bench peers`: builds wkv7, sets up the other engines, and starts `benches/peers/compare.py`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::need::Need;
use crate::process::{self, cargo, root};

const SCRIPT: &str = "benches/peers/compare.py";
const REQUIREMENTS: &str = "benches/peers/requirements.txt";
const REQUIREMENTS_TORCH: &str = "benches/peers/requirements-torch.txt";

/// What setting up the environment needs; cmake and ninja come from PyPI.
const NEEDS: &[Need] = &[
    Need::PythonModule { name: "ensurepip", install: "apt-get install python3-venv" },
    Need::Program { name: "c++", install: "apt-get install g++" },
];

#[derive(Args)]
pub struct Options {
    /// Where models, the Python environment and the results are kept [default: target/peers]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// A Python that has the packages of benches/peers/requirements.txt, instead of a new environment
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The command to measure, instead of building it
    #[arg(long, value_name = "PATH")]
    wkv7: Option<PathBuf>,
    /// Where peers.json and peers.md go [default: the folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also compare with the official `rwkv` package; installs torch, some gigabytes
    #[arg(long)]
    with_torch: bool,
    #[command(flatten)]
    asked: Asked,
}

/// What to compare. The script has the defaults and judges the values; see its `--help`.
#[derive(Args, Debug, Default)]
struct Asked {
    /// Published sizes, or LAYERSxCHANNELS, comma-separated [default: 0.1B,0.4B,1.5B]
    #[arg(long, value_name = "SIZES")]
    models: Option<String>,
    /// Types of the large matrices [default: f16,bf16,q8_0,q4_0,q4_k]
    #[arg(long)]
    types: Option<String>,
    /// Numbers of threads [default: 1,2]
    #[arg(long)]
    threads: Option<String>,
    /// Measurements of each engine [default: 5]
    #[arg(long, value_name = "N")]
    pairs: Option<String>,
    /// Tokens fed at once [default: 512]
    #[arg(long, value_name = "N")]
    prefill: Option<String>,
    /// Tokens fed one by one [default: 128]
    #[arg(long, value_name = "N")]
    decode: Option<String>,
    /// Greedy tokens that are compared before anything is timed [default: 32]
    #[arg(long, value_name = "N")]
    agree: Option<String>,
    /// Of the weights [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<String>,
    /// Share of the channel mix's hidden units that are zero [default: 0.5]
    #[arg(long, value_name = "SHARE")]
    ffn_sparsity: Option<String>,
}

impl Asked {
    /// The flags that were given, as the script takes them.
    fn words(&self) -> Vec<String> {
        let flags = [
            ("--models", &self.models),
            ("--types", &self.types),
            ("--threads", &self.threads),
            ("--pairs", &self.pairs),
            ("--prefill", &self.prefill),
            ("--decode", &self.decode),
            ("--agree", &self.agree),
            ("--seed", &self.seed),
            ("--ffn-sparsity", &self.ffn_sparsity),
        ];
        given(&flags)
    }
}

/// The flags that have a value, as a script takes them.
pub(crate) fn given(flags: &[(&str, &Option<String>)]) -> Vec<String> {
    let given = flags.iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
    given.flat_map(|(flag, value)| [(*flag).to_owned(), value.clone()]).collect()
}

/// Builds and installs what is missing, then compares.
///
/// # Errors
/// Where something needed is not there, or a program fails.
pub fn run(options: &Options) -> Result<()> {
    let root = root().canonicalize().context("the root of the checkout is not there")?;
    let target = target(&root, env::var_os("CARGO_TARGET_DIR"));
    let folder = folder(options.folder.as_deref(), &target.join("peers"))?;
    let python = match &options.python {
        Some(python) => absolute(python)?,
        None => {
            let told = env::var_os("CMAKE_ARGS").is_some();
            environment(&folder.join("env"), NEEDS, |python| install(python, options.with_torch, told))?
        }
    };
    let wkv7 = match &options.wkv7 {
        Some(wkv7) => absolute(wkv7)?,
        None => build(&target)?,
    };
    let mut compare = Command::new(python);
    compare.arg(SCRIPT).arg("--wkv7").arg(wkv7).arg("--folder").arg(folder).args(options.asked.words());
    if let Some(out) = &options.out {
        compare.arg("--out").arg(absolute(out)?);
    }
    if options.with_torch {
        compare.arg("--with-torch");
    }
    process::run(&mut compare)
}

/// Cargo's target folder; `set` is `CARGO_TARGET_DIR`, which cargo reads from the root, where we start it.
pub(crate) fn target(root: &Path, set: Option<OsString>) -> PathBuf {
    root.join(set.as_deref().unwrap_or(OsStr::new("target")))
}

/// The folder for what a comparison keeps, as asked or else `usual`; made where it is not there. A given path is meant
/// from where the user stands, while programs are run in the root.
pub(crate) fn folder(asked: Option<&Path>, usual: &Path) -> Result<PathBuf> {
    let folder = absolute(asked.unwrap_or(usual))?;
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// Builds the command for speed, and says where it is.
fn build(target: &Path) -> Result<PathBuf> {
    process::run(&mut cargo(&["build", "--release", "--package", "wkv7-cli"]))?;
    Ok(target.join("release").join(format!("wkv7{}", env::consts::EXE_SUFFIX)))
}

/// The Python of an environment with the packages that `install` installs; made where it is not there, if what it needs is.
pub(crate) fn environment(
    folder: &Path,
    needs: &[Need],
    install: impl FnOnce(&Path) -> Command,
) -> Result<PathBuf> {
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !python.exists() {
        let missing: Vec<_> = needs.iter().filter_map(Need::missing).collect();
        if !missing.is_empty() {
            bail!("{}", missing.join("; "));
        }
        process::run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    process::run(&mut install(&python))?;
    Ok(python)
}

/// Installs what a file lists; a moment where it is there.
pub(crate) fn pip(python: &Path, requirements: &str) -> Command {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip.args(["--requirement", requirements]);
    pip
}

/// Installs the packages, llama.cpp compiled for this machine unless the user says how; a moment where they are there.
fn install(python: &Path, with_torch: bool, told: bool) -> Command {
    let mut pip = pip(python, REQUIREMENTS);
    pip.args(["--no-binary", "llama-cpp-python"]);
    if with_torch {
        pip.args(["--requirement", REQUIREMENTS_TORCH]);
    }
    if !told {
        pip.env("CMAKE_ARGS", "-DGGML_NATIVE=ON");
    }
    pip
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

    fn parse(line: &str) -> Options {
        Line::try_parse_from(line.split(' ')).unwrap().options
    }

    #[test]
    fn what_is_asked_reaches_the_script_and_nothing_else_does() {
        let options = parse("peers --models 0.1B,2x256 --wkv7 w --pairs 3 --with-torch --ffn-sparsity 0.85");
        assert_eq!(
            options.asked.words(),
            ["--models", "0.1B,2x256", "--pairs", "3", "--ffn-sparsity", "0.85"]
        );
        assert!(options.with_torch);
        assert_eq!(options.wkv7.as_deref(), Some(Path::new("w")));
    }

    #[test]
    fn the_script_has_the_defaults() {
        assert!(parse("peers").asked.words().is_empty());
    }

    #[test]
    fn the_script_knows_every_flag() {
        let script = fs::read_to_string(root().join(SCRIPT)).unwrap();
        let flags = "peers --models a --types a --threads a --pairs a --prefill a --decode a --agree a --seed a \
                     --ffn-sparsity a";
        let words = parse(flags).asked.words();
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(script.contains(&format!("\"{flag}\"")), "{flag}");
        }
        assert_eq!(words.len(), 18);
    }

    #[test]
    fn the_target_folder_is_cargos() {
        let root = Path::new("/checkout");
        assert_eq!(target(root, None), Path::new("/checkout/target"));
        assert_eq!(target(root, Some("elsewhere".into())), Path::new("/checkout/elsewhere"));
        assert_eq!(target(root, Some("/elsewhere".into())), Path::new("/elsewhere"));
    }

    #[test]
    fn the_folder_is_there_before_anything_is_written_to_it() {
        let scratch = tempfile::tempdir().unwrap();
        let usual = scratch.path().join("target/peers");
        assert_eq!(folder(None, &usual).unwrap(), usual);
        assert!(usual.is_dir());
        let asked = scratch.path().join("asked");
        assert_eq!(folder(Some(&asked), &usual).unwrap(), asked);
        assert!(asked.is_dir());
    }

    #[test]
    fn torch_is_installed_only_where_asked_for() {
        let words = |with_torch| {
            let pip = install(Path::new("python"), with_torch, true);
            pip.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert!(words(true).contains(&REQUIREMENTS_TORCH.to_owned()));
        assert!(!words(false).contains(&REQUIREMENTS_TORCH.to_owned()));
    }
}
