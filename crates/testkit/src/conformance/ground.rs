//! What every case stands on: the backend under test, the oracle, and small models.

use wkv7_core::{Backend, Dtype, Error, LoadOptions, Model, Reference, Slot, State, Weights};

use crate::play::feed;
use crate::{Comparisons, Mismatch, Played, TinyModel, Tolerance, compare_logits, compare_states};
use wkv7_core::Want;

/// Slots that models are loaded with here.
pub(super) const SLOTS: usize = 4;
/// Tokens that one forward takes here: more than any case needs at once, fewer than cases that go beyond.
pub(super) const MAX_TOKENS: usize = 96;

/// The backend under test and how it is judged.
pub struct Ground<'a> {
    backend: &'a dyn Backend,
    exact: bool,
    /// How far numbers may lie from those of the reference.
    pub tolerance: Tolerance,
    approximated: &'a [(&'a [Dtype], Tolerance)],
}

impl<'a> Ground<'a> {
    pub(super) fn new(
        backend: &'a dyn Backend,
        exact: bool,
        tolerance: Tolerance,
        approximated: &'a [(&'a [Dtype], Tolerance)],
    ) -> Self {
        Self { backend, exact, tolerance, approximated }
    }

    /// The ground for numbers that only approximate those of `weights`, where the backend says that it does so.
    pub(super) fn of(&self, weights: &Weights) -> Self {
        let approximated =
            |types: &[Dtype]| weights.tensors().iter().any(|(_, tensor)| types.contains(&tensor.dtype()));
        let found = self.approximated.iter().find(|(types, _)| approximated(types));
        let tolerance = found.map_or(self.tolerance, |(_, tolerance)| *tolerance);
        Self { tolerance, ..*self }
    }

    /// Name of the backend.
    pub(super) fn name(&self) -> &'static str {
        self.backend.name()
    }

    /// `weights` on the backend under test.
    pub(super) fn load(&self, weights: &Weights) -> Result<Box<dyn Model>, Failure> {
        let mut options = options();
        options.exact = self.exact;
        Ok(self.backend.load(weights, &options)?)
    }

    /// A small model on the backend under test.
    pub(super) fn small(&self) -> Result<Box<dyn Model>, Failure> {
        self.load(&TinyModel::default().weights())
    }

    /// Judges logits and state of a whole sequence and returns the larger distance.
    pub(super) fn judge(&self, model: &dyn Model, got: &Played, want: &Played) -> Result<f64, Failure> {
        let config = &model.info().config;
        let logits = self.accept(&compare_logits(config.vocab, &got.logits, &want.logits))?;
        let state = self.accept(&compare_states(config, &got.state, &want.state))?;
        Ok(logits.max(state))
    }

    /// Judges comparisons and returns the largest distance.
    pub(super) fn accept(&self, comparisons: &Comparisons) -> Result<f64, Failure> {
        comparisons.check(self.tolerance)?;
        Ok(comparisons.worst())
    }
}

fn options() -> LoadOptions {
    let mut options = LoadOptions::default();
    options.slots = SLOTS;
    options.max_tokens = MAX_TOKENS;
    options
}

/// `weights` on the reference backend.
pub(super) fn oracle(weights: &Weights) -> Result<Box<dyn Model>, Failure> {
    Ok(Reference.load(weights, &options())?)
}

/// A slot that has seen `tokens`, and its state.
pub(super) fn slot_after(model: &mut dyn Model, tokens: &[u32]) -> Result<(Slot, State), Failure> {
    let mut slot = model.open_slot()?;
    feed(model, &mut slot, tokens, Want::Nothing)?;
    let state = model.read_state(&slot)?;
    Ok((slot, state))
}

/// Why a case does not hold.
#[derive(Debug, Clone)]
pub struct Failure(pub String);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(format!("unexpected error: {error}"))
    }
}

impl From<Mismatch> for Failure {
    fn from(mismatch: Mismatch) -> Self {
        Self(mismatch.0)
    }
}

/// Fails with `what` unless `holds`.
pub(super) fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure(what())) }
}

/// Fails unless `result` is the error that `is_it` recognises; `expected` names it.
pub(super) fn require_error<T>(
    result: Result<T, Error>,
    expected: &str,
    is_it: impl Fn(&Error) -> bool,
) -> Result<(), Failure> {
    match result {
        Err(error) if is_it(&error) => Ok(()),
        Err(error) => Err(Failure(format!("expected {expected}, got the error: {error}"))),
        Ok(_) => Err(Failure(format!("expected {expected}, but it succeeded"))),
    }
}

/// Fails unless both states are equal to the bit.
pub(super) fn require_same(what: &str, got: &State, want: &State) -> Result<(), Failure> {
    let bits = |state: &State| -> Vec<u32> {
        let parts = state.att_shift.iter().chain(&state.wkv).chain(&state.ffn_shift);
        parts.map(|x| x.to_bits()).collect()
    };
    require(bits(got) == bits(want), || format!("{what}: the state is not the same to the bit"))
}
