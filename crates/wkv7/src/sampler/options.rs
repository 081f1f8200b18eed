//! What a sampler can be told, and the ranges it accepts.

use crate::Error;

/// Settings of a [`crate::Sampler`]; the defaults are those of the official pipeline.
///
/// They suit vocabularies of words; [`crate::Model::sampler_options`] gives those that suit a model.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplerOptions {
    /// Above 1 flattens the distribution, below 1 sharpens it; it acts after all cuts. 0 is greedy: the most
    /// likely token, the lowest id among equals.
    pub temperature: f32,
    /// Keeps the most likely tokens that together reach this probability, and those equally likely to the
    /// last of them. 1 or more cuts nothing; 0 keeps only the most likely.
    pub top_p: f32,
    /// Keeps this many most likely tokens; 0 cuts nothing.
    pub top_k: usize,
    /// Drops tokens less likely than this part of the most likely one; 0 cuts nothing.
    pub min_p: f32,
    /// Keeps the tokens whose surprise is nearest to the expected one until together they reach this
    /// probability (locally typical sampling, arXiv 2202.00666); 1 cuts nothing.
    pub typical_p: f32,
    /// Taken from the logit of every token generated before.
    pub presence: f32,
    /// Taken from a token's logit as often as it was generated before.
    pub frequency: f32,
    /// What a past occurrence is worth after each further token.
    pub penalty_decay: f32,
    /// Tokens never sampled. Ids outside the vocabulary have no effect.
    pub banned: Vec<u32>,
    /// Added to the logits of single tokens. Ids outside the vocabulary have no effect.
    pub bias: Vec<(u32, f32)>,
    /// Makes a run repeatable; `None` takes a new one each time, see [`crate::Sampler::seed`].
    pub seed: Option<u64>,
}

impl Default for SamplerOptions {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 0.85,
            top_k: 0,
            min_p: 0.0,
            typical_p: 1.0,
            presence: 0.2,
            frequency: 0.2,
            penalty_decay: 0.996,
            banned: Vec::new(),
            bias: Vec::new(),
            seed: None,
        }
    }
}

impl SamplerOptions {
    /// Always the most likely token, no penalties.
    #[must_use]
    pub fn greedy() -> Self {
        Self { temperature: 0.0, presence: 0.0, frequency: 0.0, ..Self::default() }
    }

    /// Names the first setting outside its range.
    pub(super) fn check(&self) -> Result<(), Error> {
        let number = f32::MIN..=f32::MAX;
        let positive = 0.0..=f32::MAX;
        let ranges = [
            ("temperature", self.temperature, positive.clone(), "a number from 0"),
            ("top_p", self.top_p, positive, "a number from 0; 1 or more cuts nothing"),
            ("min_p", self.min_p, 0.0..=1.0, "a number from 0 to 1"),
            ("typical_p", self.typical_p, f32::MIN_POSITIVE..=1.0, "a number above 0, at most 1"),
            ("presence", self.presence, number.clone(), "a finite number"),
            ("frequency", self.frequency, number.clone(), "a finite number"),
            ("penalty_decay", self.penalty_decay, 0.0..=1.0, "a number from 0 to 1"),
        ];
        for (option, value, allowed, range) in ranges {
            if !allowed.contains(&value) {
                return Err(Error::Option { option, range, found: value.to_string() });
            }
        }
        match self.bias.iter().find(|(_, bias)| !number.contains(bias) && *bias != f32::NEG_INFINITY) {
            Some((id, bias)) => {
                let found = format!("{bias} for token {id}");
                Err(Error::Option { option: "bias", range: "finite numbers or minus infinity", found })
            }
            None => Ok(()),
        }
    }
}
