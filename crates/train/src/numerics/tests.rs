//! The whole model against finite differences and against itself.

use wkv7_core::{Config, Ranks, Recipe};
use wkv7_cpu::Path;
use wkv7_cpu::math::{Double, Number};

use super::*;
use crate::layout::Layout;

/// Calls a generic function with the f32 arithmetic of every path of this machine.
macro_rules! on_every_path {
    ($function:ident) => {{
        struct Check;
        impl wkv7_cpu::math::WithMath for Check {
            type Out = ();
            fn with<M: wkv7_cpu::math::Math<Number = f32>>(self, math: M) {
                $function(math);
            }
        }
        for path in wkv7_cpu::Path::ALL {
            if path == wkv7_cpu::Path::Avx512Vnni {
                continue; // the same f32 arithmetic as the one before
            }
            if path.is_available() {
                path.with_math(wkv7_cpu::math::Precision::F32, Check).expect("available");
            }
        }
    }};
}
pub(crate) use on_every_path;

/// `len` numbers between -1 and 1 that look like noise.
pub(crate) fn noise<R: Number>(len: usize, seed: u64) -> Vec<R> {
    let mut random = wkv7_testkit::Random::new(seed);
    (0..len).map(|_| R::of(random.between(-1.0, 1.0))).collect()
}

/// The norm of the difference over that of `want`.
pub(crate) fn relative<R: Number>(got: &[R], want: &[R]) -> f64 {
    assert_eq!(got.len(), want.len());
    let square = |x: f64| x * x;
    let off: f64 = got.iter().zip(want).map(|(got, want)| square(got.wide() - want.wide())).sum();
    let all: f64 = want.iter().map(|want| square(want.wide())).sum();
    if off == 0.0 { 0.0 } else { (off / all.max(1e-300)).sqrt() }
}

/// A small model of odd sizes; `rank` widths differ from each other.
fn config(layers: usize, head_size: usize, heads: usize) -> Config {
    let ranks = Ranks { decay: 5, rate: 4, value: 3, gate: 6 };
    let ranks = (0..layers).map(|layer| Ranks { value: if layer == 0 { 0 } else { 3 }, ..ranks }).collect();
    let recipe = Recipe::default();
    let channels = heads * head_size;
    Config { layers, channels, heads, head_size, ffn: 2 * channels + 3, vocab: 13, ranks, recipe }
}

/// Parameters as a trained model might have them: nothing at zero, norms near one.
fn parameters<R: Number>(layout: &Layout, seed: u64) -> Vec<R> {
    let mut numbers = vec![R::default(); layout.len()];
    for (number, entry) in layout.entries().iter().enumerate() {
        let name = entry.name.as_str();
        let scale = match name {
            _ if name.ends_with("w0") => 3.0,
            _ if name.contains("ln") && name.ends_with("weight") || name.contains("k_") => 0.3,
            "emb.weight" => 1.0,
            _ => 0.4,
        };
        let middle = if name.contains("ln") && name.ends_with("weight") || name.contains("k_") {
            1.0
        } else if name.contains(".x_") {
            0.5
        } else {
            0.0
        };
        let values = noise::<R>(entry.range.len(), seed * 1000 + number as u64);
        for (to, x) in numbers[entry.range.clone()].iter_mut().zip(values) {
            *to = R::of(middle + scale * x.wide());
        }
    }
    numbers
}

/// Two batches' worth of tokens and targets, some of which do not count.
fn tokens(sequences: usize, tokens: usize) -> (Vec<u32>, Vec<u32>) {
    let all = wkv7_testkit::Random::new(7).tokens(sequences * (tokens + 1), 13);
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for row in all.chunks(tokens + 1) {
        inputs.extend_from_slice(&row[..tokens]);
        targets.extend_from_slice(&row[1..]);
    }
    targets[3] = IGNORED;
    (inputs, targets)
}

/// The loss that gradients are of: the mean with what L2Wrap stands for left out.
fn loss(engine: &mut Engine<Double>, parameters: &[f64], start: &[f64], batch: Batch<'_>) -> f64 {
    engine.evaluate(parameters, start, batch).expect("a batch").0.mean()
}

#[test]
fn every_gradient_is_what_finite_differences_say() {
    for (mut shape, rate_range) in [(config(2, 16, 2), 1.0), (config(3, 32, 1), 2.0)] {
        shape.recipe.rate_range = rate_range;
        let layout = Layout::new(&shape, false).expect("sizes");
        let options = Options { chunk: 4, l2_wrap: false, threads: Some(2), ..Options::default() };
        let mut engine = Engine::new(Double, &layout, &options).expect("an engine");
        let (inputs, targets) = tokens(2, 11);
        let batch = Batch { inputs: &inputs, targets: &targets, tokens: 11 };
        let parameters = parameters::<f64>(&layout, 3);
        let start: Vec<f64> = noise(shape.layers * shape.channels * shape.head_size, 5);
        let (mut gradients, mut d_start) = (vec![0.0; layout.len()], vec![0.0; start.len()]);
        engine.gradients(&parameters, &start, batch, &mut gradients, &mut d_start).expect("a batch");
        let step = 1e-6;
        let mut random = wkv7_testkit::Random::new(11);
        for entry in layout.entries() {
            // Along a random direction in which every number of the tensor takes part, and along one of its numbers.
            let one = random.below(entry.range.len());
            let directions = [noise(entry.range.len(), one as u64), {
                let mut only = vec![0.0; entry.range.len()];
                only[one] = 1.0;
                only
            }];
            for direction in directions {
                let mut moved = |by: f64| {
                    let mut moved = parameters.clone();
                    moved[entry.range.clone()].iter_mut().zip(&direction).for_each(|(x, d)| *x += by * d);
                    loss(&mut engine, &moved, &start, batch)
                };
                let want = (moved(step) - moved(-step)) / (2.0 * step);
                let got: f64 =
                    gradients[entry.range.clone()].iter().zip(&direction).map(|(g, d)| g * d).sum();
                assert!(
                    (got - want).abs() < 1e-8 + 1e-5 * want.abs(),
                    "{}: {got} against {want}",
                    entry.name
                );
            }
        }
        for number in 0..20 {
            let at = start.len() * number / 20 + number;
            let mut moved = |by: f64| {
                let mut moved = start.clone();
                moved[at] += by;
                loss(&mut engine, &parameters, &moved, batch)
            };
            let want = (moved(step) - moved(-step)) / (2.0 * step);
            assert!(
                (d_start[at] - want).abs() < 1e-8 + 1e-5 * want.abs(),
                "start {at}: {} against {want}",
                d_start[at]
            );
        }
    }
}

/// Rounding of f32 in sums that are made in another order: 3e-7 measured.
const ORDER: f64 = 2e-6;

/// Score and gradients, of parameters and of the start, in f32.
fn run(path: Path, options: &Options) -> (Score, Vec<f32>, Vec<f32>) {
    let shape = config(3, 32, 2);
    let layout = Layout::new(&shape, true).expect("sizes");
    let mut engine = <dyn Numerics>::new(path, &layout, options).expect("an engine");
    let (inputs, targets) = tokens(5, 45);
    let batch = Batch { inputs: &inputs, targets: &targets, tokens: 45 };
    let parameters = parameters::<f32>(&layout, 3);
    let start: Vec<f32> = noise(shape.layers * shape.channels * shape.head_size, 5);
    let (mut gradients, mut d_start) = (layout.zeros(), vec![0.0; start.len()]);
    let score = engine.gradients(&parameters, &start, batch, &mut gradients, &mut d_start).expect("a batch");
    let (evaluated, best) = engine.evaluate(&parameters, &start, batch).expect("a batch");
    assert_eq!((score, best.len()), (evaluated, inputs.len()), "the score does not depend on the way back");
    (score, gradients, d_start)
}

#[test]
fn threads_checkpoints_and_chunks_change_no_bit() {
    let path = Path::choose().expect("a path");
    // Three groups in two lanes.
    let plain = Options { threads: Some(1), rows: 90, ..Options::default() };
    let want = run(path, &plain);
    assert_eq!(run(path, &Options { threads: Some(2), ..plain.clone() }), want, "two threads");
    assert_eq!(run(path, &Options { threads: Some(5), ..plain.clone() }), want, "five threads");
    assert_eq!(run(path, &Options { checkpoint: true, ..plain.clone() }), want, "checkpoints");
    for chunk in [1, 3, 45, 64] {
        let (score, gradients, d_start) = run(path, &Options { chunk, ..plain.clone() });
        // Replayed by value, a state is summed in the order in which it was made by key.
        assert_eq!(score, want.0, "chunks of {chunk}");
        assert_eq!(relative(&gradients, &want.1), 0.0, "chunks of {chunk}");
        assert_eq!(relative(&d_start, &want.2), 0.0, "chunks of {chunk}");
    }
}

#[test]
fn groups_and_instruction_sets_change_the_order_of_sums_alone() {
    let plain = Options { threads: Some(2), ..Options::default() };
    let want = run(Path::Portable, &plain);
    for path in [Path::Avx2, Path::Avx512].into_iter().filter(|path| path.is_available()) {
        let got = run(path, &plain);
        let off = [relative(&got.1, &want.1), relative(&got.2, &want.2)];
        println!("{path}: {off:?}");
        assert!(off.iter().all(|off| *off < ORDER), "{path}: {off:?}");
    }
    for (rows, lanes) in [(1, 2), (45, 1), (45, 3), (100, 1)] {
        let got = run(Path::Portable, &Options { rows, lanes, ..plain.clone() });
        let off = [relative(&got.1, &want.1), relative(&got.2, &want.2)];
        println!("{rows} rows, {lanes} lanes: {off:?}");
        assert!(off.iter().all(|off| *off < ORDER), "{rows} rows, {lanes} lanes: {off:?}");
    }
}

/// Factors rounded to bf16, 8 significant bits: 7.3e-3 measured.
const BF16: f64 = 1.5e-2;

#[test]
fn factors_in_bf16_cost_their_rounding_and_depend_on_nothing_else() {
    let path = Path::choose().expect("a path");
    let exact = Options { threads: Some(2), rows: 90, ..Options::default() };
    let plain = Options { precision: Precision::Bf16, ..exact.clone() };
    let (want, exact) = (run(path, &plain), run(path, &exact));
    let off = [relative(&want.1, &exact.1), relative(&want.2, &exact.2)];
    println!("{path}: {off:?}");
    assert!(off.iter().all(|off| *off < BF16), "{off:?}");
    assert!(path == Path::Amx || off.iter().all(|off| *off > 1e-4), "products were f32: {off:?}");
    assert_eq!(run(path, &Options { threads: Some(5), ..plain.clone() }), want, "five threads");
    assert_eq!(run(path, &Options { checkpoint: true, ..plain.clone() }), want, "checkpoints");
    for other in Path::ALL.into_iter().filter(|path| path.is_available() && *path != Path::Amx) {
        let got = run(other, &plain);
        let off = [relative(&got.1, &exact.1), relative(&got.2, &exact.2)];
        assert!(off.iter().all(|off| *off < BF16), "{other}: {off:?}");
    }
}

#[test]
fn what_no_model_can_take_is_refused() {
    let layout = Layout::new(&config(1, 16, 1), false).expect("sizes");
    let path = Path::choose().expect("a path");
    let mut engine = <dyn Numerics>::new(path, &layout, &Options::default()).expect("an engine");
    let parameters = layout.zeros();
    let mut refused = |inputs: &[u32], targets: &[u32], tokens, parameters: &[f32]| {
        let batch = Batch { inputs, targets, tokens };
        engine.evaluate(parameters, &[], batch).expect_err("refused").to_string()
    };
    assert_eq!(
        refused(&[1, 2, 13], &[1, 2, 3], 3, &parameters),
        "no batch for this model: token 13, but the vocabulary has 13"
    );
    assert_eq!(
        refused(&[1, 2], &[1, 99], 2, &parameters),
        "no batch for this model: token 99, but the vocabulary has 13"
    );
    assert_eq!(
        refused(&[1, 2], &[1], 2, &parameters),
        "no batch for this model: 2 inputs and 1 targets in sequences of 2"
    );
    assert_eq!(
        refused(&[], &[], 0, &parameters),
        "no batch for this model: 0 inputs and 0 targets in sequences of 0"
    );
    assert!(refused(&[1], &[1], 1, &[0.0; 3]).contains("parameters hold 3 numbers"));
    let odd = Layout::new(&config(1, 24, 1), false).expect("sizes");
    let Err(error) = <dyn Numerics>::new(path, &odd, &Options::default()) else { panic!("refused") };
    assert!(error.to_string().contains("heads of 24 channels"), "{error}");
}
