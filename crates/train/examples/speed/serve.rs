//! Commands in, one line of JSON out for each.
//!
//! | command | answer |
//! |---|---|
//! | `about` | what the engine is, and the model's sizes |
//! | `weights PATH` | writes the weights that the steps begin with, as safetensors |
//! | `gradients PATH` | the loss of the first batch; its gradients in a file like the weights |
//! | `steps N` | seconds and losses of the next so many steps |
//! | `memory` | bytes that the trainer counts, and the most that the process has had in use |
//! | `ceiling` | multiply-adds of this machine in a second, two operations each |
//!
//! A program that asks for `memory` should have asked that process for nothing but `steps` before.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use wkv7_core::Dtype;
use wkv7_train::numerics::{Batch, Numerics};
use wkv7_train::{Layout, Trainer};

use crate::case::{Case, Stream};
use crate::{CEILING, Result, machine};

/// Answers until the input ends.
pub fn run(case: &Case) -> Result<()> {
    let mut steps = Steps { case, trainer: None, stream: case.stream() };
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match word {
            "about" => about(case)?,
            "weights" => weights(case, Path::new(rest))?,
            "gradients" => gradients(case, Path::new(rest))?,
            "steps" => steps.run(rest.parse()?)?,
            "memory" => steps.memory(),
            "ceiling" => {
                let found = wkv7_cpu::Ceiling::measure(case.threads, CEILING)?;
                json!({ "fma_flops": found.fma_flops })
            }
            other => return Err(format!("no command `{other}`").into()),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn about(case: &Case) -> Result<Value> {
    let layout = case.layout()?;
    let parameters: usize = layout.entries().iter().map(|entry| entry.range.len()).sum();
    Ok(json!({
        "name": "wkv7",
        "version": env!("CARGO_PKG_VERSION"),
        "features": wkv7_cpu::Path::choose()?.to_string(),
        "parameters": parameters,
        "flops_per_token": case.flops_per_token(),
    }))
}

fn weights(case: &Case, path: &Path) -> Result<Value> {
    let layout = case.layout()?;
    save(&layout, &case.parameters(&layout)?, path)?;
    Ok(json!({ "path": path }))
}

fn gradients(case: &Case, path: &Path) -> Result<Value> {
    let layout = case.layout()?;
    let parameters = case.parameters(&layout)?;
    let mut engine = <dyn Numerics>::new(wkv7_cpu::Path::choose()?, &layout, &case.options())?;
    let batch = case.stream().batch(case);
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for (fed, follows) in batch.samples() {
        inputs.extend_from_slice(fed);
        targets.extend_from_slice(follows);
    }
    let batch = Batch { inputs: &inputs, targets: &targets, tokens: case.context };
    let mut found = layout.zeros();
    let score = engine.gradients(&parameters, &[], batch, &mut found, &mut [])?;
    save(&layout, &found, path)?;
    Ok(json!({ "loss": score.mean() }))
}

/// Numbers of the layout under their names.
fn save(layout: &Layout, numbers: &[f32], path: &Path) -> Result<()> {
    wkv7_train::files::save(layout, numbers, path, Dtype::F32, &BTreeMap::new(), &mut |_, _| true)?;
    Ok(())
}

/// A run of steps, begun with the first that is asked for.
struct Steps<'a> {
    case: &'a Case,
    trainer: Option<Trainer>,
    stream: Stream,
}

impl Steps<'_> {
    fn run(&mut self, count: usize) -> Result<Value> {
        let trainer = match self.trainer.take() {
            Some(trainer) => trainer,
            None => self.case.trainer()?,
        };
        let trainer = self.trainer.insert(trainer);
        let (mut seconds, mut losses) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let batch = self.stream.batch(self.case);
            let begin = Instant::now();
            let report = trainer.step(&batch)?;
            seconds.push(begin.elapsed().as_secs_f64());
            losses.push(report.score.mean());
        }
        Ok(json!({ "seconds": seconds, "losses": losses }))
    }

    fn memory(&self) -> Value {
        let held = self.trainer.as_ref().map(Trainer::bytes);
        json!({ "held_bytes": held, "peak_bytes": machine::peak_bytes() })
    }
}
