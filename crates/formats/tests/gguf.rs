//! GGUF files against recorded logits: every block type, read and run by the reference backend.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use wkv7_core::{Backend as _, Batch, LoadOptions, Outputs, Reference, Step, Want};
use wkv7_formats::{Format, open};

/// f32 against a float64 oracle over the same dequantised weights: rounding alone.
const F32_ROUNDING: f64 = 1e-5;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures")
}

fn models() -> Vec<PathBuf> {
    let Ok(folder) = std::fs::read_dir(fixtures().join("gguf")) else {
        println!("skipped: no shared fixtures folder");
        return Vec::new();
    };
    let mut models: Vec<PathBuf> = folder
        .map(|entry| entry.expect("readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gguf"))
        .collect();
    models.sort();
    models
}

fn numbers<const N: usize, T>(file: &SafeTensors<'_>, name: &str, read: impl Fn([u8; N]) -> T) -> Vec<T> {
    let tensor = file.tensor(name).expect("recorded");
    tensor.data().as_chunks::<N>().0.iter().map(|&bytes| read(bytes)).collect()
}

fn distance(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let square = |x: f64| x * x;
    let error: f64 = got.iter().zip(want).map(|(&g, &w)| square(f64::from(g) - f64::from(w))).sum();
    let norm: f64 = want.iter().map(|&w| square(f64::from(w))).sum();
    (error / norm).sqrt()
}

#[test]
fn every_type_gives_the_recorded_logits() {
    for path in models() {
        let checkpoint = open(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(checkpoint.format, Format::Gguf);
        let weights = checkpoint.weights().unwrap_or_else(|error| panic!("{error}"));
        let recorded = std::fs::read(path.with_extension("expected.safetensors")).expect("recorded logits");
        let recorded = SafeTensors::deserialize(&recorded).expect("safetensors");
        let tokens = numbers(&recorded, "tokens", |bytes| i32::from_le_bytes(bytes) as u32);
        let logits = numbers(&recorded, "logits", f32::from_le_bytes);
        let mut model = Reference.load(&weights, &LoadOptions::default()).expect("loads");
        let mut slot = model.open_slot().expect("free");
        let mut outputs = Outputs::new();
        let steps = vec![Step::new(&mut slot, &tokens, Want::All)];
        let batch = Batch::new(model.info(), steps).expect("valid");
        model.forward(&batch, &mut outputs).expect("runs");
        let error = distance(&outputs.logits, &logits);
        assert!(error < F32_ROUNDING, "{}: relative error {error:e}", path.display());
        let state = model.read_state(&slot).expect("own slot");
        for (name, got) in [
            ("state.att_shift", &state.att_shift),
            ("state.wkv", &state.wkv),
            ("state.ffn_shift", &state.ffn_shift),
        ] {
            if recorded.tensor(name).is_ok() {
                let error = distance(got, &numbers(&recorded, name, f32::from_le_bytes));
                assert!(error < F32_ROUNDING, "{}: {name}: relative error {error:e}", path.display());
            }
        }
    }
}

#[test]
fn the_file_says_what_it_is() {
    for path in models() {
        let checkpoint = open(&path).unwrap_or_else(|error| panic!("{error}"));
        let vocabulary = checkpoint.vocabulary.as_ref().expect("every fixture has one");
        assert_eq!(vocabulary.model, "rwkv");
        assert_eq!(vocabulary.tokens[usize::from(b'A')], b"A");
        assert_eq!(vocabulary.tokens[usize::from(b'\n')], br"\n");
        assert_eq!(vocabulary.tokens.len(), vocabulary.types.len());
        assert_eq!(checkpoint.chat_template.as_deref(), Some("rwkv-world"));
        assert_eq!(checkpoint.metadata["general.architecture"], "rwkv7");
        assert!(!checkpoint.metadata["general.name"].is_empty());
        assert_eq!(checkpoint.recipe.layer_norm_eps, 1e-5);
        assert_eq!(checkpoint.file_bytes, std::fs::metadata(&path).expect("there").len());
        // The first layer's placeholders must not pass for weights.
        assert!(checkpoint.tensors.get("blocks.0.att.v1").is_none());
    }
}
