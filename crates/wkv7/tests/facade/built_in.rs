//! The model inside the library. Another may take its place: what it tells is nobody's promise.

use wkv7::formats::Format;
use wkv7::{BUILT_IN, Generate, Model, Options, Sampler, SamplerOptions, TokenizerChoice, open_tokenizer};

const PROMPT: &str = "Once upon a time";

fn model() -> Model {
    Model::built_in(&Options::default()).expect("the model inside")
}

/// What the model tells with this seed, in a session of its own.
fn told(model: &Model, seed: u64) -> String {
    let options = SamplerOptions { seed: Some(seed), ..model.sampler_options() };
    let sampler = Sampler::new(options).expect("in range");
    let mut session = model.session().expect("a slot");
    session.feed_text(PROMPT).expect("fed");
    let pieces = session.generate(Generate { sampler, max_tokens: 40, ..Generate::default() });
    pieces.map(|piece| piece.expect("a piece").text).collect()
}

#[test]
fn it_tells_something_and_the_same_with_the_same_seed() {
    let story = told(&model(), 1);
    assert!(!story.trim().is_empty(), "{story:?}");
    assert_eq!(told(&model(), 1), story);
}

#[test]
fn it_begins_a_text_of_its_own() {
    let model = model();
    assert_eq!(model.tokenizer().expect("inside").end_of_text(), Some(0));
    let mut session = model.session().expect("a slot");
    let mut pieces = session.generate(Generate { max_tokens: 5, ..Generate::default() });
    assert!(pieces.next().expect("at least one").is_ok());
}

#[test]
fn it_says_where_it_came_from() {
    let model = model();
    let source = model.source().expect("known");
    assert_eq!((source.path.to_str(), source.format), (Some(BUILT_IN), Format::Gguf));
    assert!(source.file_bytes >= model.weights().total_bytes());
}

#[test]
fn its_vocabulary_is_known_without_loading_it() {
    let checkpoint = wkv7::built_in().expect("a checkpoint");
    let tokenizer = open_tokenizer(&TokenizerChoice::Auto, &checkpoint).expect("inside");
    let mut tokens = Vec::new();
    tokenizer.encode(PROMPT.as_bytes(), &mut tokens).expect("any text");
    assert_eq!(tokens, model().encode(PROMPT).expect("any text"));
    assert_eq!(tokenizer.decode(&tokens).expect("its own"), PROMPT.as_bytes());
}

#[test]
fn its_states_go_on_in_another_load_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("once.state");
    let (first, second) = (model(), model());
    assert_eq!(first.info().fingerprint, second.info().fingerprint);
    let mut session = first.session().expect("a slot");
    session.feed_text(PROMPT).expect("fed");
    session.save(&path).expect("saved");
    let mut restored = second.session().expect("a slot");
    restored.restore(&path).expect("its own");
    assert!(super::same(&session, &restored));
}

#[test]
fn options_reach_it() {
    let mut options = Options::default();
    options.backend = "reference".parse().expect("a name");
    options.load.slots = 1;
    let model = Model::built_in(&options).expect("the model inside");
    assert_eq!((model.info().backend, model.info().max_slots), ("reference", 1));
    options.tokenizer = TokenizerChoice::File("no/such/file".into());
    assert!(matches!(Model::built_in(&options), Err(wkv7::Error::Tokenizer(_))));
}
