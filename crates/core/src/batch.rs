//! Batches: what one forward does, checked before any kernel runs.

use crate::{Error, ModelInfo, Slot};

/// Which logits a step asks for.
///
/// Exhaustive on purpose: a backend that does not know a want must not answer it with nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// None: only the state matters.
    Nothing,
    /// Those after the step's last token.
    Last,
    /// Those after each of the step's tokens.
    All,
}

/// Tokens to feed to one sequence.
#[derive(Debug)]
#[non_exhaustive]
pub struct Step<'a> {
    /// The sequence. `&mut`: one batch cannot name it twice.
    pub slot: &'a mut Slot,
    /// Token ids, each below the vocabulary size. May be empty: then nothing happens and no logits come.
    pub tokens: &'a [u32],
    /// Which logits to return.
    pub want: Want,
}

impl<'a> Step<'a> {
    /// Feed `tokens` to the sequence in `slot` and return the logits that `want` says.
    #[must_use]
    pub fn new(slot: &'a mut Slot, tokens: &'a [u32], want: Want) -> Self {
        Self { slot, tokens, want }
    }

    /// Rows of logits that this step returns.
    #[must_use]
    pub fn logit_rows(&self) -> usize {
        match self.want {
            Want::Nothing => 0,
            Want::Last => self.tokens.len().min(1),
            Want::All => self.tokens.len(),
        }
    }
}

/// Steps checked against a [`ModelInfo`]: slots of that model, ids below the vocabulary size, within limits.
///
/// Kernels rely on it.
#[derive(Debug)]
pub struct Batch<'a> {
    steps: Vec<Step<'a>>,
}

impl<'a> Batch<'a> {
    /// Checks `steps`. No state has changed when this fails.
    ///
    /// # Errors
    /// [`Error::ForeignSlot`], [`Error::TokenOutOfRange`], [`Error::BatchTooLarge`].
    pub fn new(info: &ModelInfo, steps: Vec<Step<'a>>) -> Result<Self, Error> {
        let vocab = info.config.vocab;
        for step in &steps {
            if step.slot.model() != info.id {
                return Err(Error::ForeignSlot);
            }
            if let Some(&token) = step.tokens.iter().find(|&&token| token as usize >= vocab) {
                return Err(Error::TokenOutOfRange { token, vocab });
            }
        }
        let tokens = steps.iter().map(|step| step.tokens.len()).sum();
        if tokens > info.max_tokens {
            return Err(Error::BatchTooLarge { tokens, limit: info.max_tokens });
        }
        Ok(Self { steps })
    }

    /// The steps.
    #[must_use]
    pub fn steps(&self) -> &[Step<'a>] {
        &self.steps
    }

    /// Tokens in all steps.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.steps.iter().map(|step| step.tokens.len()).sum()
    }

    /// Rows of logits that all steps return.
    #[must_use]
    pub fn logit_rows(&self) -> usize {
        self.steps.iter().map(Step::logit_rows).sum()
    }
}

/// What a forward returns. Reuse one to reuse its memory.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Outputs {
    /// `[rows, vocab]`: the logits asked for, in the order of steps and of tokens within a step.
    pub logits: Vec<f32>,
}

impl Outputs {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
