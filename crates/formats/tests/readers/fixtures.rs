//! Every form of the trained toy model opens to the same tensors.

use crate::support::{assert_same, fixture, open};
use half::{bf16, f16};
use wkv7_core::Dtype;
use wkv7_formats::Format;

fn exact(x: f32) -> f32 {
    x
}

fn through_f16(x: f32) -> f32 {
    f16::from_f32(x).to_f32()
}

fn through_bf16(x: f32) -> f32 {
    bf16::from_f32(x).to_f32()
}

/// Opens fixture `name` and compares it with the official safetensors file, rounded.
fn check(name: &str, format: Format, round: fn(f32) -> f32) {
    let (Some(official), Some(path)) = (fixture("tiny-834k.safetensors"), fixture(name)) else { return };
    let found = open(path);
    assert_eq!(found.format, format);
    assert_same(&found.tensors, &open(official).tensors, round);
    found.weights().unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn safetensors() {
    check("tiny-834k.safetensors", Format::Safetensors, exact);
}

#[test]
fn web_rwkv() {
    check("tiny-834k.web-rwkv.st", Format::WebRwkv, through_f16);
}

#[test]
fn hugging_face_folder() {
    check("tiny-834k-hf", Format::HuggingFace, exact);
}

#[test]
fn equal_weights_have_one_fingerprint_in_every_form() {
    let fingerprint = |name| Some(open(fixture(name)?).weights().expect("complete").fingerprint());
    let official = fingerprint("tiny-834k.safetensors");
    for name in ["tiny-834k-hf", "tiny-834k.f32.pth", "tiny-834k.rwkvcpp-f32.bin"] {
        assert_eq!(fingerprint(name), official, "{name}");
    }
    assert_eq!(fingerprint("tiny-834k.f16.pth"), fingerprint("tiny-834k.web-rwkv.st"));
}

#[test]
fn odd_models() {
    for name in ["head64", "odd-shapes", "one-layer", "wide-ffn", "train-small"] {
        let Some(path) = fixture(&format!("{name}.safetensors")) else { return };
        let checkpoint = open(path);
        assert_eq!(checkpoint.format, Format::Safetensors, "{name}");
        checkpoint.weights().unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn torch_archives() {
    check("tiny-834k.f32.pth", Format::Pth, exact);
    check("tiny-834k.f16.pth", Format::Pth, through_f16);
    check("tiny-834k.bf16.pth", Format::Pth, through_bf16);
}

#[test]
fn rwkv_cpp() {
    check("tiny-834k.rwkvcpp-f32.bin", Format::RwkvCpp, exact);
    for (name, block) in [("f16", Dtype::F16), ("q5_0", Dtype::Q5_0), ("q5_1", Dtype::Q5_1)] {
        let Some(path) = fixture(&format!("tiny-834k.rwkvcpp-{name}.bin")) else { return };
        let checkpoint = open(path);
        let key = checkpoint.tensors.get("blocks.3.ffn.key.weight").expect("present");
        assert_eq!(key.dtype(), block);
        let weights = checkpoint.weights().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(weights.layers[0].time_mix.x_w.dtype(), Dtype::F32);
    }
}

/// In the f16 file the vectors stay f32, so each tensor rounds or not by its own element type.
#[test]
fn rwkv_cpp_rounds_only_matrices() {
    let paths = (fixture("tiny-834k.safetensors"), fixture("tiny-834k.rwkvcpp-f16.bin"));
    let (Some(official), Some(path)) = paths else { return };
    let (official, found) = (open(official).tensors, open(path).tensors);
    for (name, tensor) in found.iter() {
        let round = if tensor.dtype() == Dtype::F16 { through_f16 } else { exact };
        let want: Vec<f32> =
            official.get(name).expect("same names").to_f32().into_iter().map(round).collect();
        assert_eq!(tensor.to_f32(), want, "{name}");
    }
    assert_eq!(found.len(), official.len());
}

#[test]
fn the_legacy_container_is_refused_with_the_way_out() {
    let Some(path) = fixture("tiny-834k.legacy.pth") else { return };
    let error = wkv7_formats::open(path).expect_err("legacy").to_string();
    assert!(error.contains("before 1.6") && error.contains("torch.save"), "{error}");
}
