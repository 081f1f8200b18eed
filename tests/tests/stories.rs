//! The trained story model: weights with spread decays and a sparse channel mix, which random ones lack.

use wkv7::eval::{PerplexityOptions, perplexity};
use wkv7::{BackendChoice, Generate, Model, Options, Sampler};
use wkv7_core::{Backend, LoadOptions, Reference};
use wkv7_cpu::{Cpu, Path};
use wkv7_testkit::{Tolerance, compare_logits, compare_states, golden, play};

/// A story as the model's grammar makes them.
const STORY: &str = "Once upon a time there was a kind duck named Nora. Nora had a sweet apple. One morning the \
                     sweet apple was gone, and Nora was sad. \"Do not cry,\" said Anna. They looked everywhere, and \
                     the sweet apple was under a tree. Nora went home and slept well.\n\n";

fn model(backend: &str) -> Model {
    let mut options = Options::default();
    options.backend = BackendChoice::Named(backend.to_owned());
    Model::open(golden::golden_folder().join("stories.safetensors"), &options).expect("golden data")
}

#[test]
fn it_knows_its_stories() {
    let measured = perplexity(&model("cpu"), STORY.as_bytes(), &PerplexityOptions::default(), &mut |_| true)
        .expect("measured");
    // A model that knew nothing would need ln 256 = 5.5 nats for a byte; the grammar itself leaves 0.1 open.
    assert!(measured.mean_nll < 0.3, "{measured:?}");
}

#[test]
fn backends_agree_on_trained_weights() {
    let weights = model("reference").weights().clone();
    let tokens: Vec<u32> = STORY.bytes().map(u32::from).collect();
    let run = |backend: &dyn Backend| {
        let mut loaded = backend.load(&weights, &LoadOptions::default()).expect("loaded");
        play(&mut *loaded, &tokens, 16).expect("played")
    };
    let (want, got) = (run(&Reference), run(&Cpu::new()));
    let parts = Path::choose().expect("a path of this machine").bf16_parts();
    let tolerance = Tolerance::of_bf16_parts(parts);
    compare_logits(weights.config().vocab, &got.logits, &want.logits).within(tolerance);
    compare_states(weights.config(), &got.state, &want.state).within(tolerance);
}

#[test]
fn it_writes_a_story_that_ends() {
    let model = model("cpu");
    let mut session = model.session().expect("a slot");
    session.feed_text("Once upon a time").expect("fed");
    let generate = Generate {
        sampler: Sampler::greedy(),
        max_tokens: 600,
        stop: vec!["\n\n".to_owned()],
        ..Generate::default()
    };
    let mut generation = session.generate(generate);
    let text: String = generation.by_ref().map(|piece| piece.expect("generated").text).collect();
    assert!(matches!(generation.stop_reason(), Some(wkv7::StopReason::StopText(0))), "{text}");
    assert!(text.ends_with('.') && text.contains(" named "), "{text}");
}
