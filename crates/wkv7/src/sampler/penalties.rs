//! Penalties for tokens generated before, as the official pipeline counts them.

use std::collections::HashMap;

use wkv7_tokenizer::Tokenizer;

use super::SamplerOptions;

/// How often each token was generated, older occurrences worth less.
#[derive(Debug, Clone, Default)]
pub(super) struct Penalties {
    occurrence: HashMap<u32, f32>,
}

/// A token whose text is part of this text is free of the frequency penalty: numbers and indentation
/// repeat for good reasons.
const FREE: &[u8] = b" \t0123456789";

impl Penalties {
    /// Lowers the logits of tokens generated before.
    pub fn apply(&self, options: &SamplerOptions, logits: &mut [f32]) {
        for (&token, &times) in &self.occurrence {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit -= options.presence + times * options.frequency;
            }
        }
    }

    /// Counts `token`. Without a tokenizer no token is free of the frequency penalty.
    pub fn count(&mut self, options: &SamplerOptions, token: u32, tokenizer: Option<&dyn Tokenizer>) {
        if options.presence == 0.0 && options.frequency == 0.0 {
            return;
        }
        for times in self.occurrence.values_mut() {
            *times *= options.penalty_decay;
        }
        let text = tokenizer.and_then(|tokenizer| tokenizer.token_bytes(token));
        let weight = if text.is_some_and(is_free) { 0.0 } else { 1.0 };
        *self.occurrence.entry(token).or_insert(0.0) += weight;
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.occurrence.clear();
    }
}

fn is_free(text: &[u8]) -> bool {
    !text.is_empty() && FREE.windows(text.len()).any(|part| part == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parts_of_the_free_text_are_free() {
        for text in [" ", "\t", " \t", "0", "9", "01", "89"] {
            assert!(is_free(text.as_bytes()), "{text:?}");
        }
        for text in ["", "10", "00", "  ", "a", "\n", "0123456789 "] {
            assert!(!is_free(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn occurrences_fade_and_free_tokens_pay_presence_only() {
        let options =
            SamplerOptions { presence: 1.0, frequency: 10.0, penalty_decay: 0.5, ..Default::default() };
        let mut penalties = Penalties::default();
        for token in [b'a', b'a', b'7'] {
            penalties.count(&options, u32::from(token), Some(&wkv7_tokenizer::Bytes));
        }
        let mut logits = vec![0.0; 256];
        penalties.apply(&options, &mut logits);
        // "a": (1 * 0.5 + 1) * 0.5 = 0.75 occurrences.
        assert_eq!((logits[97], logits[55], logits[98]), (-8.5, -1.0, 0.0));
        penalties.clear();
        penalties.apply(&options, &mut logits);
        assert_eq!(logits[97], -8.5);
    }
}
