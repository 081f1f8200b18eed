//! Shared pieces of the cross-crate tests.

use std::fmt;

use wkv7_core::{Backend, Error, LoadOptions, Reference, State, Weights};
use wkv7_cpu::Cpu;
use wkv7_testkit::{Golden, Tolerance, compare_logits, compare_states, play};

/// Every backend that runs on any machine, the reference first.
#[must_use]
pub fn backends() -> [Box<dyn Backend>; 2] {
    [Box::new(Reference), Box::new(Cpu::new())]
}

/// Tokens per forward that golden sequences are fed with; the last means all at once.
pub const CHUNKS: [usize; 4] = [1, 3, 16, usize::MAX];

/// What golden data and the backends make of one model.
#[derive(Debug, Default)]
pub struct Figures {
    lines: Vec<String>,
    failures: Vec<String>,
}

impl Figures {
    /// Nothing measured yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `golden` on every backend in chunks of [`CHUNKS`] and compares the logits after every token and
    /// the state after the last.
    ///
    /// Where no state was recorded, that of the reference, fed one token at a time, is wanted of the others.
    ///
    /// # Errors
    /// Those of the backends.
    pub fn measure(&mut self, name: &str, weights: &Weights, golden: &Golden) -> Result<(), Error> {
        let mut oracle: Option<State> = golden.state.clone();
        for backend in backends() {
            let mut model = backend.load(weights, &LoadOptions::default())?;
            let (mut logits, mut state) = (0f64, 0f64); // worst relative distances
            for chunk in CHUNKS {
                let played = play(&mut *model, &golden.tokens, chunk)?;
                let want = oracle.get_or_insert_with(|| played.state.clone());
                for (worst, compared) in [
                    (&mut logits, compare_logits(golden.vocab, &played.logits, &golden.logits)),
                    (&mut state, compare_states(weights.config(), &played.state, want)),
                ] {
                    *worst = worst.max(compared.worst());
                    if let Err(mismatch) = compared.check(Tolerance::F32_ROUNDING) {
                        let chunk = chunk.min(golden.tokens.len());
                        self.failures
                            .push(format!("{name}, {}, chunks of {chunk}: {mismatch}", backend.name()));
                    }
                }
            }
            let judged = golden.state.is_some() || backend.name() != Reference.name();
            let state = if judged { format!("{state:.1e}") } else { "not recorded".to_owned() };
            self.lines.push(format!("{name:<28} {:<10} logits {logits:.1e}  state {state}", backend.name()));
        }
        Ok(())
    }

    /// Prints the worst figure of each model and backend.
    ///
    /// # Panics
    /// Where one was beyond f32 rounding, with every place.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.failures.is_empty(), "\n{}\n{self}", self.failures.join("\n"));
        print!("{self}");
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// The README's Rust, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
