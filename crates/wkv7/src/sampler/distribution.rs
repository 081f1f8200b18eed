//! Probabilities of the tokens still in the running.

use crate::Error;
use crate::exp::exp;

/// A token with its probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub id: u32,
    /// How far its logit is below the largest; not positive.
    pub logit: f32,
    /// Its probability relative to that of the largest: at temperature 1, `exp(logit)`.
    pub weight: f32,
}

/// The tokens still in the running, by id, and what they weigh together.
#[derive(Debug, Clone, Default)]
pub(super) struct Distribution {
    pub candidates: Vec<Candidate>,
    pub total: f64,
}

/// Id and value of the largest logit, the lowest id among equals.
pub(super) fn largest(logits: &[f32]) -> Result<(usize, f32), Error> {
    let bad = |value: &f32| value.is_nan() || *value == f32::INFINITY;
    if let Some(token) = logits.iter().position(bad) {
        return Err(Error::BadLogit { token, value: logits[token] });
    }
    let mut best = (0, f32::NEG_INFINITY);
    for (token, &logit) in logits.iter().enumerate() {
        if logit > best.1 {
            best = (token, logit);
        }
    }
    if best.1 == f32::NEG_INFINITY { Err(Error::NothingToSample { vocab: logits.len() }) } else { Ok(best) }
}

impl Distribution {
    /// Every token that is not banned, at temperature 1.
    pub fn fill(&mut self, logits: &[f32]) -> Result<(), Error> {
        let (_, largest) = largest(logits)?;
        self.candidates.clear();
        let weighed = logits.iter().zip(0..).map(|(logit, id)| (id, logit - largest));
        self.candidates.extend(weighed.map(|(id, logit)| Candidate { id, logit, weight: exp(logit) }));
        self.keep(|candidate| candidate.weight > 0.0);
        Ok(())
    }

    /// Keeps only candidates that pass.
    pub fn keep(&mut self, pass: impl FnMut(&Candidate) -> bool) {
        self.candidates.retain(pass);
        self.weigh();
    }

    /// The temperature: p^(1/T), which is the same as dividing the logits by it.
    pub fn sharpen(&mut self, temperature: f32) {
        // The most likely of all may be cut; the largest must stay 1 so that not all vanish at a low temperature.
        let largest =
            self.candidates.iter().map(|candidate| candidate.logit).fold(f32::NEG_INFINITY, f32::max);
        for candidate in &mut self.candidates {
            candidate.weight = exp((candidate.logit - largest) / temperature);
        }
        self.weigh();
    }

    /// The token at `place` in [0, 1) of the distribution's length.
    pub fn at(&self, place: f64) -> Option<u32> {
        let mut rest = place * self.total;
        for candidate in &self.candidates {
            rest -= f64::from(candidate.weight);
            if rest < 0.0 {
                return Some(candidate.id);
            }
        }
        // Rounding may leave a crumb after the last.
        self.candidates.last().map(|candidate| candidate.id)
    }

    /// Sums up the candidates' weights.
    pub fn weigh(&mut self) {
        let weight = |candidate: &Candidate| f64::from(candidate.weight);
        let (eights, rest) = self.candidates.as_chunks::<8>();
        // Eight parts that do not wait for each other.
        let mut sums = [0.0; 8];
        for eight in eights {
            sums.iter_mut().zip(eight).for_each(|(sum, candidate)| *sum += weight(candidate));
        }
        self.total = sums.iter().sum::<f64>() + rest.iter().map(weight).sum::<f64>();
    }
}
