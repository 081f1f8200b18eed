//! `cargo xtask model report`: what the model that ships can do, measured, as the README beside it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use super::corpus;
use super::make::{FOLDER, MODEL, wkv7};
use super::output::Output;
use crate::process::{cargo, output, root, run as run_command};

#[derive(Args)]
pub struct Options {
    /// The folder of the model, where README.md is written [default: crates/wkv7/model]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Options {
    /// Of the model in `folder`.
    pub fn of(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()) }
    }
}

/// Held-out documents whose perplexity is measured.
const DOCUMENTS: usize = 300;
/// Samples, which are those of the seeds from 1 on.
const SAMPLES: u64 = 5;
/// What they begin with.
const PROMPT: &str = "Once upon a time";

/// Measures, and writes the file.
///
/// # Errors
/// A model that cannot be run, a file that cannot be written.
pub fn run(options: &Options) -> Result<()> {
    let folder = options.folder.clone().unwrap_or_else(|| root().join(FOLDER));
    let model = folder.join(MODEL);
    run_command(&mut cargo(&["build", "--release", "--package", "wkv7-cli"]))?;
    let scratch = tempfile::tempdir()?;
    let at = |name: &str| scratch.path().join(name);
    corpus::run(&corpus::Options::measured(&at("some"), &at("held-out"), &at("questions")))?;

    let mut text = String::from(INTRODUCTION);
    sizes(&model, &mut text)?;
    training(&folder, &mut text)?;
    perplexity(&model, &lines(&at("held-out"))?, &mut text)?;
    questions(&model, &lines(&at("questions"))?, &mut text)?;
    samples(&model, &mut text)?;
    let mut file = Output::create(&folder.join("README.md"))?;
    file.line(text.trim_end())?;
    file.finish()
}

const INTRODUCTION: &str = "\
# The model that ships with wkv7

A very small RWKV-7, trained by `wkv7 train` from nothing, on texts that `cargo xtask model corpus` makes from a grammar: short
stories, questions about them, a few facts, sums, and small puzzles. It knows nothing else. `wkv7 generate \"Once upon a
time\"` runs it.

`cargo xtask model make` repeats all of it (texts, vocabulary, training by `goose.toml`, this file); `cargo xtask model report`
measures the model that lies here once more and writes this file. `train_log.jsonl` is the log of the run.

";

/// What it is.
fn sizes(model: &Path, text: &mut String) -> Result<()> {
    let info: Value = serde_json::from_str(&output(wkv7("release").arg("info").arg(model).arg("--json"))?)?;
    let bytes = std::fs::metadata(model)?.len();
    let number = |key: &str| info[key].as_u64().or_else(|| info["config"][key].as_u64()).unwrap_or(0);
    writeln!(
        text,
        "| | |\n|---|---|\n| layers, channels, vocabulary | {}, {}, {} |\n| file | {bytes} bytes, Q8_0 |",
        number("layers"),
        number("channels"),
        number("vocab"),
    )?;
    Ok(())
}

/// How it was trained, from the log.
fn training(folder: &Path, text: &mut String) -> Result<()> {
    let log = lines(&folder.join("train_log.jsonl"))?;
    let last = log.last().context("the log of the run is empty")?;
    let held_out = log.iter().rev().find_map(|line| line["held_out_loss"].as_f64());
    writeln!(text, "| training | {} steps, {} tokens |", last["step"], last["tokens"])?;
    if let Some(loss) = last["mean_loss"].as_f64() {
        writeln!(text, "| loss at the end | {loss:.4} |")?;
    }
    if let Some(loss) = held_out {
        writeln!(text, "| loss of held-out training text | {loss:.4} |")?;
    }
    Ok(())
}

/// How well it foresees texts of which no training text says the like.
fn perplexity(model: &Path, documents: &[Value], text: &mut String) -> Result<()> {
    let (mut nll, mut tokens, mut bytes) = (0.0, 0.0, 0.0);
    for document in documents.iter().take(DOCUMENTS) {
        let document = document["text"].as_str().context("a document without text")?;
        let mut command = wkv7("release");
        command.args(["eval", "perplexity", "--json", "--threads", "1", "--text", "-"]).arg(model);
        let result: Value = serde_json::from_str(&fed(&mut command, document)?)?;
        let number = |key: &str| result[key].as_f64().with_context(|| format!("no `{key}` in the result"));
        nll += number("mean_nll")? * number("tokens")?;
        tokens += number("tokens")?;
        bytes += number("bytes")?;
    }
    ensure!(tokens > 0.0, "no held-out documents");
    let (perplexity, bits) = ((nll / tokens).exp(), nll / bytes / std::f64::consts::LN_2);
    let count = documents.len().min(DOCUMENTS);
    writeln!(
        text,
        "| perplexity of {count} held-out documents | {perplexity:.3} a token, {bits:.4} bits a byte |"
    )?;
    Ok(())
}

/// How many questions it answers to the letter.
fn questions(model: &Path, questions: &[Value], text: &mut String) -> Result<()> {
    let mut kinds: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for question in questions {
        let part = |key: &str| question[key].as_str().with_context(|| format!("a question without `{key}`"));
        let mut command = wkv7("release");
        command.arg("generate").arg(model).args([
            "--temperature",
            "0",
            "--max-tokens",
            "40",
            "--threads",
            "1",
        ]);
        command.args(["--json", "-f", "-"]);
        let result: Value = serde_json::from_str(&fed(&mut command, part("prompt")?)?)?;
        let said = result["text"].as_str().context("no text in the result")?;
        let (right, all) = kinds.entry(part("kind")?.to_owned()).or_default();
        *right += u32::from(said.starts_with(part("answer")?));
        *all += 1;
    }
    text.push_str("\n## Questions\n\nGreedy answers that begin with the expected one, to the letter.\n\n");
    text.push_str("| kind | right | of |\n|---|---|---|\n");
    for (kind, (right, all)) in &kinds {
        writeln!(text, "| {kind} | {right} | {all} |")?;
    }
    let (right, all) = kinds.values().fold((0, 0), |sum, kind| (sum.0 + kind.0, sum.1 + kind.1));
    writeln!(text, "| all | {right} | {all} |")?;
    text.push_str(KINDS);
    Ok(())
}

const KINDS: &str = "
`story`: about a story that stands before the question. `fact` and `fact-trained`: facts in words that were held out, or seen.
`arithmetic`: sums whose numbers were held out. `tracking`: who holds what after some swaps, letters backwards, counting.
";

/// What it writes.
fn samples(model: &Path, text: &mut String) -> Result<()> {
    writeln!(text, "\n## Samples\n\n`wkv7 generate \"{PROMPT}\" --seed N`, all other settings as they are.")?;
    for seed in 1..=SAMPLES {
        let mut command = wkv7("release");
        command.arg("generate").arg(model).arg(PROMPT).args(["--seed", &seed.to_string(), "--json"]);
        let result: Value = serde_json::from_str(&output(&mut command)?)?;
        let said = result["text"].as_str().context("no text in the result")?;
        writeln!(text, "\n{seed}. {PROMPT}{}", said.trim_end().replace('\n', "  \n   "))?;
    }
    text.push_str("\n![The loss over the steps](loss.svg)\n");
    Ok(())
}

/// Runs the command with `text` as its standard input; what it printed.
fn fed(command: &mut std::process::Command, text: &str) -> Result<String> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start wkv7")?;
    child.stdin.take().context("no standard input")?.write_all(text.as_bytes())?;
    let done = child.wait_with_output()?;
    ensure!(done.status.success(), "wkv7 ended with {}", done.status);
    Ok(String::from_utf8(done.stdout)?)
}

fn lines(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let parse =
        |line: &str| serde_json::from_str(line).with_context(|| format!("a line of {}", path.display()));
    text.lines().map(parse).collect()
}
