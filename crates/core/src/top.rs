//! The largest logits and what they are worth, selected on the host.
//!
//! The order is the same everywhere: by falling logit, equal ones by rising id, what is not a number last.

use std::cmp::Ordering;

/// One of the largest logits of a token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Top {
    /// The id.
    pub token: u32,
    /// Its logit.
    pub logit: f32,
    /// Natural logarithm of its probability among all ids of the vocabulary.
    pub log_probability: f32,
}

/// Appends the `count` largest of `logits`, `[vocab]`, to `tops`; all of them where there are fewer.
pub fn largest(logits: &[f32], count: usize, tops: &mut Vec<Top>) {
    let count = count.min(logits.len());
    if count == 0 {
        return;
    }
    let order = |a: &u32, b: &u32| falling(logits[*a as usize], logits[*b as usize]).then(a.cmp(b));
    let mut ids: Vec<u32> = (0..).take(logits.len()).collect();
    if count < ids.len() {
        ids.select_nth_unstable_by(count - 1, order);
        ids.truncate(count);
    }
    ids.sort_unstable_by(order);
    let sum = log_sum(logits);
    tops.extend(ids.into_iter().map(|token| Top::new(token, logits[token as usize], sum)));
}

impl Top {
    /// The logit of `token` where [`log_sum`] of all is `sum`.
    #[must_use]
    pub fn new(token: u32, logit: f32, sum: f64) -> Self {
        Self { token, logit, log_probability: (f64::from(logit) - sum) as f32 }
    }
}

/// Natural logarithm of the sum of the exponentials of `logits`, in f64; minus infinity for none, not a number where
/// one of them is none.
#[must_use]
pub fn log_sum(logits: &[f32]) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    if largest == f64::NEG_INFINITY {
        // `max` passes over NaNs.
        return if logits.iter().any(|logit| logit.is_nan()) { f64::NAN } else { largest };
    }
    largest + logits.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum::<f64>().ln()
}

fn falling(a: f32, b: f32) -> Ordering {
    b.partial_cmp(&a).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(logits: &[f32], count: usize) -> Vec<u32> {
        let mut tops = Vec::new();
        largest(logits, count, &mut tops);
        tops.iter().map(|top| top.token).collect()
    }

    #[test]
    fn the_largest_fall_and_equals_rise_by_id() {
        let logits = [1.0, 3.0, -0.0, 3.0, f32::NAN, 0.0, f32::NEG_INFINITY];
        assert_eq!(ids(&logits, 3), [1, 3, 0]);
        assert_eq!(ids(&logits, 5), [1, 3, 0, 2, 5]);
        assert_eq!(ids(&logits, 99), [1, 3, 0, 2, 5, 6, 4]);
        assert_eq!(ids(&logits, 0), []);
        assert_eq!(ids(&[], 2), []);
    }

    #[test]
    fn any_count_is_the_begin_of_all_sorted() {
        let logits: Vec<f32> = (0..500).map(|n| ((n * 7919) % 83) as f32).collect();
        let all = ids(&logits, 500);
        for count in [1, 2, 20, 83, 499] {
            assert_eq!(ids(&logits, count), all[..count], "{count}");
        }
    }

    #[test]
    fn probabilities_are_over_all_ids() {
        let mut tops = Vec::new();
        largest(&[0.0, 2.0_f32.ln(), 0.0], 2, &mut tops);
        assert_eq!((tops[0].token, tops[1].token), (1, 0));
        assert!((tops[0].log_probability.exp() - 0.5).abs() < 1e-6, "{tops:?}");
        assert!((tops[1].log_probability.exp() - 0.25).abs() < 1e-6, "{tops:?}");
        // Logits whose exponentials f32 does not hold.
        assert!((log_sum(&[1000.0, 1000.0]) - 1000.0 - 2.0_f64.ln()).abs() < 1e-12);
        assert!(log_sum(&[f32::NAN]).is_nan() && log_sum(&[f32::NAN, 1.0]).is_nan());
        assert_eq!(log_sum(&[f32::NEG_INFINITY]), f64::NEG_INFINITY);
    }
}
