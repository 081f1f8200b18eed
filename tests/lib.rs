//! Shared pieces of the cross-crate tests.

mod cards;

use std::{env, fmt};

pub use cards::software_adapter;

use wkv7_core::{Backend, Dtype, Error, LoadOptions, Model, Reference, Weights};
use wkv7_cpu::{Cpu, Path};
use wkv7_testkit::{Golden, Tolerance, close, compare_logits, compare_states, play};

/// A backend, and whether it may approximate.
pub struct Contender {
    /// As figures name it.
    pub name: &'static str,
    backend: Box<dyn Backend>,
    exact: bool,
    chunks: &'static [usize],
    approximated: Vec<(&'static [Dtype], Tolerance)>,
}

/// Every way in which any machine runs a model, the reference first; where `WKV7_CPU` names a path of the cpu backend, those
/// alone that take it.
#[must_use]
pub fn contenders() -> Vec<Contender> {
    let contender = |name, backend, exact, approximated| Contender {
        name,
        backend,
        exact,
        chunks: &CHUNKS,
        approximated,
    };
    let parts = Path::choose().expect("a path of this machine").bf16_parts();
    let approximated = vec![
        (&Cpu::APPROXIMATED[..], Q8_ACTIVATIONS),
        (&[Cpu::IN_PARTS][..], Tolerance::of_bf16_parts(parts)),
    ];
    let cpu = [
        contender("cpu, exact", Box::new(Cpu::new()), true, Vec::new()),
        contender("cpu", Box::new(Cpu::new()), false, approximated),
    ];
    if env::var_os("WKV7_CPU").is_some_and(|path| !path.is_empty()) {
        return cpu.into();
    }
    let mut all = vec![contender("reference", Box::new(Reference), false, Vec::new())];
    all.extend(cpu);
    all.extend(cards::contenders());
    all
}

impl Contender {
    fn load(&self, weights: &Weights) -> Result<Box<dyn Model>, Error> {
        let mut options = LoadOptions::default();
        options.exact = self.exact;
        self.backend.load(weights, &options)
    }

    /// How far its numbers may lie from those of `weights`.
    fn tolerance(&self, weights: &Weights) -> Tolerance {
        let holds =
            |types: &[Dtype]| weights.tensors().iter().any(|(_, tensor)| types.contains(&tensor.dtype()));
        let found = self.approximated.iter().find(|(types, _)| holds(types));
        found.map_or(Tolerance::F32_ROUNDING, |(_, tolerance)| *tolerance)
    }
}

/// Activations in 8 bits on golden data and fixtures, each of which is gentler than the random bytes of the conformance
/// suite: 1.0e-2 measured at the worst token or head where 32 share a scale, 1.5e-2 where 256 do.
pub const Q8_ACTIVATIONS: Tolerance =
    Tolerance { relative: 1.9e-2, largest: 2.6e-2, ..Tolerance::Q8_ACTIVATIONS };

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

    /// Runs `golden` on all [`contenders`] in chunks of [`CHUNKS`] or some of them and compares the logits after every token and
    /// the state after the last.
    ///
    /// Where no state was recorded, that of the reference, fed one token at a time, is wanted of the others.
    ///
    /// # Errors
    /// Those of the backends.
    pub fn measure(&mut self, name: &str, weights: &Weights, golden: &Golden) -> Result<(), Error> {
        let recorded = golden.state.as_ref();
        let oracle = match recorded {
            Some(state) => state.clone(),
            None => {
                let mut reference = Reference.load(weights, &LoadOptions::default())?;
                play(&mut *reference, &golden.tokens, 1)?.state
            }
        };
        for contender in contenders() {
            let (who, tolerance) = (contender.name, contender.tolerance(weights));
            let mut model = contender.load(weights)?;
            let (mut all, mut logits, mut state) = (0f64, 0f64, 0f64); // worst relative distances
            for &chunk in contender.chunks {
                let played = play(&mut *model, &golden.tokens, chunk)?;
                all = all.max(close("logits", &played.logits, &golden.logits).relative());
                for (worst, compared) in [
                    (&mut logits, compare_logits(golden.vocab, &played.logits, &golden.logits)),
                    (&mut state, compare_states(weights.config(), &played.state, &oracle)),
                ] {
                    *worst = worst.max(compared.worst());
                    if let Err(mismatch) = compared.check(tolerance) {
                        let chunk = chunk.min(golden.tokens.len());
                        self.failures.push(format!("{name}, {who}, chunks of {chunk}: {mismatch}"));
                    }
                }
            }
            let judged = recorded.is_some() || who != Reference.name();
            let state = if judged { format!("{state:.1e}") } else { "not recorded".to_owned() };
            self.lines.push(format!(
                "{name:<28} {who:<18} logits {all:.1e}, worst token {logits:.1e}  state {state}"
            ));
        }
        Ok(())
    }

    /// Prints the worst figures of each model and contender.
    ///
    /// # Panics
    /// Where one was beyond its tolerance, with every place.
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
