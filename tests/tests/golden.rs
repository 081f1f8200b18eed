//! The project's own golden data, on every backend: logits after every token and the state.

use wkv7_core::Weights;
use wkv7_testkit::golden::golden_folder;
use wkv7_testkit::{Golden, formula};
use wkv7_tests::Figures;

fn stored(name: &str) -> Weights {
    let path = golden_folder().join(format!("{name}.safetensors"));
    wkv7_formats::open(path).expect("opens").weights().expect("is a model")
}

fn check(name: &str, weights: &Weights) {
    let golden = Golden::load(golden_folder().join(format!("{name}.expected.safetensors"))).expect("loads");
    assert!(golden.state.is_some(), "golden data of our own has the state");
    let mut figures = Figures::new();
    figures.measure(name, weights, &golden).expect("runs");
    figures.assert();
}

#[test]
fn weights_by_rule() {
    check("formula", &formula::weights().expect("consistent"));
}

/// Heads of 16, uneven ranks, no value residual in the first layer.
#[test]
fn narrow_model() {
    let weights = stored("narrow");
    assert_eq!((weights.config().heads, weights.config().head_size), (3, 16));
    check("narrow", &weights);
}

/// One head of 64, bf16, as checkpoints are published.
#[test]
fn wide_model() {
    let weights = stored("wide");
    assert_eq!(weights.head.dtype(), wkv7_core::Dtype::BF16);
    check("wide", &weights);
}
