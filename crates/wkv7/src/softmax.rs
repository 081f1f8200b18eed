//! Probabilities of logits, summed in f64.

use wkv7_core::top;

use crate::exp::exp;

/// ln of the sum of exp of `logits`; minus infinity for none.
pub(crate) fn log_sum(logits: &[f32]) -> f64 {
    // `max` passes over NaNs, which must not be taken for unlikely tokens.
    if logits.iter().any(|logit| logit.is_nan()) {
        return f64::NAN;
    }
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if largest == f32::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    // Each term is exact to f32; the sum is in f64, in eight parts that do not wait for each other.
    let (eights, rest) = logits.as_chunks::<8>();
    let mut sums = [0.0_f64; 8];
    for eight in eights {
        for (sum, logit) in sums.iter_mut().zip(eight) {
            *sum += f64::from(exp(logit - largest));
        }
    }
    let rest: f64 = rest.iter().map(|logit| f64::from(exp(logit - largest))).sum();
    f64::from(largest) + (sums.iter().sum::<f64>() + rest).ln()
}

/// Natural logarithm of the probability of `token`; `None` where `logits` has no such token.
pub(crate) fn log_probability(logits: &[f32], token: usize) -> Option<f64> {
    logits.get(token).map(|logit| f64::from(*logit) - log_sum(logits))
}

/// Index of the largest logit, the lowest among equals.
pub(crate) fn argmax(logits: &[f32]) -> Option<usize> {
    let larger = |best: Option<(usize, f32)>, (index, logit): (usize, f32)| match best {
        Some((_, largest)) if logit <= largest || logit.is_nan() => best,
        _ => Some((index, logit)),
    };
    logits.iter().copied().enumerate().fold(None, larger).map(|(index, _)| index)
}

/// Kullback-Leibler divergence of the distribution of `approximate` from that of `exact`, in nats.
///
/// All in f64: of two close distributions, the rounding of f32 would be all that is seen.
pub(crate) fn divergence(exact: &[f32], approximate: &[f32]) -> f64 {
    let (sum_p, sum_q) = (top::log_sum(exact), top::log_sum(approximate));
    let term = |(p, q): (&f32, &f32)| {
        let (ln_p, ln_q) = (f64::from(*p) - sum_p, f64::from(*q) - sum_q);
        if ln_p == f64::NEG_INFINITY { 0.0 } else { ln_p.exp() * (ln_p - ln_q) }
    };
    let sum: f64 = exact.iter().zip(approximate).map(term).sum();
    // Below zero only by rounding; not-a-number stays what it is.
    if sum < 0.0 { 0.0 } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_sums_to_one_and_does_not_differ_from_itself() {
        let logits = [2.0, 1.0, 0.5, 0.0, -1.0, f32::NEG_INFINITY, 0.1, 0.2, 0.3, -0.4];
        let sum: f64 = (0..10).map(|token| log_probability(&logits, token).expect("inside").exp()).sum();
        assert!((sum - 1.0).abs() < 1e-7, "{sum}");
        assert_eq!(divergence(&logits, &logits), 0.0);
        assert!(log_probability(&logits, 10).is_none());
        assert!(log_probability(&[0.0, f32::NAN], 0).is_some_and(f64::is_nan));
    }

    #[test]
    fn rounding_makes_no_divergence_negative() {
        let exact: Vec<f32> = (0..1000).map(|n| (n as f32 * 0.7).sin() * 9.0).collect();
        for shift in 1..50 {
            let close: Vec<f32> = exact.iter().map(|logit| logit + shift as f32 * 1e-3).collect();
            assert!((0.0..1e-9).contains(&divergence(&exact, &close)), "{shift}");
        }
    }

    #[test]
    fn divergence_of_two_coins() {
        // ln of (0.5, 0.5) and (0.9, 0.1): 0.5 ln(0.5/0.9) + 0.5 ln(0.5/0.1).
        let want = 0.5 * (0.5_f64 / 0.9).ln() + 0.5 * (5.0_f64).ln();
        let got = divergence(&[0.0, 0.0], &[0.9_f32.ln(), 0.1_f32.ln()]);
        assert!((got - want).abs() < 1e-7, "{got}"); // logits are f32
    }

    #[test]
    fn the_lowest_of_equals_is_largest() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), Some(1));
        assert_eq!(argmax(&[]), None);
        assert_eq!(argmax(&[f32::NEG_INFINITY, f32::NAN]), Some(0));
    }
}
