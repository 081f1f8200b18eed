//! How tokens are grouped into forwards does not change a sequence.

use wkv7_core::{Batch, Model, Outputs, Step, Want};

use super::Case;
use super::ground::{Failure, Ground, MAX_TOKENS, require, require_same, slot_after};
use crate::play::{feed, play_pieces};
use crate::{Comparisons, Random, close, compare_states, play};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("chunks of a prompt", chunks),
        Case::new("neighbours in a batch", neighbours),
        Case::new("wanted logits", wants),
        Case::new("empty steps and batches", empty),
        Case::new("as many tokens as one forward takes", full),
        Case::new("the same input twice, to the bit", repeat),
    ]
}

fn tokens(model: &dyn Model, seed: u64, count: usize) -> Vec<u32> {
    Random::new(seed).tokens(count, model.info().config.vocab)
}

/// Any chunking of a prompt gives one result.
fn chunks(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let tokens = tokens(&*model, 21, 50);
    let want = play(&mut *model, &tokens, tokens.len())?;
    let mut worst = 0f64;
    for chunk in [1, 2, 3, 7, 16, 17, 32, 49] {
        let got = play(&mut *model, &tokens, chunk)?;
        let named = |Failure(why)| Failure(format!("chunks of {chunk}: {why}"));
        worst = worst.max(ground.judge(&*model, &got, &want).map_err(named)?);
    }
    let mut random = Random::new(22);
    for round in 0..4 {
        let pieces = random_pieces(&tokens, &mut random);
        let got = play_pieces(&mut *model, &pieces)?;
        let named = |Failure(why)| Failure(format!("random chunks, round {round}: {why}"));
        worst = worst.max(ground.judge(&*model, &got, &want).map_err(named)?);
    }
    Ok(worst)
}

/// Pieces of 0 to 19 tokens.
fn random_pieces<'t>(mut tokens: &'t [u32], random: &mut Random) -> Vec<&'t [u32]> {
    let mut pieces = Vec::new();
    while !tokens.is_empty() {
        let (piece, rest) = tokens.split_at(random.below(20).min(tokens.len()));
        pieces.push(piece);
        tokens = rest;
    }
    pieces
}

/// A sequence is unmoved by its neighbours: other lengths, other wants, other pasts.
fn neighbours(ground: &Ground<'_>) -> Result<f64, Failure> {
    const WANTS: [Want; 3] = [Want::All, Want::Last, Want::Nothing];
    let mut model = ground.small()?;
    let config = model.info().config.clone();
    let mut worst = 0f64;
    for lengths in [[1, 1, 1], [17, 1, 5], [2, 0, 40], [33, 31, 1]] {
        let pasts: Vec<_> = (0..3).map(|n| tokens(&*model, 30 + n, 3 + n as usize)).collect();
        let news: Vec<_> = (0..3).map(|n| tokens(&*model, 40 + n, lengths[n as usize])).collect();
        let (mut alone, mut states) = (Vec::new(), Vec::new());
        for n in 0..3 {
            let (mut slot, _) = slot_after(&mut *model, &pasts[n])?;
            alone.extend(feed(&mut *model, &mut slot, &news[n], WANTS[n])?);
            states.push(model.read_state(&slot)?);
            model.close_slot(slot);
        }
        let mut slots = Vec::new();
        for past in &pasts {
            slots.push(slot_after(&mut *model, past)?.0);
        }
        let steps = slots.iter_mut().zip(&news).zip(WANTS);
        let steps = steps.map(|((slot, tokens), want)| Step::new(slot, tokens, want)).collect();
        let batch = Batch::new(model.info(), steps)?;
        let mut outputs = Outputs::new();
        model.forward(&batch, &mut outputs)?;
        let logits = close(format!("lengths {lengths:?}, logits"), &outputs.logits, &alone);
        logits.check(ground.tolerance)?;
        worst = worst.max(logits.relative());
        for (n, (slot, want)) in slots.into_iter().zip(&states).enumerate() {
            let compared: Comparisons = compare_states(&config, &model.read_state(&slot)?, want);
            let named = |Failure(why)| Failure(format!("lengths {lengths:?}, sequence {n}: {why}"));
            worst = worst.max(ground.accept(&compared).map_err(named)?);
            model.close_slot(slot);
        }
    }
    Ok(worst)
}

/// `Last` is the last row of `All`, `Nothing` is no row, and the state is the same for each.
fn wants(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let (vocab, config) = (model.info().config.vocab, model.info().config.clone());
    let tokens = tokens(&*model, 51, 9);
    let all = play(&mut *model, &tokens, tokens.len())?;
    require(all.logits.len() == 9 * vocab, || format!("all: {} numbers for 9 rows", all.logits.len()))?;
    let mut worst = 0f64;
    for (want, rows) in [(Want::Last, &all.logits[8 * vocab..]), (Want::Nothing, &[][..])] {
        let mut slot = model.open_slot()?;
        let got = feed(&mut *model, &mut slot, &tokens, want)?;
        let logits = close(format!("{want:?}, logits"), &got, rows);
        logits.check(ground.tolerance)?;
        let state = model.read_state(&slot)?;
        worst = worst.max(logits.relative());
        worst = worst.max(ground.accept(&compare_states(&config, &state, &all.state))?);
        model.close_slot(slot);
    }
    Ok(worst)
}

/// A step without tokens changes nothing and gives nothing; so does a batch without steps.
fn empty(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let past = tokens(&*model, 61, 4);
    let (mut slot, before) = slot_after(&mut *model, &past)?;
    for want in [Want::Nothing, Want::Last, Want::All] {
        let logits = feed(&mut *model, &mut slot, &[], want)?;
        require(logits.is_empty(), || format!("{want:?}: {} logits without a token", logits.len()))?;
        require_same("empty step", &model.read_state(&slot)?, &before)?;
    }
    let mut outputs = Outputs::new();
    outputs.logits.push(1.0);
    let batch = Batch::new(model.info(), Vec::new())?;
    model.forward(&batch, &mut outputs)?;
    require(outputs.logits.is_empty(), || "an empty batch left old logits in the outputs".to_owned())?;
    require_same("empty batch", &model.read_state(&slot)?, &before)?;
    Ok(0.0)
}

/// The limit itself is allowed, in one step or spread over several.
fn full(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let limit = model.info().max_tokens;
    require(limit == MAX_TOKENS, || format!("loaded for {MAX_TOKENS} tokens, says {limit}"))?;
    let tokens = tokens(&*model, 71, limit);
    let want = play(&mut *model, &tokens, 16)?;
    let got = play(&mut *model, &tokens, limit)?;
    let worst = ground.judge(&*model, &got, &want)?;

    let (mut first, mut second) = (model.open_slot()?, model.open_slot()?);
    let (head, tail) = tokens.split_at(limit / 3);
    let steps = vec![Step::new(&mut first, head, Want::Last), Step::new(&mut second, tail, Want::Last)];
    let mut outputs = Outputs::new();
    model.forward(&Batch::new(model.info(), steps)?, &mut outputs)?;
    let vocab = model.info().config.vocab;
    require(outputs.logits.len() == 2 * vocab, || format!("{} numbers for 2 rows", outputs.logits.len()))?;
    Ok(worst)
}

/// What is computed does not depend on threads or chance.
fn repeat(ground: &Ground<'_>) -> Result<f64, Failure> {
    let mut model = ground.small()?;
    let tokens = tokens(&*model, 81, 40);
    let first = play(&mut *model, &tokens, 16)?;
    let second = play(&mut *model, &tokens, 16)?;
    require(first.logits == second.logits, || "logits of two equal runs differ".to_owned())?;
    require_same("two equal runs", &second.state, &first.state)?;
    Ok(0.0)
}
