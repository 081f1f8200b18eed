//! Logits and states are those of the reference: every element type, every shape.

use wkv7_core::{Dtype, Ranks, Recipe};

use super::Case;
use super::ground::{Failure, Ground, oracle};
use crate::{Random, TinyModel, play};

pub(super) fn cases() -> Vec<Case> {
    let types = Dtype::ALL.into_iter().map(|dtype| (format!("type {dtype}"), TinyModel::of(dtype)));
    let shapes = shapes().into_iter().map(|(name, model)| (name.to_owned(), model));
    types.chain(shapes).map(|(name, model)| Case::new(name, move |ground| same(ground, &model))).collect()
}

fn ranks(decay: usize, rate: usize, value: usize, gate: usize) -> Ranks {
    Ranks { decay, rate, value, gate }
}

/// Models whose sizes are not those that a kernel would like.
fn shapes() -> Vec<(&'static str, TinyModel)> {
    let (small, usual) = (TinyModel::default, Recipe::default());
    vec![
        ("heads of 64", TinyModel { channels: 128, head_size: 64, ffn: 512, ..small() }),
        ("heads of 16", TinyModel { head_size: 16, ..small() }),
        ("one layer", TinyModel { layers: 1, ..small() }),
        ("one head", TinyModel { head_size: 64, ..small() }),
        ("one layer, one head", TinyModel { layers: 1, head_size: 64, ..small() }),
        (
            "uneven ranks",
            TinyModel { layers: 3, ranks: vec![ranks(8, 12, 16, 20), ranks(5, 3, 1, 7)], ..small() },
        ),
        (
            "sizes that are no multiple of 8",
            TinyModel {
                channels: 60,
                head_size: 20,
                ffn: 90,
                vocab: 41,
                ranks: vec![ranks(3, 5, 7, 9)],
                ..small()
            },
        ),
        ("narrow channel mix", TinyModel { ffn: 32, ..small() }),
        ("many layers", TinyModel { layers: 13, channels: 32, ffn: 64, ..small() }),
        ("no value residual in layer 0", TinyModel { first_value: false, ..small() }),
        ("five tokens in the vocabulary", TinyModel { vocab: 5, ..small() }),
        (
            "other epsilons",
            TinyModel { recipe: Recipe { layer_norm_eps: 1e-3, group_norm_eps: 0.02, ..usual }, ..small() },
        ),
        ("rates up to 2", TinyModel { recipe: Recipe { rate_range: 2.0, ..usual }, ..small() }),
        ("thin matrices transposed, F32", TinyModel { thin_transposed: true, ..small() }),
        (
            "thin matrices transposed, F16",
            TinyModel { thin_transposed: true, ..small().in_dtype(Dtype::F16) },
        ),
        (
            "thin matrices transposed, Q8_0",
            TinyModel { thin_transposed: true, thin: Dtype::Q8_0, ..TinyModel::of(Dtype::Q8_0) },
        ),
        ("thin matrices in Q5_1", TinyModel { thin: Dtype::Q5_1, ..TinyModel::of(Dtype::Q5_1) }),
        (
            "a type for each kind of tensor",
            TinyModel {
                tables: Dtype::Q6K,
                thin: Dtype::BF16,
                vectors: Dtype::F16,
                ..TinyModel::of(Dtype::Q4_0)
            },
        ),
    ]
}

/// One token at a time and all at once.
fn same(ground: &Ground<'_>, model: &TinyModel) -> Result<f64, Failure> {
    let weights = model.weights();
    let tokens = Random::new(11).tokens(12, model.vocab);
    let want = play(&mut *oracle(&weights)?, &tokens, tokens.len())?;
    let ground = ground.of(&weights);
    let mut model = ground.load(&weights)?;
    let mut worst = 0f64;
    for chunk in [1, tokens.len()] {
        let got = play(&mut *model, &tokens, chunk)?;
        worst = worst.max(ground.judge(&*model, &got, &want)?);
    }
    Ok(worst)
}
