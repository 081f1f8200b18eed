//! Samples of unequal length together.

use crate::data::{END, shuffled};
use crate::numerics::{Batch, IGNORED};

use super::Sample;

/// Batches whose samples are sorted by length together: enough that neighbours are about equally long, few enough that
/// every round mixes them anew.
const SORTED: usize = 16;

/// Samples filled up to the length of the longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Padded {
    inputs: Vec<u32>,  // [samples, tokens]
    targets: Vec<u32>, // [samples, tokens]
    tokens: usize,
}

impl Padded {
    /// At least one sample, each with something to learn.
    pub(super) fn new<'a>(samples: impl Iterator<Item = &'a Sample> + Clone) -> Self {
        let tokens = samples.clone().map(Sample::fed).max().unwrap_or(0);
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for Sample { tokens: sample, learned_from } in samples {
            let end = inputs.len() + tokens;
            let fed = sample.len().saturating_sub(1);
            inputs.extend_from_slice(&sample[..fed]);
            inputs.resize(end, END);
            let follows = sample.iter().enumerate().skip(1);
            targets.extend(follows.map(|(at, token)| if at < *learned_from { IGNORED } else { *token }));
            targets.resize(end, IGNORED);
        }
        Self { inputs, targets, tokens }
    }

    /// As the numerics take it.
    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { inputs: &self.inputs, targets: &self.targets, tokens: self.tokens }
    }
}

/// Batches of one round through `samples`.
pub(super) fn per_round(samples: usize, batch: usize) -> usize {
    samples.div_ceil(batch.max(1))
}

/// The batches of round `round`, of about equal size and at most `batch` samples, as places in `samples`.
pub(super) fn round(samples: &[Sample], batch: usize, seed: u64, round: u64) -> Vec<Vec<usize>> {
    let count = per_round(samples.len(), batch);
    let mut order = shuffled(samples.len(), seed, round);
    let bound = |number: usize| number.min(count) * samples.len() / count.max(1);
    for first in (0..count).step_by(SORTED) {
        order[bound(first)..bound(first + SORTED)].sort_by_key(|at| samples[*at].fed());
    }
    let batches = shuffled(count, seed ^ 1, round).into_iter();
    batches.map(|number| order[bound(number)..bound(number + 1)].to_vec()).collect()
}

/// All of `samples` in batches, shortest first, to measure on.
pub(super) fn sorted(samples: &[Sample], batch: usize) -> impl Iterator<Item = Padded> {
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by_key(|at| samples[*at].fed());
    let batch = batch.max(1);
    let count = order.len().div_ceil(batch);
    (0..count).map(move |number| {
        let some = &order[number * batch..order.len().min((number + 1) * batch)];
        Padded::new(some.iter().map(|at| &samples[*at]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(lengths: impl Iterator<Item = usize>) -> Vec<Sample> {
        lengths.map(|length| Sample::text((0..length as u32).collect())).collect()
    }

    #[test]
    fn what_is_shorter_is_filled_up() {
        let samples = [Sample::text(vec![5, 6, 7, 8]), Sample::pair(vec![1, 2], &[3])];
        let padded = Padded::new(samples.iter());
        assert_eq!((padded.inputs, padded.tokens), (vec![5, 6, 7, 1, 2, END], 3));
        assert_eq!(padded.targets, [6, 7, 8, IGNORED, 3, IGNORED]);
    }

    #[test]
    fn a_round_takes_every_sample_once_in_batches_of_like_length() {
        let samples = samples((0..203).map(|n| 2 + n * 7 % 100));
        let batches = round(&samples, 8, 3, 1);
        assert!(batches.len() == 26 && batches.iter().all(|batch| (7..=8).contains(&batch.len())));
        let mut all = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..203).collect::<Vec<_>>());
        let filled: usize = batches
            .iter()
            .map(|batch| batch.len() * batch.iter().map(|at| samples[*at].fed()).max().unwrap_or(0))
            .sum();
        let fed: usize = samples.iter().map(Sample::fed).sum();
        assert!(filled < fed + fed / 8, "{filled} for {fed}");
        assert_eq!(round(&samples, 8, 3, 1), batches);
        assert_ne!(round(&samples, 8, 3, 2), batches);
    }

    #[test]
    fn few_samples_make_few_batches() {
        assert_eq!(round(&samples([3, 2].into_iter()), 8, 0, 0).len(), 1);
        assert!(round(&[], 8, 0, 0).is_empty());
        assert_eq!(sorted(&samples([3, 2, 4].into_iter()), 2).count(), 2);
    }
}
