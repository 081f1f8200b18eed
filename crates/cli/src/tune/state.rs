//! `wkv7 tune state`: the state that sequences start from.

use std::path::{Path, PathBuf};

use clap::Args;
use wkv7::formats::state_file::load_tuned;
use wkv7_train::numerics::Score;
use wkv7_train::tune::{Outcome, Progress, Sample, StateTuner, Tuning};

use super::args::TuneArgs;
use super::report::{self, Tuner};

/// Tune the state that sequences start from; the weights stay, and may be quantised
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct State {
    #[command(flatten)]
    args: TuneArgs,
    /// Go on from this tuned state [default: zeros]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 tune state model.gguf --data letters.jsonl -o letters.pth
  wkv7 generate model.gguf --state letters.pth \"Dear\"

OUT holds `blocks.N.att.time_state` as other RWKV tools read it.
Ctrl-C writes what was learned so far.";

impl State {
    pub fn run(self) -> anyhow::Result<()> {
        let (weights, tokenizer) = self.args.open()?;
        let data = self.args.data(&*tokenizer)?;
        let start = self.state.as_ref().map(|path| load_tuned(path, weights.config())).transpose()?;
        let tuning = self.args.tuning(Tuning::state())?;
        let mut tuner = StateTuner::new(weights, start.as_ref(), &tuning)?;
        report::tune(&mut tuner, &self.args, &data)
    }
}

impl Tuner for StateTuner {
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
        self.state().save(path).map(|summary| summary.bytes)
    }

    fn bytes(&self) -> usize {
        Self::bytes(self)
    }

    fn activation_bytes(&self) -> usize {
        Self::activation_bytes(self)
    }
}
