//! Slots and the states in them.

use wkv7_core::{Error, State, Want};

use super::Case;
use super::ground::{Failure, Ground, SLOTS, oracle, require, require_error, require_same, slot_after};
use crate::play::feed;
use crate::{Random, TinyModel, close, compare_states, play};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("facts about the model", info),
        Case::new("every slot, and none beyond", fill),
        Case::new("a new slot is zeroed", zeroed),
        Case::new("writing what was read", write_back),
        Case::new("a state moves to another backend", moves),
        Case::new("copies go their own ways", copies),
        Case::new("two models at once", two_models),
    ]
}

/// A model knows its backend, its weights and its limits, and no two loads are one.
fn info(ground: &Ground<'_>) -> Result<f64, Failure> {
    let weights = TinyModel::default().weights();
    let (first, second) = (ground.load(&weights)?, ground.load(&weights)?);
    let info = first.info();
    require(info.backend == ground.name(), || format!("says it runs on `{}`", info.backend))?;
    require(info.config == *weights.config(), || format!("config {:?}", info.config))?;
    require(info.fingerprint == weights.fingerprint(), || format!("fingerprint {}", info.fingerprint))?;
    require(info.max_slots == SLOTS, || format!("{} slots, expected {SLOTS}", info.max_slots))?;
    require(info.id != second.info().id, || "two loads have one id".to_owned())?;
    Ok(0.0)
}

fn fill(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let mut slots = Vec::new();
    for _ in 0..SLOTS {
        slots.push(model.open_slot()?);
    }
    let mut places: Vec<usize> = slots.iter().map(|slot| slot.index()).collect();
    places.sort_unstable();
    require(places == [0, 1, 2, 3], || format!("slots are in places {places:?}"))?;
    let full = |error: &Error| matches!(error, Error::NoFreeSlot { slots: SLOTS });
    require_error(model.open_slot(), "NoFreeSlot", full)?;

    // Each slot is its own: another token in each, another state in each.
    let mut states = Vec::new();
    for (token, slot) in slots.iter_mut().enumerate() {
        feed(&mut *model, slot, &[token as u32 + 1], Want::Nothing)?;
    }
    for slot in &slots {
        states.push(model.read_state(slot)?);
    }
    for n in 1..SLOTS {
        require(states[n] != states[0], || format!("slots 0 and {n} hold one state"))?;
    }
    model.close_slot(slots.remove(1));
    slots.push(model.open_slot()?);
    require_error(model.open_slot(), "NoFreeSlot", full)?;
    Ok(0.0)
}

fn zeroed(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let zeros = State::zeros(&model.info().config);
    for round in 0..3 {
        let mut slots = Vec::new();
        for _ in 0..SLOTS {
            let slot = model.open_slot()?;
            require_same(&format!("new slot, round {round}"), &model.read_state(&slot)?, &zeros)?;
            slots.push(slot);
        }
        for slot in &mut slots {
            feed(&mut *model, slot, &[3, 1, 4], Want::Nothing)?;
        }
        slots.into_iter().for_each(|slot| model.close_slot(slot));
    }
    Ok(0.0)
}

/// Changes nothing, to the bit: not the state and not what follows from it.
fn write_back(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let tokens = Random::new(91).tokens(20, model.info().config.vocab);
    let (mut slot, state) = slot_after(&mut *model, &tokens[..10])?;
    let (mut twin, _) = slot_after(&mut *model, &tokens[..10])?;
    model.write_state(&mut slot, &state)?;
    require_same("read again", &model.read_state(&slot)?, &state)?;
    let got = feed(&mut *model, &mut slot, &tokens[10..], Want::All)?;
    let want = feed(&mut *model, &mut twin, &tokens[10..], Want::All)?;
    require(got == want, || "logits after writing back are not the same to the bit".to_owned())?;
    require_same("after writing back", &model.read_state(&slot)?, &model.read_state(&twin)?)?;

    // Any numbers survive, not only those that a model makes.
    let config = model.info().config.clone();
    let mut random = Random::new(92);
    let mut any = State::zeros(&config);
    for x in any.att_shift.iter_mut().chain(&mut any.wkv).chain(&mut any.ffn_shift) {
        *x = random.between(-3.0, 3.0) as f32;
    }
    model.write_state(&mut slot, &any)?;
    require_same("random numbers", &model.read_state(&slot)?, &any)?;
    Ok(0.0)
}

/// What the reference remembers, the backend goes on with, and the other way round.
fn moves(ground: &Ground<'_>) -> Result<f64, Failure> {
    let weights = TinyModel::default().weights();
    let (mut here, mut there) = (ground.load(&weights)?, oracle(&weights)?);
    let tokens = Random::new(93).tokens(24, weights.config().vocab);
    let want = play(&mut *there, &tokens, 24)?;
    let rest = &want.logits[12 * weights.config().vocab..];
    let mut worst = 0f64;
    for (from, to) in [(true, false), (false, true)] {
        let source = if from { &mut here } else { &mut there };
        let (slot, state) = slot_after(&mut **source, &tokens[..12])?;
        source.close_slot(slot);
        let target = if to { &mut here } else { &mut there };
        let mut slot = target.open_slot()?;
        target.write_state(&mut slot, &state)?;
        let logits = close("logits", &feed(&mut **target, &mut slot, &tokens[12..], Want::All)?, rest);
        logits.check(ground.tolerance)?;
        let state = compare_states(weights.config(), &target.read_state(&slot)?, &want.state);
        worst = worst.max(logits.relative()).max(ground.accept(&state)?);
        target.close_slot(slot);
    }
    Ok(worst)
}

fn copies(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let (mut original, before) = slot_after(&mut *model, &[5, 6, 7, 8])?;
    let (mut copy, _) = slot_after(&mut *model, &[1])?;
    model.copy_state(&original, &mut copy)?;
    require_same("copy", &model.read_state(&copy)?, &before)?;
    let ours = feed(&mut *model, &mut copy, &[9, 10], Want::All)?;
    require_same("original, after its copy went on", &model.read_state(&original)?, &before)?;
    let theirs = feed(&mut *model, &mut original, &[9, 10], Want::All)?;
    require(ours == theirs, || "a copy does not go on as its original".to_owned())?;
    feed(&mut *model, &mut copy, &[11], Want::Nothing)?;
    require(model.read_state(&copy)? != model.read_state(&original)?, || "copies do not part".to_owned())?;
    Ok(0.0)
}

/// Turns of one model leave the other alone.
fn two_models(ground: &Ground<'_>) -> Result<f64, Failure> {
    let weights =
        [TinyModel::default().weights(), TinyModel { seed: 8, layers: 3, ..TinyModel::default() }.weights()];
    let tokens = Random::new(94).tokens(12, 61);
    let mut models = [ground.load(&weights[0])?, ground.load(&weights[1])?];
    let mut slots = [models[0].open_slot()?, models[1].open_slot()?];
    let mut logits = [Vec::new(), Vec::new()];
    for piece in tokens.chunks(3) {
        for n in 0..2 {
            logits[n].extend(feed(&mut *models[n], &mut slots[n], piece, Want::All)?);
        }
    }
    let mut worst = 0f64;
    for n in 0..2 {
        let want = play(&mut *oracle(&weights[n])?, &tokens, 12)?;
        let compared = close(format!("model {n}, logits"), &logits[n], &want.logits);
        compared.check(ground.tolerance)?;
        let state = compare_states(weights[n].config(), &models[n].read_state(&slots[n])?, &want.state);
        worst = worst.max(compared.relative()).max(ground.accept(&state)?);
    }
    Ok(worst)
}
