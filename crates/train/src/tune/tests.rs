//! Gradients of thin matrices, and batches of unequal lengths against one sample after another.

use wkv7_core::Dtype;
use wkv7_cpu::math::Double;
use wkv7_testkit::TinyModel;

use super::adapter::Places;
use super::batches::Padded;
use super::*;
use crate::numerics::{Batch, Engine, Frozen, Numerics, Options};
use crate::{Layout, files};

fn model(matrices: Dtype) -> wkv7_core::Weights {
    let tiny =
        TinyModel { channels: 32, head_size: 16, ffn: 64, vocab: 13, layers: 2, ..TinyModel::default() };
    TinyModel { matrices, ..tiny }.weights()
}

fn noise(len: usize, seed: u64) -> Vec<f64> {
    let mut random = wkv7_testkit::Random::new(seed);
    (0..len).map(|_| random.between(-0.3, 0.3)).collect()
}

fn samples() -> Vec<Sample> {
    let mut random = wkv7_testkit::Random::new(5);
    let tokens = |random: &mut wkv7_testkit::Random, count| random.tokens(count, 13);
    let lengths = [9, 2, 14, 5, 5];
    let mut samples: Vec<Sample> = lengths.map(|length| Sample::text(tokens(&mut random, length))).into();
    samples.push(Sample::pair(tokens(&mut random, 4), &tokens(&mut random, 3)));
    samples
}

#[test]
fn the_gradients_of_thin_matrices_are_what_finite_differences_say() {
    let weights = model(Dtype::F32);
    let layout = Layout::of(&weights).expect("a layout");
    let options = Options { threads: Some(2), l2_wrap: false, ..Options::default() };
    let mut engine = Engine::new(Double, &layout, &options).expect("an engine");
    let frozen: Vec<f64> =
        files::flatten(&layout, &weights).expect("fits").into_iter().map(f64::from).collect();
    let places = Places::new(&layout, 3, 5.0, &Targets::default()).expect("fits");
    assert_eq!(places.pairs.len(), 12);
    let numbers = noise(places.len, 3);
    let padded = Padded::new(samples().iter());
    let padded = padded.batch();
    let mut loss = |numbers: &[f64]| {
        let mut changed = frozen.clone();
        places.add(numbers, &mut changed);
        engine.evaluate(&changed, &[], padded).expect("a batch").0.mean()
    };
    let direction = |seed, range: std::ops::Range<usize>| {
        let mut all = vec![0.0; places.len];
        all[range.clone()].copy_from_slice(&noise(range.len(), seed));
        all
    };
    let step = 1e-5;
    let mut wanted = Vec::new();
    let size = places.len / 24;
    for part in 0..24 {
        let direction = direction(part as u64, part * size..(part + 1) * size);
        let mut moved =
            |by: f64| loss(&numbers.iter().zip(&direction).map(|(x, d)| x + by * d).collect::<Vec<_>>());
        wanted.push((direction.clone(), (moved(step) - moved(-step)) / (2.0 * step)));
    }
    let (mut changed, mut dense) = (frozen.clone(), vec![0.0; layout.len()]);
    places.add(&numbers, &mut changed);
    engine.gradients(&changed, &[], padded, &mut dense, &mut []).expect("a batch");
    let mut gradients = vec![f64::NAN; places.len];
    places.back(&numbers, &dense, &mut gradients);
    for (direction, want) in wanted {
        let got: f64 = gradients.iter().zip(&direction).map(|(g, d)| g * d).sum();
        assert!((got - want).abs() < 1e-9 + 1e-6 * want.abs(), "{got} against {want}");
    }
}

/// Weights that stay in their type give the bits that the same weights in one vector give.
#[test]
fn frozen_weights_give_what_a_flat_vector_gives() {
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Q8_0] {
        let frozen = Frozen::new(model(dtype)).expect("a layout");
        let flat = files::flatten(frozen.layout(), frozen.weights()).expect("fits");
        for checkpoint in [false, true] {
            let options = Options { checkpoint, rows: 20, threads: Some(2), ..Options::default() };
            let mut numerics =
                <dyn Numerics>::new(wkv7_cpu::Path::Portable, frozen.layout(), &options).expect("numerics");
            let padded = Padded::new(samples().iter());
            let start: Vec<f32> = noise(2 * 32 * 16, 1).into_iter().map(|x| x as f32).collect();
            let (mut of_flat, mut of_frozen) = (vec![0.0; start.len()], vec![f32::NAN; start.len()]);
            let batch = padded.batch();
            let want = numerics.gradients(&flat, &start, batch, &mut [], &mut of_flat).expect("a batch");
            let got = numerics.frozen_gradients(&frozen, &start, batch, &mut of_frozen).expect("a batch");
            assert_eq!((got, &of_frozen), (want, &of_flat), "{dtype} {checkpoint}");
            assert!(of_flat.iter().any(|x| *x != 0.0));
            let want = numerics.evaluate(&flat, &start, batch).expect("a batch");
            assert_eq!(numerics.frozen_evaluate(&frozen, &start, batch).expect("a batch"), want);
        }
    }
}

#[test]
fn unequal_lengths_together_are_as_one_by_one() {
    let frozen = Frozen::new(model(Dtype::F32)).expect("a layout");
    let options = Options { l2_wrap: false, ..Options::default() };
    let mut numerics =
        <dyn Numerics>::new(wkv7_cpu::Path::Portable, frozen.layout(), &options).expect("numerics");
    let start: Vec<f32> = noise(2 * 32 * 16, 1).into_iter().map(|x| x as f32).collect();
    let samples = samples();
    let padded = Padded::new(samples.iter());
    let mut together = vec![0.0; start.len()];
    let whole = numerics.frozen_gradients(&frozen, &start, padded.batch(), &mut together).expect("a batch");
    let (mut loss, mut counted, mut sum) = (0.0, 0, vec![0.0; start.len()]);
    for sample in &samples {
        let (inputs, mut targets) = (&sample.tokens[..sample.fed()], sample.tokens[1..].to_vec());
        targets[..sample.learned_from.saturating_sub(1)].fill(crate::numerics::IGNORED);
        let mut alone = vec![0.0; start.len()];
        let batch = Batch { inputs, targets: &targets, tokens: inputs.len() };
        let score = numerics.frozen_gradients(&frozen, &start, batch, &mut alone).expect("a batch");
        loss += score.loss;
        counted += score.counted;
        sum.iter_mut().zip(&alone).for_each(|(sum, x)| *sum += f64::from(*x) * score.counted as f64);
    }
    assert_eq!(whole.counted, counted);
    assert!((whole.loss - loss).abs() < 1e-6 * loss, "{} against {loss}", whole.loss);
    for (got, want) in together.iter().zip(&sum) {
        let want = want / counted as f64;
        assert!((f64::from(*got) - want).abs() < 1e-7 + 1e-4 * want.abs(), "{got} against {want}");
    }
}
