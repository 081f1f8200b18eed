//! Sessions: feeding, forking, saving, batches, refusals.

use std::fs;

use wkv7::core::{Tensor, Tensors};
use wkv7::{BackendChoice, Error, Model, Options, SessionStep, State, TokenizerChoice, Want, core};
use wkv7_testkit::{TinyModel, fixtures};

use super::{bytes_model, same, seeded, words_model};

#[test]
fn chunks_do_not_matter_and_all_logits_are_those_of_single_tokens() {
    let mut options = Options::default();
    options.load.max_tokens = 4;
    let model = seeded(7, &options);
    let tokens: Vec<u32> = (10..23).collect();
    let (mut whole, mut single) = (model.session().expect("slot"), model.session().expect("slot"));
    let all = whole.feed_all(&tokens).expect("fed");
    for (token, row) in tokens.iter().zip(all.chunks_exact(256)) {
        single.feed(&[*token]).expect("fed");
        assert_eq!(single.logits(), Some(row));
    }
    let mut chunked = model.session().expect("slot");
    chunked.feed(&tokens).expect("fed");
    assert!(same(&whole, &single) && same(&whole, &chunked));
    assert_eq!((whole.tokens_seen(), chunked.tokens_seen()), (13, 13));
}

#[test]
fn a_bad_token_changes_nothing() {
    let model = bytes_model();
    let mut session = model.session().expect("slot");
    session.feed(&[1, 2]).expect("fed");
    let before = session.state().expect("valid");
    let error = session.feed(&[3, 256]).expect_err("outside").to_string();
    assert_eq!(error, "token 256 is outside the vocabulary of 256 tokens");
    assert_eq!((session.state().expect("valid"), session.tokens_seen()), (before, 2));
}

#[test]
fn forks_go_their_own_way_and_reset_begins_anew() {
    let model = bytes_model();
    let mut session = model.session().expect("slot");
    assert_eq!(session.feed_text("hello").expect("fed"), 5);
    let mut fork = session.fork().expect("slot");
    assert!(same(&session, &fork));
    fork.feed_text("!").expect("fed");
    assert!(!same(&session, &fork));
    session.feed_text("!").expect("fed");
    assert!(same(&session, &fork));
    session.reset().expect("reset");
    assert_eq!((session.tokens_seen(), session.logits()), (0, None));
    session.feed_text("hello!").expect("fed");
    assert!(same(&session, &fork));
}

#[test]
fn many_sessions_advance_in_one_forward() {
    let model = bytes_model();
    let mut apart: Vec<_> = (0..3).map(|_| model.session().expect("slot")).collect();
    let mut together: Vec<_> = (0..3).map(|_| model.session().expect("slot")).collect();
    let tokens: [&[u32]; 3] = [&[1, 2, 3], &[4], &[5, 6]];
    for (session, tokens) in apart.iter_mut().zip(tokens) {
        session.feed(tokens).expect("fed");
    }
    let wants = [Want::Last, Want::Nothing, Want::All];
    let steps = together
        .iter_mut()
        .zip(tokens)
        .zip(wants)
        .map(|((session, tokens), want)| SessionStep { session, tokens, want })
        .collect();
    let answers = model.forward(steps).expect("forward");
    assert_eq!(answers.outputs().logits.len(), 3 * 256);
    assert_eq!(Some(answers.logits(0)), apart[0].logits());
    assert!(answers.logits(1).is_empty());
    assert_eq!(Some(&answers.logits(2)[256..]), apart[2].logits());
    assert!(same(&apart[0], &together[0]) && same(&apart[2], &together[2]));
    assert_eq!(together[1].logits(), None);
    assert_eq!(together[1].state().expect("valid"), apart[1].state().expect("valid"));
}

#[test]
fn the_largest_logits_and_the_hidden_state_come_instead_of_all_logits() {
    let model = bytes_model();
    let open = || model.session().expect("slot");
    let (mut whole, mut top, mut hidden) = (open(), open(), open());
    let tokens = [5, 6, 7];
    whole.feed(&tokens).expect("fed");
    let logits = whole.logits().expect("kept").to_vec();

    let tops = top.feed_top(&tokens, 4).expect("fed");
    let mut sorted = logits.clone();
    sorted.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(tops.iter().map(|top| top.logit).collect::<Vec<_>>(), sorted[..4]);
    assert!(tops.iter().all(|top| logits[top.token as usize] == top.logit));
    assert!(tops[0].log_probability < 0.0);
    assert_eq!((top.logits(), top.tokens_seen()), (None, 3));
    assert_eq!(top.state().expect("valid"), whole.state().expect("valid"));
    assert_eq!(top.feed_top(&[], 4).expect("nothing fed"), []);
    assert_eq!(top.feed_top(&[8], 0).expect("fed"), []);
    let all = top.feed_top(&[9], 1000).expect("fed");
    let sum: f32 = all.iter().map(|top| top.log_probability.exp()).sum();
    assert!(all.len() == 256 && (sum - 1.0).abs() < 1e-5, "{sum}");

    let embedding = hidden.embed(&tokens).expect("fed");
    assert_eq!((embedding.len(), hidden.logits(), hidden.tokens_seen()), (model.config().channels, None, 3));
    let head = model.weights().head.to_f32();
    let row = &head[..embedding.len()];
    let product: f32 = row.iter().zip(&embedding).map(|(w, x)| w * x).sum();
    assert!((product - logits[0]).abs() < 1e-4 * logits[0].abs().max(1.0), "{product} {}", logits[0]);
    assert!(hidden.embed(&[]).expect("nothing fed").is_empty());
    assert_eq!(hidden.state().expect("valid"), whole.state().expect("valid"));
}

#[test]
fn a_forward_of_mixed_wants_is_read_by_step() {
    let mut options = Options::default();
    options.load.max_tokens = 16;
    let model = seeded(7, &options);
    let tokens = [3, 1, 4];
    let wants = [Want::Top(2), Want::All, Want::Hidden, Want::Nothing, Want::Top(300)];
    let mut sessions: Vec<_> = wants.iter().map(|_| model.session().expect("slot")).collect();
    let steps = sessions.iter_mut().zip(wants);
    let steps = steps.map(|(session, want)| SessionStep { session, tokens: &tokens, want }).collect();
    let answers = model.forward(steps).expect("forward");
    let shape = |n| (answers.logits(n).len(), answers.tops(n).len(), answers.hidden(n).len());
    let channels = model.config().channels;
    let shapes = [(0, 2, 0), (3 * 256, 0, 0), (0, 0, channels), (0, 0, 0), (0, 256, 0), (0, 0, 0)];
    assert_eq!([0, 1, 2, 3, 4, 5].map(shape), shapes);
    assert_eq!(answers.tops(0), &answers.tops(4)[..2]);
    assert_eq!(answers.tops(0)[0].logit, answers.logits(1)[512..].iter().copied().fold(f32::MIN, f32::max));
    let mut alone = model.session().expect("slot");
    assert_eq!(alone.embed(&tokens).expect("fed"), answers.hidden(2));
    let kept: Vec<_> = sessions.iter().map(|session| session.logits().is_some()).collect();
    assert_eq!(kept, [false, true, false, false, false]);
}

#[test]
fn a_session_of_another_model_is_refused() {
    let (model, other) = (bytes_model(), bytes_model());
    let mut session = other.session().expect("slot");
    let step = SessionStep { session: &mut session, tokens: &[1], want: Want::Last };
    assert!(matches!(model.forward(vec![step]), Err(Error::Core(core::Error::ForeignSlot))));
    session.feed(&[1]).expect("still valid");
}

#[test]
fn slots_are_freed_when_sessions_go() {
    let mut options = Options::default();
    options.load.slots = 1;
    let model = seeded(7, &options);
    for _ in 0..3 {
        let session = model.session().expect("the only slot");
        assert!(matches!(model.session(), Err(Error::Core(core::Error::NoFreeSlot { slots: 1 }))));
        assert!(session.fork().is_err());
    }
}

#[test]
fn saved_states_go_on_and_foreign_ones_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.safetensors");
    let model = bytes_model();
    let mut session = model.session().expect("slot");
    session.feed_text("once upon").expect("fed");
    session.save(&path).expect("saved");
    let mut restored = model.session().expect("slot");
    restored.restore(&path).expect("restored");
    assert!(same(&session, &restored));
    assert_eq!(restored.tokens_seen(), 9);

    let other = seeded(8, &Options::default());
    let mut foreign = other.session().expect("slot");
    foreign.feed(&[1]).expect("fed");
    let before = foreign.state().expect("valid");
    let error = foreign.restore(&path).expect_err("foreign").to_string();
    let (ours, theirs) = (other.info().fingerprint.to_string(), model.info().fingerprint.to_string());
    assert!(error.contains(&ours) && error.contains(&theirs), "{error}");
    assert_eq!(foreign.state().expect("valid"), before);

    // As the state that every session starts from.
    let mut options = Options::default();
    options.initial_state = Some(path);
    assert!(same(&seeded(7, &options).session().expect("slot"), &session));
    let weights = TinyModel { vocab: 256, seed: 8, ..TinyModel::default() }.weights();
    let error = Model::from_weights(weights, None, &options).expect_err("foreign").to_string();
    assert!(error.contains(&ours) && error.contains(&theirs), "{error}");
    options.initial_state = Some(folder.path().join("absent"));
    let weights = TinyModel::default().weights();
    assert!(matches!(Model::from_weights(weights, None, &options), Err(Error::InitialState { .. })));
}

#[test]
fn a_tuned_state_inside_the_checkpoint_is_where_sessions_start() {
    let tiny = TinyModel::default();
    let mut tensors: Tensors = tiny.tensors();
    let size = tiny.channels * tiny.head_size;
    for layer in 0..tiny.layers {
        let name = format!("blocks.{layer}.att.time_state");
        let values: Vec<f32> = (0..size).map(|n| n as f32 * 1e-3).collect();
        let tensor = Tensor::from_f32(&name, &[tiny.channels, tiny.head_size], &values).expect("valid");
        tensors.insert(name, tensor).expect("new");
    }
    let weights = wkv7::Weights::new(tensors, tiny.recipe).expect("a model");
    let want = weights.initial_state().expect("valid").expect("there is one");
    let model = Model::from_weights(weights, None, &Options::default()).expect("a model");
    let mut session = model.session().expect("slot");
    assert_eq!(session.state().expect("valid"), want);
    session.feed(&[1, 2]).expect("fed");
    session.reset().expect("reset");
    assert_eq!(session.state().expect("valid"), want);
    assert_ne!(want, State::zeros(model.config()));
    // Stored by a tool that writes (key, value).
    let mut options = Options::default();
    options.tuned_state_transposed = true;
    let turned = Model::from_weights(model.weights().clone(), None, &options).expect("a model");
    let mut state = turned.session().expect("slot").state().expect("valid");
    assert_ne!(state, want);
    state.transpose(model.config());
    assert_eq!(state, want);
}

#[test]
fn a_state_of_other_sizes_is_refused() {
    let model = bytes_model();
    let mut session = model.session().expect("slot");
    let mut state = session.state().expect("valid");
    state.wkv.pop();
    assert!(session.set_state(&state, 0).is_err());
    session.feed(&[1]).expect("still valid");
}

#[test]
fn backends_are_chosen_by_name() {
    assert_eq!(wkv7::backends(), ["cpu", "reference"]);
    let open = |backend: &str| {
        let mut options = Options::default();
        options.backend = BackendChoice::Named(backend.to_owned());
        Model::from_weights(TinyModel::default().weights(), None, &options)
    };
    assert_eq!(open("reference").expect("there").info().backend, "reference");
    assert_eq!(open("cpu").expect("there").info().backend, "cpu");
    assert_eq!(bytes_model().info().backend, "cpu");
    let error = open("abacus").expect_err("unknown").to_string();
    assert_eq!(error, "backend `abacus` is not available: this build has cpu, reference");
}

#[test]
fn a_checkpoint_in_memory_is_one_like_any_other() {
    let path = wkv7_testkit::golden::golden_folder().join("narrow.safetensors");
    let bytes = fs::read(&path).expect("golden data");
    let in_memory = wkv7::formats::from_bytes("in memory", core::Bytes::from(bytes)).expect("sound");
    let model = Model::from_checkpoint(in_memory, &Options::default()).expect("a model");
    let mapped = Model::open(&path, &Options::default()).expect("a model");
    assert_eq!(model.info().fingerprint, mapped.info().fingerprint);
    let (mut ours, mut theirs) = (model.session().expect("slot"), mapped.session().expect("slot"));
    ours.feed(&[1, 2, 3]).expect("fed");
    theirs.feed(&[1, 2, 3]).expect("fed");
    assert!(same(&ours, &theirs));
}

#[test]
fn a_model_without_a_vocabulary_still_runs_on_tokens() {
    let model =
        Model::from_weights(TinyModel::default().weights(), None, &Options::default()).expect("a model");
    let error = model.tokenizer().expect_err("61 tokens").to_string();
    assert!(error.contains("61") && error.contains("--vocab"), "{error}");
    let mut session = model.session().expect("slot");
    assert!(session.feed_text("a").is_err());
    session.feed(&[60]).expect("fed");
    assert_eq!(words_model().encode("ab\na\n\nb").expect("known"), [1, 2, 3, 4]);
}

#[test]
fn a_vocabulary_beside_the_model_is_used_if_it_fits() {
    let Some(fixtures) = fixtures() else { return };
    // Its folder also holds the World vocabulary, which has too many tokens for it.
    let tiny = Model::open(fixtures.join("tiny-834k.safetensors"), &Options::default()).expect("opens");
    assert_eq!(tiny.tokenizer().expect("by size").name(), "bytes");
    assert_eq!(tiny.source().expect("a file").path, fixtures.join("tiny-834k.safetensors"));

    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model.safetensors");
    fs::copy(fixtures.join("tiny-834k.safetensors"), &model).expect("copied");
    fs::write(folder.path().join("my_vocab.txt"), "1 'a' 1\n2 'b' 1\n").expect("written");
    let beside = Model::open(&model, &Options::default()).expect("opens");
    assert_eq!(beside.encode("ab").expect("known"), [1, 2]);
    fs::write(folder.path().join("rwkv_vocab.txt"), "1 'a' 7\n").expect("written");
    let broken = Model::open(&model, &Options::default()).expect("opens");
    assert!(broken.tokenizer().expect_err("broken").to_string().contains("rwkv_vocab.txt"));
    let mut bytes = Options::default();
    bytes.tokenizer = TokenizerChoice::Bytes;
    assert_eq!(Model::open(&model, &bytes).expect("opens").encode("ab").expect("known"), [97, 98]);
}
