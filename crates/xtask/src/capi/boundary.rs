//! `cargo xtask bench boundary`: what decoding costs more through the C library and the other languages than in Rust.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{Installed, languages};
use crate::process::{cargo, output, run};

#[derive(Args)]
pub struct Options {
    /// The model to decode with; the smaller it is, the more the boundary weighs
    model: PathBuf,
    /// Greedy steps of a run; each program takes the fastest of three runs
    #[arg(long, default_value_t = 64)]
    steps: usize,
    /// Rounds, in each of which every language has its turn; the median of their ratios counts
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Only these languages
    #[arg(long, value_delimiter = ',')]
    languages: Vec<String>,
}

/// A language's program.
struct Program {
    language: &'static str,
    folder: &'static str,
    line: String,
    /// Its time over that of Rust in the same round.
    ratios: Vec<f64>,
}

/// Builds the programs, runs them in turns, and prints a table.
///
/// # Errors
/// Where one cannot be built or fails.
pub fn bench(options: &Options) -> Result<()> {
    let model = options.model.canonicalize().with_context(|| options.model.display().to_string())?;
    let there = Installed::now()?;
    let known = languages::INTEROP.iter().map(|(language, ..)| *language).collect::<Vec<_>>();
    if let Some(unknown) = options.languages.iter().find(|language| !known.contains(&language.as_str())) {
        bail!("no language `{unknown}`, expected some of: {}", known.join(", "));
    }
    let mut programs = Vec::new();
    for (language, folder, build, program) in languages::INTEROP {
        if options.languages.is_empty() || options.languages.iter().any(|wanted| wanted == language) {
            if *language == "python" {
                languages::environment(&there)?;
            }
            // The programs that time lie beside those that compare.
            let [build, line] = [build, program].map(|line| there.placed(&line.replace("interop", "decode")));
            there.shell(folder, &build)?;
            programs.push(Program { language, folder, line, ratios: Vec::new() });
        }
    }
    run(&mut cargo(&["build", "--quiet", "--release", "--package", "wkv7-tests", "--example", "decode"]))?;
    let rust = there.target.join("release/examples/decode");
    let rust = format!("'{}'", rust.display());
    let time = |folder: &str, line: &str| -> Result<f64> {
        let line = format!("cd '{folder}' && {line} {}", options.steps);
        let printed = output(there.command("sh").env("WKV7_MODEL", &model).args(["-ec", &line]))?;
        printed.trim().parse().with_context(|| format!("`{line}` printed `{printed}`"))
    };
    let mut steps_per_second = Vec::new();
    for round in 1..=options.rounds {
        // Rust before and after each: a machine that changes its speed changes both.
        let mut before = time(".", &rust)?;
        for program in &mut programs {
            let own = time(program.folder, &program.line)?;
            let after = time(".", &rust)?;
            program.ratios.push(2.0 * own / (before + after));
            steps_per_second.push(options.steps as f64 / after);
            before = after;
        }
        eprintln!("round {round} of {}", options.rounds);
    }
    let Some([_, speed, _]) = spread(steps_per_second) else { bail!("no language and no round to measure") };
    println!("Rust decodes {speed:.1} tokens/s; the time of others over its own:\n");
    println!("| language | median | low | high |\n|---|---|---|---|");
    for Program { language, ratios, .. } in programs {
        let [low, median, high] = spread(ratios).unwrap_or_default();
        println!("| {language} | {median:.3} | {low:.3} | {high:.3} |");
    }
    Ok(())
}

/// The lowest, the median and the highest.
fn spread(mut values: Vec<f64>) -> Option<[f64; 3]> {
    values.sort_by(f64::total_cmp);
    Some([*values.first()?, values[values.len() / 2], *values.last()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_between() {
        assert_eq!(spread(vec![3.0, 1.0, 2.0]), Some([1.0, 2.0, 3.0]));
        assert_eq!(spread(Vec::new()), None);
    }
}
