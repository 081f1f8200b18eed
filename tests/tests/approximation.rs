//! What activations in 8 bits cost in perplexity: the exact cpu backend beside the default one, on quantised models.

use std::path::Path;

use wkv7::eval::{PerplexityOptions, perplexity_of_tokens};
use wkv7::{BackendChoice, Model, Options};
use wkv7_core::Dtype;
use wkv7_formats::convert::{Convert, Target, convert};
use wkv7_testkit::golden::golden_folder;
use wkv7_testkit::{Golden, Random, fixtures};

/// How far apart the two perplexities may be, as a part of the exact one: one in a thousand. Measured: 1e-5 on stories,
/// 3e-4 on the trained fixture, 7e-4 on the random one.
const BOUND: f64 = 1e-3;

/// Stories as the grammar of the story model makes them.
const STORIES: &str = include_str!("../golden/stories.txt");

fn perplexity(path: &Path, tokens: &[u32], exact: bool) -> f64 {
    let mut options = Options::default();
    options.backend = BackendChoice::Named("cpu".to_owned());
    options.load.exact = exact;
    let model = Model::open(path, &options).unwrap_or_else(|error| panic!("{error}"));
    let measured = perplexity_of_tokens(&model, tokens, &PerplexityOptions::default());
    measured.unwrap_or_else(|error| panic!("{error}")).perplexity
}

/// Prints both perplexities of `tokens` and judges how far the default one is from the exact one.
#[track_caller]
fn check(name: &str, path: &Path, tokens: &[u32]) {
    let (exact, fast) = (perplexity(path, tokens, true), perplexity(path, tokens, false));
    let moved = (fast - exact) / exact;
    println!(
        "{name:<20} {:>5} tokens  exact {exact:.4}  8 bits {fast:.4}  {:+.4} %",
        tokens.len(),
        100.0 * moved
    );
    assert!(moved.abs() < BOUND, "{name}: perplexity {fast}, exact {exact}");
    assert!(moved != 0.0, "{name}: nothing was approximated");
}

#[test]
fn stories() {
    let folder = tempfile::tempdir().expect("a folder");
    let checkpoint = wkv7_formats::open(golden_folder().join("stories.safetensors")).expect("golden data");
    let tokens: Vec<u32> = STORIES.bytes().map(u32::from).collect();
    for dtype in [Dtype::Q8_0, Dtype::Q5_1, Dtype::Q4_0] {
        let path = folder.path().join(format!("stories.{dtype}.gguf"));
        let how = Convert { dtype: Some(dtype), ..Convert::to(Target::Gguf) };
        convert(&checkpoint, &path, &how, &mut |_, _| true).expect("converts");
        check(&format!("stories, {dtype}"), &path, &tokens);
    }
}

#[test]
fn a_trained_fixture() {
    let Some(folder) = fixtures() else { return };
    let text = Golden::load(folder.join("tiny-834k.expected.safetensors")).expect("golden data").tokens;
    for name in ["tiny-834k.q8_0", "tiny-834k.q4_0"] {
        check(name, &folder.join(format!("gguf/{name}.gguf")), &text);
    }
}

#[test]
fn a_random_fixture() {
    let Some(folder) = fixtures() else { return };
    let path = folder.join("gguf/r256.q8_0.gguf");
    check("r256.q8_0", &path, &Random::new(1).tokens(2000, 300));
}
