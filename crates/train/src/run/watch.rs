//! What is usual in a run, and what leaps out of it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::log::maybe_infinite;

/// What stays of the mean loss at each step: it is over about the last fifty.
const KEPT: f64 = 0.98;
/// The least standard deviation, as a part of the mean: numbers that hardly move are no reason for alarm.
const LEAST: f64 = 0.02;
/// Part of the window that must be known before anything counts as unusual.
const ENOUGH: usize = 5;

/// A loss or norm far above the usual, or no number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Spike {
    /// `loss` or `gradient norm`.
    pub what: String,
    /// How large it was; JSON has `null` for what is not finite.
    #[serde(with = "maybe_infinite")]
    pub value: f64,
    /// The usual: the mean over the last steps.
    pub mean: f64,
    /// Their standard deviation.
    pub sigma: f64,
}

/// Follows the losses and norms of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    window: usize,
    limit: f64,
    loss: Usual,
    norm: Usual,
    mean: (f64, f64), // weighted sum of losses, sum of the weights
}

/// The last numbers of a kind.
#[derive(Debug, Clone, Default, PartialEq)]
struct Usual(VecDeque<f64>);

impl Watch {
    /// Knows nothing yet; will report what is `limit` standard deviations above the mean of the last `window` steps.
    #[must_use]
    pub fn new(window: usize, limit: f64) -> Self {
        let usual = Usual::default;
        Self { window: window.max(1), limit, loss: usual(), norm: usual(), mean: (0.0, 0.0) }
    }

    /// Takes note of a step; returns what leapt out.
    pub fn add(&mut self, loss: f64, norm: f64) -> Option<Spike> {
        if loss.is_finite() {
            self.mean = (KEPT * self.mean.0 + (1.0 - KEPT) * loss, KEPT * self.mean.1 + (1.0 - KEPT));
        }
        let (window, limit) = (self.window, self.limit);
        let loss = self.loss.add("loss", loss, window, limit);
        let norm = self.norm.add("gradient norm", norm, window, limit);
        loss.or(norm)
    }

    /// The mean loss, in which a step counts less the longer ago it was; not a number before the first.
    #[must_use]
    pub fn mean_loss(&self) -> f64 {
        self.mean.0 / self.mean.1
    }

    /// All that it knows, as a text from which [`Watch::restore`] makes the same bits again.
    #[must_use]
    pub fn facts(&self) -> String {
        let list = |numbers: &mut dyn Iterator<Item = f64>| -> String {
            numbers.map(|x| format!("{x:?}")).collect::<Vec<_>>().join(" ")
        };
        let means = list(&mut [self.mean.0, self.mean.1].into_iter());
        let [losses, norms] = [&self.loss, &self.norm].map(|usual| list(&mut usual.0.iter().copied()));
        format!("{means};{losses};{norms}")
    }

    /// What [`Watch::facts`] told; `None` where the text is no such.
    #[must_use]
    pub fn restore(facts: &str, window: usize, limit: f64) -> Option<Self> {
        let mut parts = facts.split(';').map(|part| {
            let numbers = part.split_whitespace().map(|word| word.parse::<f64>().ok());
            numbers.collect::<Option<VecDeque<f64>>>()
        });
        let [means, losses, norms] = [parts.next()??, parts.next()??, parts.next()??];
        let (&[sum, weights], &[]) = means.as_slices() else { return None };
        let mut watch = Self { loss: Usual(losses), norm: Usual(norms), ..Self::new(window, limit) };
        watch.mean = (sum, weights);
        parts.next().is_none().then_some(watch)
    }
}

impl Usual {
    fn add(&mut self, what: &str, value: f64, window: usize, limit: f64) -> Option<Spike> {
        let count = self.0.len() as f64;
        let mean = self.0.iter().sum::<f64>() / count.max(1.0);
        let square = self.0.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count.max(1.0);
        let sigma = square.sqrt().max(LEAST * mean.abs());
        let most =
            if self.0.len() >= window.div_ceil(ENOUGH).max(2) { mean + limit * sigma } else { f64::INFINITY };
        let spike = !value.is_finite() || value > most;
        if value.is_finite() {
            // A spike counts as the largest usual number: the next is still seen, and a new level becomes usual in time.
            self.0.push_back(value.min(most));
            while self.0.len() > window {
                self.0.pop_front();
            }
        }
        spike.then(|| Spike { what: what.to_owned(), value, mean, sigma })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(at: u32) -> f64 {
        3.0 + 0.1 * f64::from(at).sin()
    }

    #[test]
    fn leaps_are_seen_again_and_again_and_waves_are_not() {
        let mut watch = Watch::new(50, 6.0);
        for at in 0..200 {
            assert_eq!(watch.add(wave(at), 1.0), None, "{at}");
        }
        for _ in 0..3 {
            let spike = watch.add(9.0, 1.0).expect("a leap");
            assert!(
                spike.what == "loss" && spike.value == 9.0 && (spike.mean - 3.0).abs() < 0.2,
                "{spike:?}"
            );
        }
        let spike = watch.add(3.0, 4.0).expect("a leap");
        assert_eq!(spike.what, "gradient norm");
        let level = (0..400).map(|_| watch.add(9.0, 1.0).is_some()).collect::<Vec<_>>();
        assert!(level[0] && !level[399], "a new level becomes usual");
    }

    #[test]
    fn what_is_no_number_is_a_spike_from_the_first_step() {
        let mut watch = Watch::new(50, 6.0);
        assert!(watch.add(f64::NAN, 1.0).is_some() && watch.add(2.0, f64::INFINITY).is_some());
        assert_eq!(watch.add(2.0, 1.0), None);
        assert_eq!(watch.mean_loss(), 2.0);
    }

    #[test]
    fn what_it_knows_survives_as_text() {
        let mut watch = Watch::new(20, 6.0);
        assert_eq!(Watch::restore(&watch.facts(), 20, 6.0), Some(watch.clone()));
        (0..31).for_each(|at| drop(watch.add(wave(at), wave(at) / 7.0)));
        let mut again = Watch::restore(&watch.facts(), 20, 6.0).expect("its own text");
        assert_eq!(again, watch);
        assert_eq!(again.add(1.0 / 3.0, 0.1), watch.add(1.0 / 3.0, 0.1));
        assert_eq!(again.mean_loss().to_bits(), watch.mean_loss().to_bits());
        for text in ["", "1 2", "1 2;;", "1;;", "1 2;x;", "1 2;3;4;5"] {
            assert_eq!(Watch::restore(text, 20, 6.0).is_some(), text == "1 2;;", "{text:?}");
        }
    }
}
