//! What is wrong is refused before any state changes.

use wkv7_core::{Batch, Error, Model, Slot, State, Step, Want};

use super::Case;
use super::ground::{Failure, Ground, require_error, require_same, slot_after};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("a token outside the vocabulary", token),
        Case::new("a batch that is too large", too_large),
        Case::new("a slot of another model", foreign_slot),
        Case::new("a state of another size", state_size),
    ]
}

/// Two open slots with a past.
struct Pair {
    slots: [Slot; 2],
    before: [State; 2],
}

impl Pair {
    fn open(model: &mut dyn Model) -> Result<Self, Failure> {
        let (first, a) = slot_after(model, &[1, 2, 3])?;
        let (second, b) = slot_after(model, &[4, 5])?;
        Ok(Self { slots: [first, second], before: [a, b] })
    }

    /// The refused batch: a sound step first, so that a backend that runs ahead is caught.
    fn batch<'a>(&'a mut self, model: &dyn Model, bad: &'a [u32]) -> Result<Batch<'a>, Error> {
        let [first, second] = &mut self.slots;
        let steps = vec![Step::new(first, &[6], Want::Last), Step::new(second, bad, Want::Last)];
        Batch::new(model.info(), steps)
    }

    fn unchanged(&self, model: &mut dyn Model) -> Result<f64, Failure> {
        for (slot, before) in self.slots.iter().zip(&self.before) {
            require_same("after the refusal", &model.read_state(slot)?, before)?;
        }
        Ok(0.0)
    }
}

fn token(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let vocab = model.info().config.vocab;
    let mut pair = Pair::open(&mut *model)?;
    for token in [vocab as u32, u32::MAX] {
        let refused = |error: &Error| matches!(error, Error::TokenOutOfRange { token: t, vocab: v } if *t == token && *v == vocab);
        require_error(pair.batch(&*model, &[0, token]), "TokenOutOfRange", refused)?;
    }
    pair.unchanged(&mut *model)
}

fn too_large(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let limit = model.info().max_tokens;
    let mut pair = Pair::open(&mut *model)?;
    let tokens = vec![0; limit]; // and one more in the other step
    let refused = |error: &Error| matches!(error, Error::BatchTooLarge { tokens, limit: l } if *tokens == limit + 1 && *l == limit);
    require_error(pair.batch(&*model, &tokens), "BatchTooLarge", refused)?;
    pair.unchanged(&mut *model)
}

fn foreign_slot(ground: &Ground<'_>) -> Result<f64, Failure> {
    let (mut model, mut other) = (ground.small()?, ground.small()?);
    let mut pair = Pair::open(&mut *model)?;
    let mut stranger = other.open_slot()?; // in the same place as our first
    let refused = |error: &Error| matches!(error, Error::ForeignSlot);
    {
        let steps =
            vec![Step::new(&mut pair.slots[0], &[6], Want::Last), Step::new(&mut stranger, &[6], Want::Last)];
        require_error(Batch::new(model.info(), steps), "ForeignSlot", refused)?;
    }
    require_error(model.read_state(&stranger), "ForeignSlot", refused)?;
    let state = pair.before[1].clone();
    require_error(model.write_state(&mut stranger, &state), "ForeignSlot", refused)?;
    require_error(model.copy_state(&pair.slots[1], &mut stranger), "ForeignSlot", refused)?;
    require_error(model.copy_state(&stranger, &mut pair.slots[1]), "ForeignSlot", refused)?;
    model.close_slot(stranger); // must not free ours
    pair.unchanged(&mut *model)
}

fn state_size(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let mut pair = Pair::open(&mut *model)?;
    let good = State::zeros(&model.info().config);
    let shorten = |part: fn(&mut State) -> &mut Vec<f32>| {
        let mut state = good.clone();
        part(&mut state).pop();
        state
    };
    let parts: [(&str, State); 3] = [
        ("att_shift", shorten(|state| &mut state.att_shift)),
        ("wkv", shorten(|state| &mut state.wkv)),
        ("ffn_shift", shorten(|state| &mut state.ffn_shift)),
    ];
    for (name, state) in &parts {
        let refused = |error: &Error| matches!(error, Error::WrongStateSize { part, .. } if part == name);
        require_error(model.write_state(&mut pair.slots[0], state), "WrongStateSize", refused)?;
    }
    pair.unchanged(&mut *model)
}
