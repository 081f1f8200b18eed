//! Measurements: one sequence token by token, prompts, many sequences at once.

use std::time::{Duration, Instant};

use serde::Serialize;
use wkv7::{Model, Session, SessionStep, Want};

/// Shorter work is repeated until it took so long: clocks and interruptions weigh little then.
const LONG_ENOUGH: Duration = Duration::from_millis(50);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One sequence, a token a forward.
    Decode,
    /// One sequence, a prompt at once.
    Prefill,
    /// Many sequences, a token of each in one forward.
    Batch,
}

impl Kind {
    /// The name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Prefill => "prefill",
            Self::Batch => "batch",
        }
    }
}

/// Tokens per second, over all repetitions.
#[derive(Debug, Clone, Serialize)]
pub struct Speed {
    pub median: f64,
    pub low: f64,
    pub high: f64,
    pub runs: Vec<f64>,
}

impl Speed {
    /// The speeds `runs`, in the order in which they were measured.
    pub fn of(runs: Vec<f64>) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
        let last = sorted.len().saturating_sub(1);
        let median = (at(last / 2) + at(last.div_ceil(2))) / 2.0;
        Self { median, low: at(0), high: at(last), runs }
    }
}

/// Random tokens: SplitMix64, so that a seed gives the same ones everywhere.
#[derive(Debug, Clone)]
pub struct Tokens {
    state: u64,
    vocab: u64,
}

impl Tokens {
    /// Tokens below `vocab`.
    pub fn new(seed: u64, vocab: usize) -> Self {
        Self { state: seed, vocab: vocab.max(1) as u64 }
    }

    /// The next `count` tokens.
    pub fn take(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| u32::try_from(self.bits() % self.vocab).unwrap_or(0)).collect()
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Decodes until the backend is settled: it may lay out a layer anew with each of the first tokens.
pub fn warm_up(session: &mut Session, tokens: &mut Tokens) -> anyhow::Result<()> {
    for token in tokens.take(session.model().config().layers + 2) {
        session.feed(&[token])?;
    }
    Ok(())
}

/// Measures a loaded and warmed-up model.
pub struct Sweep<'a> {
    pub model: &'a Model,
    pub repetitions: usize,
}

impl Sweep<'_> {
    /// The speed of `kind` with `count` tokens, prompt tokens or sequences.
    pub fn run(&self, kind: Kind, count: usize, tokens: &mut Tokens) -> anyhow::Result<Speed> {
        match kind {
            Kind::Decode => self.decode(count, tokens),
            Kind::Prefill => self.prefill(count, tokens),
            Kind::Batch => self.batch(count, tokens),
        }
    }

    fn decode(&self, count: usize, tokens: &mut Tokens) -> anyhow::Result<Speed> {
        let mut session = self.model.session()?;
        self.repeat(count, || {
            let tokens = tokens.take(count);
            let start = Instant::now();
            for token in tokens {
                session.feed(&[token])?;
            }
            Ok(start.elapsed())
        })
    }

    fn prefill(&self, count: usize, tokens: &mut Tokens) -> anyhow::Result<Speed> {
        let mut session = self.model.session()?;
        let mut once = || {
            let tokens = tokens.take(count);
            let start = Instant::now();
            session.feed(&tokens)?;
            Ok(start.elapsed())
        };
        once()?; // the first of a size makes room
        self.repeat(count, once)
    }

    fn batch(&self, count: usize, tokens: &mut Tokens) -> anyhow::Result<Speed> {
        let mut sessions = (0..count).map(|_| self.model.session()).collect::<Result<Vec<_>, _>>()?;
        let mut once = || {
            let tokens = tokens.take(count);
            let steps = sessions.iter_mut().zip(tokens.chunks(1));
            let steps = steps.map(|(session, tokens)| SessionStep { session, tokens, want: Want::Last });
            let steps = steps.collect();
            let start = Instant::now();
            self.model.forward(steps)?;
            Ok(start.elapsed())
        };
        once()?; // as above
        self.repeat(count, once)
    }

    /// Speeds of `once`, which feeds `count` tokens and says how long that took.
    fn repeat(
        &self,
        count: usize,
        mut once: impl FnMut() -> anyhow::Result<Duration>,
    ) -> anyhow::Result<Speed> {
        let mut runs = Vec::with_capacity(self.repetitions.min(1024));
        for _ in 0..self.repetitions {
            let (mut fed, mut took) = (0, Duration::ZERO);
            while took < LONG_ENOUGH {
                took += once()?;
                fed += count;
            }
            runs.push(fed as f64 / took.as_secs_f64());
        }
        Ok(Speed::of(runs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let Speed { median, low, high, runs } = Speed::of(vec![3.0, 1.0, 2.0]);
        assert_eq!(([median, low, high], runs), ([2.0, 1.0, 3.0], vec![3.0, 1.0, 2.0]));
        assert_eq!(Speed::of(vec![1.0, 4.0]).median, 2.5);
        assert_eq!(Speed::of(vec![7.0]).median, 7.0);
    }

    #[test]
    fn tokens_repeat_with_their_seed_and_stay_below_the_vocabulary() {
        let tokens = Tokens::new(7, 61).take(500);
        assert_eq!(tokens, Tokens::new(7, 61).take(500));
        assert!(tokens.iter().all(|token| *token < 61) && tokens.contains(&0) && tokens.contains(&60));
        assert_ne!(tokens, Tokens::new(8, 61).take(500));
    }
}
