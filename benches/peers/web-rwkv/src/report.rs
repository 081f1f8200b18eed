//! Speeds of both engines and how they compare.

use serde_json::{Value, json};

/// One measurement: the seconds of each run of both engines, run in turns, ours first.
pub struct Row {
    pub name: String,
    /// Tokens of a run.
    pub tokens: usize,
    pub seconds: Vec<[f64; 2]>,
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[middle] } else { (numbers[middle - 1] + numbers[middle]) / 2.0 }
}

impl Row {
    /// Tokens per second of each run.
    fn speeds(&self, engine: usize) -> Vec<f64> {
        self.seconds.iter().map(|pair| self.tokens as f64 / pair[engine]).collect()
    }

    /// How many times as fast we are, in each pair of runs.
    fn ratios(&self) -> Vec<f64> {
        self.seconds.iter().map(|[ours, theirs]| theirs / ours).collect()
    }

    pub fn line(&self) -> String {
        let [ours, theirs] = [0, 1].map(|engine| median(self.speeds(engine)));
        let ratios = self.ratios();
        let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let high = ratios.iter().copied().fold(0.0, f64::max);
        let (name, pairs) = (&self.name, ratios.len());
        format!(
            "| {name} | {ours:.2} | {theirs:.2} | {:.2} | {low:.2} to {high:.2} | {pairs} |",
            median(ratios)
        )
    }

    pub fn json(&self) -> Value {
        json!({
            "name": self.name,
            "tokens": self.tokens,
            "wkv7 tokens/s": self.speeds(0),
            "web-rwkv tokens/s": self.speeds(1),
            "ratios": self.ratios(),
        })
    }
}

pub const HEADER: &str = "\
| | wkv7, tokens/s | web-rwkv, tokens/s | ratio | ratios of pairs | pairs |
|---|---|---|---|---|---|";
