//! Every form of the trained toy model opens to the same tensors.

use crate::support::{assert_same, fixture, open};
use half::{bf16, f16};
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
