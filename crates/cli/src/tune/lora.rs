//! `wkv7 tune lora`: thin matrices beside the large ones.

use std::path::Path;

use clap::Args;
use wkv7_train::numerics::Score;
use wkv7_train::tune::{self, LoraTuner, Outcome, Progress, Sample, Targets, Tuning};

use super::args::TuneArgs;
use super::report::{self, Tuner};
use crate::args::some_count;

/// Tune a LoRA: thin matrices that are added to the large ones
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Lora {
    #[command(flatten)]
    args: TuneArgs,
    /// Rows of the thin matrices
    #[arg(long, value_name = "N", default_value = "32", value_parser = some_count, help_heading = "LoRA")]
    rank: usize,
    /// How much they count, times the rank [default: twice the rank]
    #[arg(long, value_name = "A", help_heading = "LoRA")]
    alpha: Option<f64>,
    /// Where they stand: `all`, `att`, `ffn`, or names such as `att.key,ffn.value`
    #[arg(long, value_name = "NAMES", default_value = "all", help_heading = "LoRA")]
    targets: Targets,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 tune lora model.pth --data letters.jsonl -o letters.safetensors
  wkv7 generate model.pth --lora letters.safetensors \"Dear\"
  wkv7 merge model.pth --lora letters.safetensors -o letters-model.pth

OUT holds `blocks.N.att.key.lora_A` and so on, as RWKV-PEFT names them. A .safetensors also says its alpha; for a .pth,
say it to whoever adds it: `--lora letters.pth:64`.
Ctrl-C writes what was learned so far.";

impl Lora {
    pub fn run(self) -> anyhow::Result<()> {
        let (weights, tokenizer) = self.args.open()?;
        let data = self.args.data(&*tokenizer)?;
        let tuning = self.args.tuning(Tuning::lora())?;
        let alpha = self.alpha.unwrap_or(2.0 * self.rank as f64);
        let lora = tune::Lora { rank: self.rank, alpha, targets: self.targets };
        let mut tuner = LoraTuner::new(weights, &lora, &tuning)?;
        report::tune(&mut tuner, &self.args, &data)
    }
}

impl Tuner for LoraTuner {
    fn run(
        &mut self,
        samples: &[Sample],
        progress: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<Outcome, wkv7_train::Error> {
        Self::run(self, samples, progress)
    }

    fn evaluate(&mut self, samples: &[Sample]) -> Result<Score, wkv7_train::Error> {
        Self::evaluate(self, samples)
    }

    fn save(&self, path: &Path) -> Result<u64, wkv7_train::Error> {
        self.adapter().save(path).map(|summary| summary.bytes)
    }

    fn bytes(&self) -> usize {
        Self::bytes(self)
    }

    fn activation_bytes(&self) -> usize {
        Self::activation_bytes(self)
    }
}
