//! Adapters, added when a model is opened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wkv7::adapters::merge;
use wkv7::formats::convert::{Numbers, Target, write_numbers};
use wkv7::{Adapter, Dtype, Model, Options};
use wkv7_testkit::TinyModel;

/// Tensors of these names and shapes, all numbers as `value` has them by place, as a safetensors file.
fn written(folder: &Path, tensors: &[(&str, [usize; 2])], alpha: Option<&str>) -> PathBuf {
    let path = folder.join("adapter.safetensors");
    let value = |n: usize| (n % 7) as f32 / 8.0 - 0.25;
    let values: Vec<Vec<f32>> =
        tensors.iter().map(|(_, shape)| (0..shape[0] * shape[1]).map(value).collect()).collect();
    let all: Vec<Numbers<'_>> =
        tensors.iter().zip(&values).map(|((name, shape), values)| Numbers { name, shape, values }).collect();
    let facts: BTreeMap<String, String> =
        alpha.map(|alpha| ("alpha".to_owned(), alpha.to_owned())).into_iter().collect();
    write_numbers(&all, &path, Target::Safetensors, Dtype::F32, &facts, &mut |_, _| true).expect("written");
    path
}

fn tiny(matrices: Dtype) -> TinyModel {
    TinyModel { channels: 32, head_size: 16, ffn: 64, vocab: 256, matrices, ..TinyModel::default() }
}

#[test]
fn an_adapter_is_added_to_its_matrix_and_to_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = [("blocks.1.ffn.key.lora_A", [2, 32]), ("model.blocks.1.ffn.key.lora_B", [64, 2])];
    let path = written(folder.path(), &pair, Some("3"));
    let said = Adapter { path: path.clone(), alpha: None };
    let kept = [
        (Dtype::F32, Dtype::F32),
        (Dtype::F16, Dtype::F16),
        (Dtype::BF16, Dtype::BF16),
        (Dtype::Q8_0, Dtype::BF16),
    ];
    for (dtype, becomes) in kept {
        let tensors = tiny(dtype).tensors();
        let merged = merge(&tensors, std::slice::from_ref(&said)).expect("fits");
        let file = wkv7::formats::open_tensors(&path).expect("reads").tensors;
        let [a, b] = pair.map(|(name, _)| file.get(name).expect("there").to_f32());
        for (name, before) in tensors.iter() {
            let after = merged.get(name).expect("kept");
            if name != "blocks.1.ffn.key.weight" {
                assert_eq!((after.dtype(), after.to_f32()), (before.dtype(), before.to_f32()), "{name}");
                continue;
            }
            assert_eq!((after.dtype(), after.shape()), (becomes, before.shape()));
            for row in 0..64 {
                for column in 0..32 {
                    let change: f32 = (0..2).map(|r| 1.5 * b[row * 2 + r] * a[r * 32 + column]).sum();
                    let (want, got) = (before.at(row, column) + change, after.at(row, column));
                    let bound = if becomes == Dtype::F32 { 1e-6 } else { 1.0 / 256.0 };
                    assert!((got - want).abs() <= bound * want.abs().max(0.1), "{dtype}: {got} for {want}");
                }
            }
        }
    }
}

#[test]
fn opening_with_an_adapter_is_opening_what_was_merged() {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = [("blocks.0.att.value.lora_A", [3, 32]), ("blocks.0.att.value.lora_B", [32, 3])];
    let path = written(folder.path(), &pair, None);
    let weights = tiny(Dtype::F16).weights();
    let mut options = Options::default();
    options.adapters = vec![Adapter { path, alpha: Some(6.0) }];
    let opened = Model::from_weights(weights.clone(), None, &options).expect("fits");
    let merged = merge(weights.tensors(), &options.adapters).expect("fits");
    let merged = wkv7::Weights::new(merged, weights.config().recipe).expect("a model");
    assert_eq!(opened.info().fingerprint, merged.fingerprint());
    assert_ne!(opened.info().fingerprint, weights.fingerprint());
    let merged = Model::from_weights(merged, None, &Options::default()).expect("a model");
    let logits = |model: &Model| {
        let mut session = model.session().expect("a slot");
        session.feed(&[1, 2, 3]).expect("tokens");
        session.logits().expect("fed").to_vec()
    };
    assert_eq!(logits(&opened), logits(&merged));
}

#[test]
fn what_is_no_adapter_of_the_model_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let tensors = tiny(Dtype::F32).tensors();
    let refused = |pair: &[(&str, [usize; 2])], alpha| {
        let path = written(folder.path(), pair, alpha);
        merge(&tensors, &[Adapter { path, alpha: None }]).expect_err("refused").to_string()
    };
    let pair = [("blocks.0.att.key.lora_A", [2, 32]), ("blocks.0.att.key.lora_B", [32, 2])];
    assert!(refused(&pair, None).contains("adapter.safetensors: the file does not say its alpha"));
    assert!(refused(&pair, Some("much")).contains("found \"much\""));
    assert!(refused(&pair, Some("inf")).contains("expected a finite number"));
    assert!(refused(&pair[..1], Some("1")).contains("`blocks.0.att.key.lora_B` is missing"));
    assert!(refused(&[("blocks.0.att.w1.lora_A", [2, 2])], Some("1")).contains("no part of an adapter"));
    assert!(refused(&[("lora_A", [2, 2])], Some("1")).contains("no part of an adapter"));
    let deep = [("blocks.9.att.key.lora_A", [2, 32]), ("blocks.9.att.key.lora_B", [32, 2])];
    assert!(refused(&deep, Some("1")).contains("the model has no tensor `blocks.9.att.key.weight`"));
    let wide = [pair[0], ("blocks.0.att.key.lora_B", [32, 3])];
    assert!(refused(&wide, Some("1")).contains("expected [rank, 32] and [32, rank]"));
}

#[test]
fn names_carry_an_alpha() {
    let read = |text: &str| text.parse::<Adapter>().expect("any text");
    assert_eq!(read("a.pth:64"), Adapter { path: "a.pth".into(), alpha: Some(64.0) });
    assert_eq!(read("a.pth"), Adapter { path: "a.pth".into(), alpha: None });
    assert_eq!(read("C:a.pth"), Adapter { path: "C:a.pth".into(), alpha: None });
    assert_eq!(read("a.pth:64").to_string(), "a.pth:64");
}
