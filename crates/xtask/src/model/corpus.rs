//! `cargo xtask model corpus`: the texts, drawn anew from a seed, the same for ever.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::library::Library;
use super::mix::{self, Mix};
use super::output::Output;
use super::questions;
use super::rng::Rng;
use super::split::Split;

#[derive(Args)]
pub struct Options {
    /// The texts to train on, a `{"text": ...}` a line
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How much text, in millions of bytes
    #[arg(long, default_value_t = 60.0)]
    megabytes: f64,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Texts of the same kind of which no training text says the like
    #[arg(long, value_name = "FILE")]
    held_out: Option<PathBuf>,
    /// How much of them, in millions of bytes
    #[arg(long, default_value_t = 1.0)]
    held_out_megabytes: f64,
    /// Questions with exact answers, a `{"kind", "prompt", "answer"}` a line
    #[arg(long, value_name = "FILE")]
    questions: Option<PathBuf>,
    /// What the texts are like
    #[arg(long, value_enum, default_value_t = Style::Main)]
    style: Style,
}

impl Options {
    /// All texts to train on, as the model that ships had them.
    pub fn main(out: &Path) -> Self {
        let out = out.to_owned();
        let style = Style::Main;
        Self {
            out,
            megabytes: 60.0,
            seed: 1,
            held_out: None,
            held_out_megabytes: 1.0,
            questions: None,
            style,
        }
    }

    /// What that model is measured on, and hardly any texts to train on.
    pub fn measured(out: &Path, held_out: &Path, questions: &Path) -> Self {
        let (held_out, questions) = (Some(held_out.to_owned()), Some(questions.to_owned()));
        Self { megabytes: 0.01, held_out, questions, ..Self::main(out) }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Style {
    /// Stories, questions, sums and small tasks
    Main,
    /// Letters from the sea, which the main style never shows
    Other,
}

/// Writes the files.
///
/// # Errors
/// A file that cannot be written.
pub fn run(options: &Options) -> Result<()> {
    let library = Library::new()?;
    let mix = match options.style {
        Style::Main => mix::MAIN,
        Style::Other => mix::OTHER,
    };
    // Each file has a stream of its own, so that leaving one out changes no other.
    let stream = |file: u64| Rng::new(options.seed.wrapping_mul(4).wrapping_add(file));
    texts(&library, mix, Split::Train, options.megabytes, &mut stream(0), &options.out)?;
    if let Some(path) = &options.held_out {
        texts(&library, mix, Split::HeldOut, options.held_out_megabytes, &mut stream(1), path)?;
    }
    if let Some(path) = &options.questions {
        let mut output = Output::create(path)?;
        for question in questions::draw(&library, &mut stream(2))? {
            output.line(&question.to_string())?;
        }
        output.finish()?;
    }
    Ok(())
}

fn texts(
    library: &Library,
    mix: Mix,
    split: Split,
    megabytes: f64,
    rng: &mut Rng,
    path: &Path,
) -> Result<()> {
    let mut output = Output::create(path)?;
    let bytes = (megabytes * 1e6) as u64; // saturates
    mix::draw(library, mix, split, bytes, rng, |_, text| output.line(&json!({ "text": text }).to_string()))?;
    output.finish()
}
