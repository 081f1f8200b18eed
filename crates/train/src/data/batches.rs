//! Batches of a dataset, each found by its number alone: a run that resumes needs to know its step and no more.

use super::{Dataset, Error, Order, Part};

/// Most tokens of a batch: eight gigabytes of ids.
const MOST_TOKENS: usize = 1 << 31;

/// Some samples of the same length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Tokens that are fed of each sample.
    pub context: usize,
    /// `[rows, context + 1]`, row after row.
    pub tokens: Vec<u32>,
}

impl Batch {
    /// Samples.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.tokens.len() / (self.context + 1)
    }

    /// Of each sample the tokens that are fed and those that should follow, `context` of either: the second are the
    /// first moved on by one.
    pub fn samples(&self) -> impl Iterator<Item = (&[u32], &[u32])> {
        self.tokens.chunks_exact(self.context + 1).map(|row| (&row[..self.context], &row[1..]))
    }
}

/// The batches of the training part; there is one for every step, the order beginning again and again.
#[derive(Debug, Clone)]
pub struct Batches {
    dataset: Dataset,
    order: Order,
    context: usize,
    batch: usize,
}

impl Batches {
    pub(super) fn new(dataset: Dataset, order: Order, context: usize, batch: usize) -> Result<Self, Error> {
        check(context, batch)?;
        Ok(Self { dataset, order, context, batch })
    }

    /// The order of the samples; [`Order::prime`] of them are one round through the data.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// The batch of `step`, counted from 0: samples `step * batch` and those behind it.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for an id of a pair.
    pub fn get(&self, step: u64) -> Result<Batch, Error> {
        let mut tokens = Vec::with_capacity(self.batch * (self.context + 1));
        // The order repeats itself, so numbers are as good modulo its prime, and stay small.
        let prime = u128::from(self.order.prime());
        let first = u128::from(step) * self.batch as u128 % prime;
        for row in 0..self.batch as u128 {
            let start = self.order.start(((first + row) % prime) as u64) as usize;
            self.dataset.read(start..start + self.context + 1, &mut tokens)?;
        }
        Ok(Batch { context: self.context, tokens })
    }
}

/// The batches of the held-out part, in the order of the stream: samples that share one token with the next, each
/// token being foreseen once. The last batch may have fewer rows; what is left of the part is shorter than a sample.
#[derive(Debug, Clone)]
pub struct HeldOut {
    dataset: Dataset,
    context: usize,
    batch: usize,
    samples: usize,
}

impl HeldOut {
    /// Where the part is shorter than a sample, it is one shorter sample; of fewer than two tokens there is none.
    pub(super) fn new(dataset: Dataset, context: usize, batch: usize) -> Result<Self, Error> {
        let foreseen = dataset.range(Part::HeldOut).len().saturating_sub(1);
        let context = context.min(foreseen.max(1));
        check(context, batch)?;
        Ok(Self { dataset, context, batch, samples: foreseen / context })
    }

    /// How many batches there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.div_ceil(self.batch)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Batch `index`, counted from 0.
    ///
    /// # Errors
    /// [`Error::Setting`] where there is no such batch, [`Error::Vocabulary`] for an id of a pair.
    pub fn get(&self, index: usize) -> Result<Batch, Error> {
        if index >= self.len() {
            let what =
                format!("expected one of the {} held-out batches there are, found {index}", self.len());
            return Err(Error::Setting { what });
        }
        let part = self.dataset.range(Part::HeldOut);
        let first = index * self.batch; // below the number of samples
        let mut tokens = Vec::new();
        for sample in first..self.samples.min(first.saturating_add(self.batch)) {
            let start = part.start + sample * self.context;
            self.dataset.read(start..start + self.context + 1, &mut tokens)?;
        }
        Ok(Batch { context: self.context, tokens })
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Result<Batch, Error>> {
        (0..self.len()).map(|index| self.get(index))
    }
}

/// Neither may be 0, nor a batch beyond what memory and its indices hold.
fn check(context: usize, batch: usize) -> Result<(), Error> {
    if context == 0 || batch == 0 {
        let what = format!("expected a context and a batch of at least 1, found {context} and {batch}");
        return Err(Error::Setting { what });
    }
    let tokens = context.checked_add(1).and_then(|row| row.checked_mul(batch));
    if tokens.is_none_or(|tokens| tokens > MOST_TOKENS) {
        let what = format!("expected at most 2^31 tokens a batch, found {batch} samples of {context}");
        return Err(Error::Setting { what });
    }
    Ok(())
}
