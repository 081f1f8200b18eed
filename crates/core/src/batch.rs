//! Batches: what one forward does, checked before any kernel runs.

use crate::{Error, ModelInfo, Slot, Top, top};

/// What a step asks for.
///
/// Exhaustive on purpose: a backend that does not know a want must not answer it with nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Nothing: only the state matters.
    Nothing,
    /// The logits after the step's last token.
    Last,
    /// The logits after each of the step's tokens.
    All,
    /// So many of the largest logits after the step's last token, and their probabilities; all of them where the
    /// vocabulary has fewer.
    Top(usize),
    /// The hidden state after the step's last token: what the head would be multiplied with.
    Hidden,
}

impl Want {
    /// How many of `count` tokens go into the head: so many of the last. `ends` says whether the step ends with them.
    #[must_use]
    pub fn head_rows(self, count: usize, ends: bool) -> usize {
        match self {
            Self::Nothing | Self::Hidden | Self::Top(0) => 0,
            Self::Last | Self::Top(_) => usize::from(ends && count > 0),
            Self::All => count,
        }
    }

    /// Likewise, how many hidden states are returned.
    #[must_use]
    pub fn hidden_rows(self, count: usize, ends: bool) -> usize {
        match self {
            Self::Hidden => usize::from(ends && count > 0),
            Self::Nothing | Self::Last | Self::All | Self::Top(_) => 0,
        }
    }
}

/// Tokens to feed to one sequence.
#[derive(Debug)]
#[non_exhaustive]
pub struct Step<'a> {
    /// The sequence. `&mut`: one batch cannot name it twice.
    pub slot: &'a mut Slot,
    /// Token ids, each below the vocabulary size. May be empty: then nothing happens and nothing is returned.
    pub tokens: &'a [u32],
    /// What to return.
    pub want: Want,
}

impl<'a> Step<'a> {
    /// Feed `tokens` to the sequence in `slot` and return what `want` says.
    #[must_use]
    pub fn new(slot: &'a mut Slot, tokens: &'a [u32], want: Want) -> Self {
        Self { slot, tokens, want }
    }

    /// Rows that go into the head: those of the logits that are returned, and those that the largest are taken from.
    #[must_use]
    pub fn head_rows(&self) -> usize {
        self.want.head_rows(self.tokens.len(), true)
    }

    /// Rows of logits that this step returns.
    #[must_use]
    pub fn logit_rows(&self) -> usize {
        if let Want::Top(_) = self.want { 0 } else { self.head_rows() }
    }

    /// Numbers of the largest logits that this step returns, of a vocabulary of `vocab`.
    #[must_use]
    pub fn tops(&self, vocab: usize) -> usize {
        if let Want::Top(count) = self.want { self.head_rows() * count.min(vocab) } else { 0 }
    }

    /// Hidden states that this step returns.
    #[must_use]
    pub fn hidden_rows(&self) -> usize {
        self.want.hidden_rows(self.tokens.len(), true)
    }
}

/// Steps checked against a [`ModelInfo`]: slots of that model, ids below the vocabulary size, within limits.
///
/// Kernels rely on it.
#[derive(Debug)]
pub struct Batch<'a> {
    steps: Steps<'a>,
}

/// One step needs no memory of its own: decoding makes a batch for every token.
#[derive(Debug)]
enum Steps<'a> {
    One(Step<'a>),
    Many(Vec<Step<'a>>),
}

impl<'a> Batch<'a> {
    /// Checks `steps`. No state has changed when this fails.
    ///
    /// # Errors
    /// [`Error::ForeignSlot`], [`Error::TokenOutOfRange`], [`Error::BatchTooLarge`].
    pub fn new(info: &ModelInfo, steps: Vec<Step<'a>>) -> Result<Self, Error> {
        Self { steps: Steps::Many(steps) }.checked(info)
    }

    /// A batch of one step.
    ///
    /// # Errors
    /// Those of [`Batch::new`].
    pub fn one(info: &ModelInfo, step: Step<'a>) -> Result<Self, Error> {
        Self { steps: Steps::One(step) }.checked(info)
    }

    fn checked(self, info: &ModelInfo) -> Result<Self, Error> {
        let vocab = info.config.vocab;
        for step in self.steps() {
            if step.slot.model() != info.id {
                return Err(Error::ForeignSlot);
            }
            if let Some(&token) = step.tokens.iter().find(|&&token| token as usize >= vocab) {
                return Err(Error::TokenOutOfRange { token, vocab });
            }
        }
        let tokens = self.tokens();
        if tokens > info.max_tokens {
            return Err(Error::BatchTooLarge { tokens, limit: info.max_tokens });
        }
        Ok(self)
    }

    /// The steps.
    #[must_use]
    pub fn steps(&self) -> &[Step<'a>] {
        match &self.steps {
            Steps::One(step) => std::slice::from_ref(step),
            Steps::Many(steps) => steps,
        }
    }

    /// Tokens in all steps.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.steps().iter().map(|step| step.tokens.len()).sum()
    }

    /// Rows that go into the head, of all steps.
    #[must_use]
    pub fn head_rows(&self) -> usize {
        self.steps().iter().map(Step::head_rows).sum()
    }

    /// Hidden states that all steps return.
    #[must_use]
    pub fn hidden_rows(&self) -> usize {
        self.steps().iter().map(Step::hidden_rows).sum()
    }
}

/// What a forward returns, each kind in the order of steps. Reuse one to reuse its memory.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Outputs {
    /// `[rows, vocab]`: the logits asked for, in the order of steps and of tokens within a step.
    pub logits: Vec<f32>,
    /// The largest logits asked for: of each step by falling logit, equal ones by rising id.
    pub tops: Vec<Top>,
    /// `[rows, channels]`: the hidden states asked for, after the last norm.
    pub hidden: Vec<f32>,
}

impl Outputs {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what an earlier forward returned, and keeps its memory.
    pub fn clear(&mut self) {
        self.logits.clear();
        self.tops.clear();
        self.hidden.clear();
    }

    /// Takes the largest logits of the steps that want them, and no others, out of `logits`, which has the rows of all
    /// steps that go into the head: for backends that have no shorter way.
    pub fn take_tops(&mut self, batch: &Batch<'_>, vocab: usize) {
        let (mut from, mut to) = (0, 0);
        for step in batch.steps() {
            let row = from..from + step.head_rows() * vocab;
            from = row.end;
            if let Want::Top(count) = step.want {
                top::largest(&self.logits[row], count, &mut self.tops);
            } else {
                let count = row.len();
                if row.start > to {
                    self.logits.copy_within(row, to);
                }
                to += count;
            }
        }
        self.logits.truncate(to);
    }
}
