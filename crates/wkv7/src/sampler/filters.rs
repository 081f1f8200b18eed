//! The cuts: each keeps a part of the distribution, none needs to sort the whole vocabulary.

use std::cmp::Ordering;

use super::distribution::{Candidate, Distribution};

/// Buckets of the weights' histogram: sign, exponent and 7 bits of the fraction of numbers up to 1.0.
const BUCKETS: usize = (1.0_f32.to_bits() >> 16) as usize + 1;

fn bucket(weight: f32) -> usize {
    ((weight.to_bits() >> 16) as usize).min(BUCKETS - 1)
}

/// Most likely first, the lower id first among equals.
fn likelier(a: &Candidate, b: &Candidate) -> Ordering {
    b.weight.total_cmp(&a.weight).then(a.id.cmp(&b.id))
}

/// Keeps every token at least as likely as the first at which the running sum, most likely first, reaches
/// `top_p`.
///
/// A histogram over the high bits of the weights finds the stretch in which that happens, so only the few
/// tokens of one bucket are sorted.
pub(super) fn top_p(distribution: &mut Distribution, top_p: f32, sums: &mut Vec<f64>, inside: &mut Vec<f32>) {
    if top_p >= 1.0 {
        return;
    }
    let goal = f64::from(top_p) * distribution.total;
    sums.clear();
    sums.resize(BUCKETS, 0.0);
    for candidate in &distribution.candidates {
        sums[bucket(candidate.weight)] += f64::from(candidate.weight);
    }
    let mut above = 0.0;
    let mut crossing = 0;
    for (index, sum) in sums.iter().enumerate().rev().filter(|(_, sum)| **sum > 0.0) {
        crossing = index;
        if above + sum >= goal {
            break;
        }
        above += sum;
    }
    inside.clear();
    let weights = distribution.candidates.iter().map(|candidate| candidate.weight);
    inside.extend(weights.filter(|&weight| bucket(weight) == crossing));
    inside.sort_unstable_by(|a, b| b.total_cmp(a));
    let mut cutoff = 0.0;
    for &weight in &*inside {
        cutoff = weight;
        above += f64::from(weight);
        if above >= goal {
            break;
        }
    }
    distribution.keep(|candidate| candidate.weight >= cutoff);
}

/// Keeps the `top_k` most likely tokens, the lower ids among equals.
pub(super) fn top_k(distribution: &mut Distribution, top_k: usize) {
    if top_k == 0 || top_k >= distribution.candidates.len() {
        return;
    }
    distribution.candidates.select_nth_unstable_by(top_k, likelier);
    distribution.candidates.truncate(top_k);
    distribution.candidates.sort_unstable_by_key(|candidate| candidate.id);
    distribution.weigh();
}

/// Keeps the tokens whose surprise, -ln p, is nearest to the mean surprise, until they reach `typical_p`.
pub(super) fn typical(distribution: &mut Distribution, typical_p: f32) {
    if typical_p >= 1.0 {
        return;
    }
    let total = distribution.total;
    let ln_total = total.ln();
    let surprise = |candidate: &Candidate| ln_total - f64::from(candidate.logit);
    let mean: f64 = distribution
        .candidates
        .iter()
        .map(|candidate| f64::from(candidate.weight) / total * surprise(candidate))
        .sum();
    let distance = |candidate: &Candidate| (surprise(candidate) - mean).abs();
    let mut ordered: Vec<(f64, Candidate)> =
        distribution.candidates.iter().map(|candidate| (distance(candidate), *candidate)).collect();
    ordered.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(likelier(&a.1, &b.1)));
    let goal = f64::from(typical_p) * total;
    let mut sum = 0.0;
    let mut kept = 0;
    while sum < goal && kept < ordered.len() {
        sum += f64::from(ordered[kept].1.weight);
        kept += 1;
    }
    distribution.candidates.clear();
    distribution.candidates.extend(ordered[..kept].iter().map(|(_, candidate)| candidate));
    distribution.candidates.sort_unstable_by_key(|candidate| candidate.id);
    distribution.weigh();
}

/// Keeps the tokens at least `min_p` times as likely as the most likely one.
pub(super) fn min_p(distribution: &mut Distribution, min_p: f32) {
    if min_p <= 0.0 {
        return;
    }
    let largest = distribution.candidates.iter().map(|candidate| candidate.weight).fold(0.0, f32::max);
    distribution.keep(|candidate| candidate.weight >= min_p * largest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(weights: &[f32]) -> Distribution {
        let candidates = weights
            .iter()
            .zip(0..)
            .map(|(&weight, id)| Candidate { id, logit: weight.ln(), weight })
            .collect();
        let mut distribution = Distribution { candidates, total: 0.0 };
        distribution.weigh();
        distribution
    }

    fn ids(distribution: &Distribution) -> Vec<u32> {
        distribution.candidates.iter().map(|candidate| candidate.id).collect()
    }

    /// What the histogram must equal: sort everything, add up.
    fn sorted_top_p(weights: &[f32], top_p: f32) -> Vec<u32> {
        let mut sorted = weights.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let goal = f64::from(top_p) * sorted.iter().map(|w| f64::from(*w)).sum::<f64>();
        let mut sum = 0.0;
        let cutoff = sorted.iter().find(|w| {
            sum += f64::from(**w);
            sum >= goal
        });
        let cutoff = *cutoff.unwrap_or(&0.0);
        (0..).zip(weights).filter(|(_, w)| **w >= cutoff).map(|(id, _)| id).collect()
    }

    #[test]
    fn top_p_equals_the_plain_sort() {
        let mut rng = super::super::rng::Rng::new(3);
        for size in [1, 2, 10, 1000] {
            for spread in [0.0, 1.0, 20.0] {
                // Multiples of 2^-20 add up without rounding, so the order of addition cannot matter.
                let weights: Vec<f32> = (0..size)
                    .map(|_| {
                        let weight = (-rng.next_f64() * spread).exp() as f32;
                        ((weight * 1_048_576.0).round() / 1_048_576.0).max(1.0 / 1_048_576.0)
                    })
                    .collect();
                for p in [0.0, 0.3, 0.85, 0.999] {
                    let mut cut = distribution(&weights);
                    top_p(&mut cut, p, &mut Vec::new(), &mut Vec::new());
                    assert_eq!(ids(&cut), sorted_top_p(&weights, p), "{size} {spread} {p}");
                }
            }
        }
    }

    #[test]
    fn equals_of_the_last_survive_top_p() {
        let mut cut = distribution(&[0.5, 1.0, 0.5, 0.5, 0.1]);
        top_p(&mut cut, 0.5, &mut Vec::new(), &mut Vec::new());
        assert_eq!(ids(&cut), [0, 1, 2, 3]);
    }

    #[test]
    fn top_k_prefers_lower_ids_among_equals() {
        let mut cut = distribution(&[0.5, 1.0, 0.5, 0.5, 0.1]);
        top_k(&mut cut, 3);
        assert_eq!(ids(&cut), [0, 1, 2]);
        assert_eq!(cut.total, 2.0);
        top_k(&mut cut, 0);
        assert_eq!(ids(&cut), [0, 1, 2]);
    }

    #[test]
    fn min_p_is_relative_to_the_largest() {
        let mut cut = distribution(&[0.25, 0.5, 0.2]);
        min_p(&mut cut, 0.5);
        assert_eq!(ids(&cut), [0, 1]);
    }

    #[test]
    fn typical_drops_the_too_likely_and_the_unlikely() {
        // Mean surprise of (0.5, 0.2, 0.2, 0.1) is 1.22 nats; 0.2 (1.61) is nearest, then 0.5 (0.69).
        let mut cut = distribution(&[1.0, 0.4, 0.4, 0.2]);
        typical(&mut cut, 0.39);
        assert_eq!(ids(&cut), [1, 2]);
        let mut cut = distribution(&[1.0, 0.4, 0.4, 0.2]);
        typical(&mut cut, 0.41);
        assert_eq!(ids(&cut), [0, 1, 2]);
    }
}
