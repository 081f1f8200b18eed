//! What else than logits a step may want: the largest of them, the hidden state, and all kinds in one batch.

use wkv7_core::{Batch, Model, Outputs, Step, Tensor, Top, Want, Weights, top};

use super::Case;
use super::ground::{Failure, Ground, MAX_TOKENS, oracle, require};
use crate::{Random, TinyModel, close};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("the largest logits", tops),
        Case::new("equal logits by rising id", ties),
        Case::new("the hidden state", hidden),
        Case::new("all kinds of wants in one batch", mixed),
    ]
}

/// A model with more tokens than one workgroup or one cache line has.
fn model() -> TinyModel {
    TinyModel { vocab: 333, ..TinyModel::default() }
}

/// One forward of fresh sequences; closes their slots.
fn answer(model: &mut dyn Model, steps: &[(Vec<u32>, Want)]) -> Result<Outputs, Failure> {
    let mut slots = steps.iter().map(|_| model.open_slot()).collect::<Result<Vec<_>, _>>()?;
    let parts = slots.iter_mut().zip(steps).map(|(slot, (tokens, want))| Step::new(slot, tokens, *want));
    let mut outputs = Outputs::new();
    outputs.tops.push(Top::new(0, 0.0, 0.0)); // what an earlier forward left
    outputs.hidden.push(1.0);
    model.forward(&Batch::new(model.info(), parts.collect())?, &mut outputs)?;
    slots.into_iter().for_each(|slot| model.close_slot(slot));
    Ok(outputs)
}

/// Judges `got`, the `count` largest of what should be `logits`: which of two close ones is the larger may depend on
/// rounding, so each is held against the logit of its own id and against the one of its place.
fn judge_tops(ground: &Ground<'_>, got: &[Top], logits: &[f32], count: usize) -> Result<f64, Failure> {
    let count = count.min(logits.len());
    require(got.len() == count, || format!("{} tops, {count} asked for", got.len()))?;
    let mut ids: Vec<u32> = got.iter().map(|top| top.token).collect();
    ids.sort_unstable();
    ids.dedup();
    require(ids.len() == count && ids.iter().all(|id| (*id as usize) < logits.len()), || {
        format!("not {count} ids of the vocabulary: {got:?}")
    })?;
    let in_order = |pair: &[Top]| {
        pair[0].logit > pair[1].logit || (pair[0].logit == pair[1].logit && pair[0].token < pair[1].token)
    };
    require(got.windows(2).all(in_order), || format!("out of order: {got:?}"))?;

    let mut sorted = Vec::new();
    top::largest(logits, count, &mut sorted);
    let sum = top::log_sum(logits);
    let values = |of: fn(&Top) -> f32| got.iter().map(of).collect::<Vec<_>>();
    let own: Vec<f32> = got.iter().map(|top| logits[top.token as usize]).collect();
    let places: Vec<f32> = sorted.iter().map(|top| top.logit).collect();
    let probabilities: Vec<f32> = own.iter().map(|logit| (f64::from(*logit) - sum) as f32).collect();
    let mut worst = 0f64;
    for (what, got, want) in [
        ("logits of their ids", values(|top| top.logit), own),
        ("logits of their places", values(|top| top.logit), places),
        ("log-probabilities", values(|top| top.log_probability), probabilities),
    ] {
        let compared = close(format!("top {count}, {what}"), &got, &want);
        compared.check(ground.tolerance)?;
        worst = worst.max(compared.relative());
    }
    Ok(worst)
}

/// Few, many, none, more than there are; after one token and after several.
fn tops(ground: &Ground<'_>) -> Result<f64, Failure> {
    let weights = model().weights();
    let (mut ours, mut theirs) = (ground.load(&weights)?, oracle(&weights)?);
    let mut worst = 0f64;
    for length in [1, 11, MAX_TOKENS] {
        let tokens = Random::new(91).tokens(length, 333);
        let logits = answer(&mut *theirs, &[(tokens.clone(), Want::Last)])?.logits;
        for count in [0, 1, 2, 20, 100, 200, 333, 334, usize::MAX] {
            let outputs = answer(&mut *ours, &[(tokens.clone(), Want::Top(count))])?;
            require(outputs.logits.is_empty() && outputs.hidden.is_empty(), || "more than tops".to_owned())?;
            worst = worst.max(judge_tops(ground, &outputs.tops, &logits, count)?);
        }
    }
    for want in [Want::Top(5), Want::Hidden] {
        let outputs = answer(&mut *ours, &[(Vec::new(), want)])?;
        require(outputs.tops.is_empty() && outputs.hidden.is_empty(), || format!("{want:?} of no token"))?;
    }
    Ok(worst)
}

/// A head of zeros: every logit is the same, every probability one over the number of tokens.
fn ties(ground: &Ground<'_>) -> Result<f64, Failure> {
    let tiny = model();
    let mut tensors = tiny.tensors();
    tensors.remove("head.weight");
    let zeros = vec![0.0; tiny.vocab * tiny.channels];
    tensors.insert("head.weight", Tensor::from_f32("head.weight", &[tiny.vocab, tiny.channels], &zeros)?)?;
    let mut model = ground.load(&Weights::new(tensors, tiny.recipe)?)?;
    for count in [1, 7, 130] {
        let tops = answer(&mut *model, &[(vec![1, 2], Want::Top(count))])?.tops;
        let want = -(tiny.vocab as f64).ln() as f32;
        let is_right = |(id, top): (u32, &Top)| {
            top.token == id && top.logit == 0.0 && (top.log_probability - want).abs() < 1e-5
        };
        require(tops.len() == count && (0..).zip(&tops).all(is_right), || format!("top {count}: {tops:?}"))?;
    }
    Ok(0.0)
}

/// The output of the last norm, and no logits.
fn hidden(ground: &Ground<'_>) -> Result<f64, Failure> {
    let weights = model().weights();
    let (mut ours, mut theirs) = (ground.load(&weights)?, oracle(&weights)?);
    let mut worst = 0f64;
    for length in [1, 2, 11, MAX_TOKENS] {
        let steps = [(Random::new(92).tokens(length, 333), Want::Hidden)];
        let (got, want) = (answer(&mut *ours, &steps)?, answer(&mut *theirs, &steps)?);
        require(got.logits.is_empty() && got.tops.is_empty(), || "more than a hidden state".to_owned())?;
        let compared = close(format!("hidden state after {length}"), &got.hidden, &want.hidden);
        compared.check(ground.tolerance)?;
        worst = worst.max(compared.relative());
    }
    Ok(worst)
}

/// Each kind is returned in the order of steps, whatever lies between.
fn mixed(ground: &Ground<'_>) -> Result<f64, Failure> {
    const SEVERAL: [&[(usize, Want)]; 3] = [
        &[(3, Want::Top(4)), (2, Want::All), (4, Want::Hidden), (1, Want::Top(2))],
        &[(1, Want::Hidden), (1, Want::Top(300)), (1, Want::Last), (1, Want::Top(3))],
        &[(20, Want::Hidden), (9, Want::Nothing), (0, Want::Top(3)), (30, Want::Hidden)],
    ];
    let weights = model().weights();
    let (mut ours, mut theirs) = (ground.load(&weights)?, oracle(&weights)?);
    let mut worst = 0f64;
    for (number, kinds) in SEVERAL.iter().enumerate() {
        let steps: Vec<_> = (93..)
            .zip(*kinds)
            .map(|(seed, &(length, want))| (Random::new(seed).tokens(length, 333), want))
            .collect();
        let (got, want) = (answer(&mut *ours, &steps)?, answer(&mut *theirs, &steps)?);
        for (what, got, want) in
            [("logits", &got.logits, &want.logits), ("hidden states", &got.hidden, &want.hidden)]
        {
            let compared = close(format!("batch {number}, {what}"), got, want);
            compared.check(ground.tolerance)?;
            worst = worst.max(compared.relative());
        }
        let mut tops = got.tops.as_slice();
        for (tokens, want) in &steps {
            let Want::Top(count) = *want else { continue };
            if tokens.is_empty() {
                continue;
            }
            let logits = answer(&mut *theirs, &[(tokens.clone(), Want::Last)])?.logits;
            let Some(own) = tops.split_off(..count.min(333)) else {
                return Err(Failure(format!("batch {number}: {} tops are too few", got.tops.len())));
            };
            let named = |Failure(why)| Failure(format!("batch {number}: {why}"));
            worst = worst.max(judge_tops(ground, own, &logits, count).map_err(named)?);
        }
        require(tops.is_empty(), || format!("batch {number}: {} tops too many", tops.len()))?;
    }
    Ok(worst)
}
