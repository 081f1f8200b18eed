//! From logits to a token: the official pipeline, in its order, and a few cuts more.
//!
//! 1. bias is added; banned tokens are taken out
//! 2. penalties for tokens generated before
//! 3. softmax at temperature 1
//! 4. top-p, then top-k, then typical, then min-p
//! 5. the temperature, p^(1/T)
//! 6. the draw
//!
//! Cuts before the temperature, unlike most libraries, are what the official pipeline does. Two things
//! differ from it on purpose: `top_p` of 1 or more means no cut (its running sum in f32 may never reach 1
//! and then turns greedy), and temperature 0 takes the lowest id among equals (it draws one of them).

mod distribution;
mod filters;
mod options;
mod penalties;
mod rng;

use std::hash::{BuildHasher, Hasher};

use wkv7_tokenizer::Tokenizer;

use crate::Error;
use distribution::{Distribution, largest};
use penalties::Penalties;
use rng::Rng;

pub use options::SamplerOptions;

/// Chooses tokens. The same seed, logits and calls give the same tokens.
#[derive(Debug, Clone)]
pub struct Sampler {
    options: SamplerOptions,
    seed: u64,
    rng: Rng,
    penalties: Penalties,
    scratch: Scratch,
}

/// Memory kept from one token to the next.
#[derive(Debug, Clone, Default)]
struct Scratch {
    logits: Vec<f32>, // [vocab]
    distribution: Distribution,
    sums: Vec<f64>,   // of the top-p histogram
    inside: Vec<f32>, // the weights of the bucket where it crosses
}

impl Sampler {
    /// A sampler of its own seed and with nothing generated before.
    ///
    /// # Errors
    /// [`Error::Option`] names the setting and its range.
    pub fn new(options: SamplerOptions) -> Result<Self, Error> {
        options.check()?;
        let seed = options.seed.unwrap_or_else(any_seed);
        Ok(Self::with_seed(options, seed))
    }

    /// Always the most likely token, no penalties.
    #[must_use]
    pub fn greedy() -> Self {
        Self::with_seed(SamplerOptions::greedy(), 0)
    }

    fn with_seed(options: SamplerOptions, seed: u64) -> Self {
        let (penalties, scratch) = (Penalties::default(), Scratch::default());
        Self { options, seed, rng: Rng::new(seed), penalties, scratch }
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &SamplerOptions {
        &self.options
    }

    /// The seed in use: give it to another sampler to repeat the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Bans further tokens.
    pub fn ban(&mut self, tokens: &[u32]) {
        self.options.banned.extend_from_slice(tokens);
    }

    /// Chooses a token from `logits [vocab]`. It counts for the penalties only once it is [accepted].
    ///
    /// # Errors
    /// [`Error::BadLogit`] for NaN or plus infinity, [`Error::NothingToSample`] where every token is banned.
    ///
    /// [accepted]: Sampler::accept
    pub fn sample(&mut self, logits: &[f32]) -> Result<u32, Error> {
        self.sample_without(logits, &[])
    }

    /// As [`Sampler::sample`], with `banned` tokens out of the question this once.
    ///
    /// # Errors
    /// Those of [`Sampler::sample`].
    pub fn sample_without(&mut self, logits: &[f32], banned: &[u32]) -> Result<u32, Error> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let drawn = self.draw(logits, banned, &mut scratch);
        self.scratch = scratch;
        drawn
    }

    fn draw(&mut self, logits: &[f32], banned: &[u32], scratch: &mut Scratch) -> Result<u32, Error> {
        if self.options.temperature == 0.0 {
            self.adjust(logits, banned, &mut scratch.logits);
            let (token, _) = largest(&scratch.logits)?;
            return u32::try_from(token).map_err(|_| Error::NothingToSample { vocab: logits.len() });
        }
        self.shape(logits, banned, scratch)?;
        let place = self.rng.next_f64();
        scratch.distribution.at(place).ok_or(Error::NothingToSample { vocab: logits.len() })
    }

    /// Counts a token for the penalties; `tokenizer` tells which are free of the frequency penalty.
    pub fn accept(&mut self, token: u32, tokenizer: Option<&dyn Tokenizer>) {
        self.penalties.count(&self.options, token, tokenizer);
    }

    /// The probabilities `[vocab]` that [`Sampler::sample`] would draw from.
    ///
    /// # Errors
    /// Those of [`Sampler::sample`].
    pub fn distribution(&self, logits: &[f32]) -> Result<Vec<f32>, Error> {
        let mut scratch = Scratch::default();
        let mut probabilities = vec![0.0; logits.len()];
        if self.options.temperature == 0.0 {
            self.adjust(logits, &[], &mut scratch.logits);
            let (token, _) = largest(&scratch.logits)?;
            probabilities[token] = 1.0;
            return Ok(probabilities);
        }
        self.shape(logits, &[], &mut scratch)?;
        let Distribution { candidates, total } = &scratch.distribution;
        for candidate in candidates {
            probabilities[candidate.id as usize] = (f64::from(candidate.weight) / total) as f32;
        }
        Ok(probabilities)
    }

    /// Forgets what was generated and starts the seed's sequence anew.
    pub fn reset(&mut self) {
        self.penalties.clear();
        self.rng = Rng::new(self.seed);
    }

    /// Steps 1 and 2: bias, bans, penalties.
    fn adjust(&self, logits: &[f32], banned: &[u32], adjusted: &mut Vec<f32>) {
        adjusted.clear();
        adjusted.extend_from_slice(logits);
        for &(token, bias) in &self.options.bias {
            if let Some(logit) = adjusted.get_mut(token as usize) {
                *logit += bias;
            }
        }
        self.penalties.apply(&self.options, adjusted);
        // Last, so that no negative penalty brings a token back; the order is otherwise without effect.
        for &token in self.options.banned.iter().chain(banned) {
            if let Some(logit) = adjusted.get_mut(token as usize) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }

    /// Steps 1 to 5.
    fn shape(&self, logits: &[f32], banned: &[u32], scratch: &mut Scratch) -> Result<(), Error> {
        let options = &self.options;
        self.adjust(logits, banned, &mut scratch.logits);
        let distribution = &mut scratch.distribution;
        distribution.fill(&scratch.logits)?;
        filters::top_p(distribution, options.top_p, &mut scratch.sums, &mut scratch.inside);
        filters::top_k(distribution, options.top_k);
        filters::typical(distribution, options.typical_p);
        filters::min_p(distribution, options.min_p);
        if options.temperature != 1.0 {
            distribution.sharpen(options.temperature);
        }
        Ok(())
    }
}

impl Default for Sampler {
    /// The official pipeline's settings, a new seed.
    fn default() -> Self {
        Self::with_seed(SamplerOptions::default(), any_seed())
    }
}

/// A seed that differs from call to call: the standard library seeds its hash maps from the system.
fn any_seed() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests;
