//! What a generation was like: the text, the tokens, the speed.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// One generation, as `--json` prints it.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The generated text.
    pub text: String,
    /// The generated tokens.
    pub ids: Vec<u32>,
    /// Why it ended.
    pub stop: &'static str,
    /// Repeats the choices.
    pub seed: u64,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Speed of feeding them.
    pub prompt_tokens_per_second: f64,
    /// Speed of generating.
    pub tokens_per_second: f64,
    /// The most memory that the process had resident, where the system tells.
    pub peak_bytes: Option<u64>,
}

/// Tokens per second; nothing done in no time is no speed.
pub fn speed(tokens: usize, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if tokens == 0 || seconds <= 0.0 { 0.0 } else { tokens as f64 / seconds }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prompt_tokens, prompt_tokens_per_second, tokens_per_second, stop, seed, ids, .. } = self;
        if *prompt_tokens > 0 {
            write!(f, "prompt: {prompt_tokens} tokens, {prompt_tokens_per_second:.1} tokens/s; ")?;
        }
        write!(f, "generated: {} tokens, {tokens_per_second:.1} tokens/s; ", ids.len())?;
        write!(f, "ended by {stop}; seed {seed}")
    }
}
