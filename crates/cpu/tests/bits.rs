//! Results do not depend, to the bit, on chunks, neighbours or threads.

use wkv7_core::{Backend, Batch, Dtype, LoadOptions, Model, Outputs, Ranks, State, Step, Want, Weights};
use wkv7_cpu::{Cpu, Path};
use wkv7_testkit::{TinyModel, play};

/// Odd sizes, so that no loop comes out even.
fn odd() -> TinyModel {
    TinyModel {
        channels: 60,
        head_size: 20,
        ffn: 151,
        vocab: 47,
        ranks: vec![Ranks { decay: 5, rate: 7, value: 3, gate: 11 }],
        ..TinyModel::default()
    }
}

/// Models, and whether to load them without approximations. They have bf16 matrices of odd sizes at most, which every path adds
/// up in one order.
fn models() -> Vec<(Weights, bool)> {
    let turned = TinyModel { thin_transposed: true, ..odd() };
    let plain = [odd(), odd().in_dtype(Dtype::BF16), turned].map(|model| (model, false));
    let blocks =
        [Dtype::Q8_0, Dtype::Q5_1, Dtype::Q4K, Dtype::Q6K].map(|dtype| (TinyModel::of(dtype), false));
    let mixed = TinyModel { tables: Dtype::Q6K, thin: Dtype::Q8_0, ..TinyModel::of(Dtype::Q4_0) };
    let others = [(mixed, false), (TinyModel::of(Dtype::Q4K), true)];
    let models = plain.into_iter().chain(blocks).chain(others);
    models.map(|(model, exact)| (model.weights(), exact)).collect()
}

/// Those and one whose bf16 matrices are multiplied in tiles where the machine does that.
fn all_models() -> Vec<(Weights, bool)> {
    let tiles = [false, true].map(|exact| (TinyModel::of(Dtype::BF16).weights(), exact));
    models().into_iter().chain(tiles).collect()
}

fn load(weights: &Weights, path: Path, threads: usize, exact: bool) -> Box<dyn Model> {
    let mut options = LoadOptions::default();
    options.threads = Some(threads);
    options.exact = exact;
    Cpu::with_path(path).load(weights, &options).expect("loads")
}

fn tokens(count: u32) -> Vec<u32> {
    (0..count).map(|n| (n * n * 7 + 3) % 47).collect()
}

fn available() -> impl Iterator<Item = Path> {
    Path::ALL.into_iter().filter(|path| path.is_available())
}

#[test]
fn chunks_and_threads_change_no_bit() {
    for (weights, exact) in all_models() {
        for path in available() {
            let want = play(&mut *load(&weights, path, 1, exact), &tokens(41), 1).expect("plays");
            // More threads than cores take long to meet.
            let all = [1, 2, 3, 5, 16, 41];
            for (threads, chunks) in [(1, &all[1..]), (2, &all), (3, &[1, 16])] {
                let mut model = load(&weights, path, threads, exact);
                for &chunk in chunks {
                    let got = play(&mut *model, &tokens(41), chunk).expect("plays");
                    assert!(
                        got.logits == want.logits,
                        "logits: {path}, {threads} threads, chunks of {chunk}"
                    );
                    assert!(got.state == want.state, "state: {path}, {threads} threads, chunks of {chunk}");
                }
            }
        }
    }
}

/// One batch of sequences of the given lengths; the logits and states of each.
fn together(model: &mut dyn Model, sequences: &[Vec<u32>]) -> Vec<(Vec<f32>, State)> {
    let vocab = model.info().config.vocab;
    let mut slots: Vec<_> = sequences.iter().map(|_| model.open_slot().expect("free")).collect();
    let steps = slots.iter_mut().zip(sequences);
    let steps = steps.map(|(slot, tokens)| Step::new(slot, tokens, Want::All)).collect();
    let batch = Batch::new(model.info(), steps).expect("valid");
    let mut outputs = Outputs::new();
    model.forward(&batch, &mut outputs).expect("runs");
    let mut logits = outputs.logits.as_slice();
    let each = slots.into_iter().zip(sequences).map(|(slot, tokens)| {
        let own = logits.split_off(..tokens.len() * vocab).expect("rows of every token").to_vec();
        let state = model.read_state(&slot).expect("own slot");
        model.close_slot(slot);
        (own, state)
    });
    each.collect()
}

/// Sequences of these lengths get together what they get alone.
fn check_neighbours(lengths: &[u32]) {
    let sequences: Vec<Vec<u32>> = lengths.iter().copied().map(tokens).collect();
    for (weights, exact) in all_models() {
        for path in available() {
            let mut model = load(&weights, path, 2, exact);
            let got = together(&mut *model, &sequences);
            for (tokens, (logits, state)) in sequences.iter().zip(&got) {
                let alone = play(&mut *model, tokens, tokens.len()).expect("plays");
                assert!(*logits == alone.logits && *state == alone.state, "{path}, {} tokens", tokens.len());
            }
        }
    }
}

#[test]
fn neighbours_change_no_bit() {
    check_neighbours(&[1, 0, 9, 2, 1, 30]);
}

#[test]
fn long_sequences_change_no_bit_of_each_other() {
    check_neighbours(&[45, 0, 1, 60]);
}

#[test]
fn paths_that_fuse_multiplication_and_addition_agree_to_the_bit() {
    for (weights, exact) in models() {
        let mut played = available().filter(|path| *path != Path::Portable).map(|path| {
            // So many that two threads put sixteen lanes each.
            let played = play(&mut *load(&weights, path, 2, exact), &tokens(41), 28).expect("plays");
            (path, played)
        });
        let Some((_, first)) = played.next() else { return };
        for (path, other) in played {
            assert!(other.logits == first.logits && other.state == first.state, "{path}");
        }
    }
}
