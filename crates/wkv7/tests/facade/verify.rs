//! Verification: equal models agree, others do not, and the report says where.

use wkv7::core::Dtype;
use wkv7::{BackendChoice, Error, Model, Options, verify};
use wkv7_testkit::TinyModel;

use super::{bytes_model, words_model};

fn model(tiny: TinyModel, backend: &str) -> Model {
    let mut options = Options::default();
    options.backend = BackendChoice::Named(backend.to_owned());
    Model::from_weights(tiny.weights(), None, &options).expect("a model")
}

#[test]
fn a_model_agrees_with_itself() {
    let tokens: Vec<u32> = (0..20).collect();
    let report = verify(&bytes_model(), &bytes_model(), &tokens).expect("comparable");
    assert_eq!((report.max_error, report.relative_error, report.max_divergence), (0.0, 0.0, 0.0));
    assert_eq!((report.greedy_agreement, report.positions.len(), report.layers.len()), (1.0, 20, 2));
    assert!(report.layers.iter().all(|layer| layer.wkv == 0.0 && layer.att_shift == 0.0));
}

#[test]
fn the_cpu_agrees_with_the_reference_and_rounded_weights_less() {
    let tokens: Vec<u32> = (0..40).map(|n| n * 7 % 61).collect();
    let reference = model(TinyModel::default(), "reference");
    let exact = verify(&model(TinyModel::default(), "cpu"), &reference, &tokens).expect("comparable");
    // f32 arithmetic in another order.
    assert!(exact.relative_error < 1e-5 && exact.mean_divergence < 1e-9, "{exact}");
    assert!(exact.layers.iter().all(|layer| layer.wkv < 1e-5 && layer.ffn_shift < 1e-5), "{exact}");
    let rounded = model(TinyModel::default().in_dtype(Dtype::BF16), "cpu");
    let rounded = verify(&rounded, &reference, &tokens).expect("comparable");
    // bf16 keeps 8 bits: errors of some parts in a thousand, far above those of the order.
    assert!((1e-4..1e-1).contains(&rounded.relative_error), "{rounded}");
    assert!(rounded.mean_divergence > exact.mean_divergence);
    assert_ne!(rounded.candidate.fingerprint, rounded.reference.fingerprint);
    let text = rounded.to_string();
    assert!(text.contains("worst position") && text.contains("att_shift"), "{text}");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let error = verify(&bytes_model(), &words_model(), &[1]).expect_err("other sizes").to_string();
    assert!(error.contains("the vocabulary is 256 in the candidate, 61 in the reference"), "{error}");
    assert!(matches!(verify(&bytes_model(), &bytes_model(), &[]), Err(Error::Empty(_))));
}
