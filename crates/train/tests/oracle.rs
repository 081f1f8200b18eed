//! Loss, gradients and twenty optimizer steps against recorded figures of independent float64 oracles.

use std::path::Path;

use safetensors::tensor::SafeTensors;
use wkv7_core::Recipe;
use wkv7_cpu::math::Double;
use wkv7_testkit::fixtures;
use wkv7_train::numerics::{Batch, Engine, Numerics, Options};
use wkv7_train::{AdamW, Layout, Moments, Trained, files};

/// Rounding of f32: 8.2e-7 measured at the worst tensor, `blocks.1.att.x_a`.
const F32: f64 = 2e-6;
/// The norms' `eps`, which a model states in f32: 2.2e-9 measured at the worst tensor.
const EPS: f64 = 5e-9;

/// The recorded figures.
struct Expected(Vec<u8>);

impl Expected {
    fn read(path: &Path) -> Self {
        Self(std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    fn get(&self, name: &str) -> Vec<f64> {
        let file = SafeTensors::deserialize(&self.0).expect("safetensors");
        let tensor = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        tensor.data().as_chunks::<8>().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect()
    }

    fn tokens(&self) -> Vec<u32> {
        let file = SafeTensors::deserialize(&self.0).expect("safetensors");
        let tensor = file.tensor("tokens").expect("tokens");
        tensor.data().as_chunks::<4>().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect()
    }
}

/// The norm of the difference over that of `want`.
fn relative(got: impl Iterator<Item = f64>, want: &[f64]) -> f64 {
    let (mut off, mut all, mut count) = (0.0, 0.0, 0);
    for (got, want) in got.zip(want) {
        off += (got - want).powi(2);
        all += want.powi(2);
        count += 1;
    }
    assert_eq!(count, want.len());
    (off / all).sqrt()
}

/// Sequence and targets of batch `number`: rows of 25 tokens, of which each but the last is fed.
fn batch(tokens: &[u32], number: usize) -> (Vec<u32>, Vec<u32>) {
    let rows = tokens[number * 50..(number + 1) * 50].chunks_exact(25);
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    rows.for_each(|row| {
        inputs.extend_from_slice(&row[..24]);
        targets.extend_from_slice(&row[1..]);
    });
    (inputs, targets)
}

struct Fixture {
    layout: Layout,
    parameters: Vec<f32>,
    expected: Expected,
    tokens: Vec<u32>,
}

fn fixture() -> Option<Fixture> {
    let folder = fixtures()?;
    let checkpoint = wkv7_formats::open(folder.join("train-small.safetensors")).expect("a checkpoint");
    let weights = checkpoint.weights().expect("weights");
    let layout = Layout::of(&weights).expect("a layout");
    let parameters = files::flatten(&layout, &weights).expect("its parameters");
    let expected = Expected::read(&folder.join("train-small.expected.safetensors"));
    let tokens = expected.tokens();
    assert_eq!(weights.config().recipe, Recipe::default());
    Some(Fixture { layout, parameters, expected, tokens })
}

fn options() -> Options {
    let mut options = Options::default();
    options.threads = Some(2);
    options
}

#[test]
fn every_gradient_is_the_oracle_s() {
    let Some(Fixture { layout, parameters, expected, tokens }) = fixture() else { return };
    let (inputs, targets) = batch(&tokens, 0);
    let batch = Batch { inputs: &inputs, targets: &targets, tokens: 24 };
    let path = wkv7_cpu::Path::choose().expect("a path");
    let mut engine = <dyn Numerics>::new(path, &layout, &options()).expect("an engine");
    let mut gradients = layout.zeros();
    let score = engine.gradients(&parameters, &[], batch, &mut gradients, &mut []).expect("a batch");
    let loss = expected.get("loss")[0];
    assert!((score.mean() - loss).abs() < 1e-6 * loss, "loss {} against {loss}", score.mean());
    let mut worst = (0.0, "");
    for entry in layout.entries() {
        let want = expected.get(&format!("grad.{}", entry.name));
        let off = relative(gradients[entry.range.clone()].iter().map(|x| f64::from(*x)), &want);
        worst = if off > worst.0 { (off, &entry.name) } else { worst };
    }
    println!("worst gradient in f32: {:.2e}, {}", worst.0, worst.1);
    assert!(worst.0 < F32, "{worst:?}");
    // The same lines in f64.
    let mut engine = Engine::new(Double, &layout, &options()).expect("an engine");
    let wide: Vec<f64> = parameters.iter().map(|x| f64::from(*x)).collect();
    let mut gradients = vec![0.0; layout.len()];
    engine.gradients(&wide, &[], batch, &mut gradients, &mut []).expect("a batch");
    let mut worst: f64 = 0.0;
    for entry in layout.entries() {
        let want = expected.get(&format!("grad.{}", entry.name));
        worst = worst.max(relative(gradients[entry.range.clone()].iter().copied(), &want));
    }
    println!("worst gradient in f64: {worst:.2e}");
    assert!(worst < EPS, "{worst:.2e} in f64");
}

#[test]
fn the_start_s_gradient_is_the_oracle_s() {
    let Some(Fixture { layout, parameters, expected, tokens }) = fixture() else { return };
    let (inputs, targets) = batch(&tokens, 0);
    let batch = Batch { inputs: &inputs, targets: &targets, tokens: 24 };
    let path = wkv7_cpu::Path::choose().expect("a path");
    let mut plain = options();
    plain.l2_wrap = false;
    let mut engine = <dyn Numerics>::new(path, &layout, &plain).expect("an engine");
    let start: Vec<f32> = expected.get("init_state").iter().map(|x| *x as f32).collect();
    let mut d_start = vec![0.0; start.len()];
    let score = engine.gradients(&parameters, &start, batch, &mut [], &mut d_start).expect("a batch");
    let loss = expected.get("init_state.loss")[0];
    assert!((score.mean() - loss).abs() < 1e-6 * loss, "loss {} against {loss}", score.mean());
    let off = relative(d_start.iter().map(|x| f64::from(*x)), &expected.get("grad.init_state"));
    println!("gradient of the start in f32: {off:.2e}");
    assert!(off < F32, "{off:.2e}");
}

#[test]
fn twenty_steps_are_the_oracle_s() {
    let Some(Fixture { layout, mut parameters, expected, tokens }) = fixture() else { return };
    let path = wkv7_cpu::Path::choose().expect("a path");
    let mut engine = <dyn Numerics>::new(path, &layout, &options()).expect("an engine");
    let optimizer = AdamW { weight_decay: 0.1, max_norm: f64::INFINITY, ..AdamW::default() };
    let (trained, mut moments) = (Trained::all(&layout), Moments::new(&layout));
    let (mut gradients, losses) = (layout.zeros(), expected.get("adamw.losses"));
    let mut worst: f64 = 0.0;
    for (number, want) in losses.iter().enumerate() {
        let (inputs, targets) = batch(&tokens, number + 1);
        let batch = Batch { inputs: &inputs, targets: &targets, tokens: 24 };
        let score = engine.gradients(&parameters, &[], batch, &mut gradients, &mut []).expect("a batch");
        worst = worst.max((score.mean() - want).abs() / want);
        optimizer.step(&trained, 1e-3, &mut parameters, &mut gradients, &mut moments).expect("a step");
    }
    println!("worst of twenty losses: {worst:.2e}");
    assert!(worst < 1e-5, "{worst:.2e}");
    for name in ["blocks.0.att.receptance.weight", "blocks.1.att.k_a", "blocks.1.att.w0", "head.weight"] {
        let entry = layout.get(name).expect(name);
        let want = expected.get(&format!("adamw.final.{name}"));
        let off = relative(parameters[entry.range.clone()].iter().map(|x| f64::from(*x)), &want);
        println!("{name} after twenty steps: {off:.2e}");
        assert!(off < 1e-4, "{name}: {off:.2e}");
    }
}
