//! How the next token is chosen.

use std::str::FromStr;

use clap::Args;
use wkv7::{Model, Sampler, SamplerOptions};

use super::number::{any_count, finite, from_zero, part, some_part};

/// From logits to a token.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sampling")]
pub struct SamplingArgs {
    /// Flattens (above 1) or sharpens (below 1) the choice; 0 always takes the likeliest token
    #[arg(long, value_name = "T", default_value_t = usual().temperature, value_parser = from_zero, allow_negative_numbers = true)]
    temperature: f32,
    /// Keep the likeliest tokens that together have this probability; 1 keeps all
    #[arg(long, value_name = "P", default_value_t = usual().top_p, value_parser = part, allow_negative_numbers = true)]
    top_p: f32,
    /// Keep this many of the likeliest tokens; 0 keeps all
    #[arg(long, value_name = "K", default_value_t = usual().top_k, value_parser = any_count::<usize>)]
    top_k: usize,
    /// Drop tokens less likely than this share of the likeliest
    #[arg(long, value_name = "P", default_value_t = usual().min_p, value_parser = part, allow_negative_numbers = true)]
    min_p: f32,
    /// Keep the most typical tokens that together have this probability; 1 keeps all
    #[arg(long, value_name = "P", default_value_t = usual().typical_p, value_parser = some_part, allow_negative_numbers = true)]
    typical: f32,
    /// Taken off the logit of every token that occurred [default: 0.2; none at temperature 0 and where tokens
    /// are bytes]
    #[arg(long, value_name = "A", value_parser = finite, allow_negative_numbers = true)]
    presence: Option<f32>,
    /// Taken off the logit of a token for each time it occurred [default: as --presence]
    #[arg(long, value_name = "A", value_parser = finite, allow_negative_numbers = true)]
    frequency: Option<f32>,
    /// What is left of those counts after each token
    #[arg(long, value_name = "D", default_value_t = usual().penalty_decay, value_parser = part, allow_negative_numbers = true)]
    penalty_decay: f32,
    /// Token ids never to choose
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    ban: Vec<u32>,
    /// Added to the logits of these tokens: `34=-1.5,66=2`
    #[arg(long, value_name = "ID=AMOUNT", value_delimiter = ',', allow_hyphen_values = true)]
    bias: Vec<Bias>,
    /// Makes the choices repeatable [default: another each time]
    #[arg(long, value_name = "N", value_parser = any_count::<u64>)]
    seed: Option<u64>,
}

impl SamplingArgs {
    /// The sampler that these flags ask for, over `model`; with a given seed, each `turn` has its own that
    /// follows from it.
    pub fn sampler(&self, model: &Model, turn: u64) -> anyhow::Result<Sampler> {
        let mut options = model.sampler_options();
        let greedy = self.temperature == 0.0;
        options.temperature = self.temperature;
        options.top_p = self.top_p;
        options.top_k = self.top_k;
        options.min_p = self.min_p;
        options.typical_p = self.typical;
        options.presence = self.presence.unwrap_or(if greedy { 0.0 } else { options.presence });
        options.frequency = self.frequency.unwrap_or(if greedy { 0.0 } else { options.frequency });
        options.penalty_decay = self.penalty_decay;
        options.banned.clone_from(&self.ban);
        options.bias = self.bias.iter().map(|bias| (bias.token, bias.amount)).collect();
        options.seed = self.seed.map(|seed| seed.wrapping_add(turn));
        Ok(Sampler::new(options)?)
    }
}

/// The defaults of the library are those of the command.
fn usual() -> SamplerOptions {
    SamplerOptions::default()
}

/// An amount for one token's logit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bias {
    token: u32,
    amount: f32,
}

impl FromStr for Bias {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(token, amount)| {
            Some(Self { token: token.trim().parse().ok()?, amount: amount.trim().parse().ok()? })
        });
        let usable = |bias: &Self| bias.amount.is_finite() || bias.amount == f32::NEG_INFINITY;
        parts.filter(usable).ok_or_else(|| "expected a token id and an amount, as in 34=-1.5".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bias_names_a_token() {
        assert_eq!("34=-1.5".parse(), Ok(Bias { token: 34, amount: -1.5 }));
        assert_eq!("34=-inf".parse(), Ok(Bias { token: 34, amount: f32::NEG_INFINITY }));
        for text in ["34", "=1", "x=1", "34=much", "34=nan", "34=inf"] {
            assert!(text.parse::<Bias>().is_err(), "{text}");
        }
    }
}
