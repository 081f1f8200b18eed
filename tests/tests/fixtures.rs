//! Every model of the shared fixtures folder, in every file format, on every backend, against recorded logits
//! and states. Passes where the folder is absent, and says so.

use std::path::Path;

use wkv7_core::Dtype;
use wkv7_formats::Format;
use wkv7_testkit::{Golden, fixtures};
use wkv7_tests::Figures;

/// Opens `files` (model, expectation) of the fixtures, asks for `format`, and compares.
fn check(format: Format, files: &[(&str, &str)]) {
    let Some(folder) = fixtures() else { return };
    let mut figures = Figures::new();
    for (model, expected) in files {
        measure(&mut figures, &folder, format, model, expected);
    }
    figures.assert();
}

fn measure(figures: &mut Figures, folder: &Path, format: Format, model: &str, expected: &str) {
    let checkpoint = wkv7_formats::open(folder.join(model)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(checkpoint.format, format, "format of {model}");
    let weights = checkpoint.weights().unwrap_or_else(|error| panic!("{error}"));
    let golden = Golden::load(folder.join(format!("{expected}.expected.safetensors")));
    let golden = golden.unwrap_or_else(|error| panic!("{error}"));
    figures.measure(model, &weights, &golden).unwrap_or_else(|error| panic!("{model}: {error}"));
}

#[test]
fn official_safetensors() {
    check(
        Format::Safetensors,
        &[
            ("head64.safetensors", "head64"),
            ("odd-shapes.safetensors", "odd-shapes"),
            ("one-layer.safetensors", "one-layer"),
            ("wide-ffn.safetensors", "wide-ffn"),
            ("tiny-834k.safetensors", "tiny-834k"),
        ],
    );
}

#[test]
fn pth() {
    check(
        Format::Pth,
        &[
            ("tiny-834k.f32.pth", "tiny-834k"),
            ("tiny-834k.bf16.pth", "tiny-834k.bf16"),
            ("tiny-834k.f16.pth", "tiny-834k.f16"),
        ],
    );
}

#[test]
fn hugging_face_folder() {
    check(Format::HuggingFace, &[("tiny-834k-hf", "tiny-834k")]);
}

#[test]
fn web_rwkv() {
    check(Format::WebRwkv, &[("tiny-834k.web-rwkv.st", "tiny-834k.f16")]);
}

#[test]
fn rwkv_cpp() {
    check(
        Format::RwkvCpp,
        &[
            ("tiny-834k.rwkvcpp-f32.bin", "tiny-834k.rwkvcpp-f32"),
            ("tiny-834k.rwkvcpp-f16.bin", "tiny-834k.rwkvcpp-f16"),
            ("tiny-834k.rwkvcpp-q5_0.bin", "tiny-834k.rwkvcpp-q5_0"),
            ("tiny-834k.rwkvcpp-q5_1.bin", "tiny-834k.rwkvcpp-q5_1"),
        ],
    );
}

/// Every GGUF file of the folder whose name begins with `model`.
fn check_gguf(model: &str, count: usize) {
    let Some(folder) = fixtures() else { return };
    let folder = folder.join("gguf");
    let names =
        std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().expect("UTF-8")).collect();
    names.retain(|name| name.starts_with(model) && name.ends_with(".gguf"));
    names.sort();
    assert_eq!(names.len(), count, "{names:?}");
    let mut figures = Figures::new();
    for name in names {
        measure(&mut figures, &folder, Format::Gguf, &name, name.trim_end_matches(".gguf"));
    }
    figures.assert();
}

#[test]
fn gguf_of_a_random_model() {
    check_gguf("r256", 16);
}

#[test]
fn gguf_of_a_trained_model() {
    check_gguf("tiny-834k", 5);
}

/// The folder exercises every element type but F64, which only a `.pth` can hold.
#[test]
fn every_element_type_occurs() {
    let Some(folder) = fixtures() else { return };
    let mut found: Vec<Dtype> = Vec::new();
    for entry in std::fs::read_dir(folder.join("gguf")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "gguf") {
            let tensors = wkv7_formats::open(&path).unwrap_or_else(|error| panic!("{error}")).tensors;
            found.extend(tensors.iter().map(|(_, tensor)| tensor.dtype()));
        }
    }
    for dtype in Dtype::ALL.into_iter().filter(|&dtype| dtype != Dtype::F64) {
        assert!(found.contains(&dtype), "no file holds {dtype}");
    }
}
