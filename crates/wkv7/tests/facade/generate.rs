//! Generation: what is emitted, why it ends, and what the session holds afterwards.

use wkv7::{Error, Generate, Model, Options, Sampler, SamplerOptions, Session, StopReason};
use wkv7_testkit::TinyModel;

use super::{bytes_model, same, words_model};

/// A sampler over a few bytes only, so that stop strings and broken characters are frequent.
fn few(allowed: &[u8], seed: u64) -> Sampler {
    let banned = (0..256).filter(|id| !allowed.contains(&(*id as u8))).collect();
    let (seed, top_p) = (Some(seed), 1.0);
    let options = SamplerOptions {
        banned,
        seed,
        top_p,
        temperature: 5.0, // near to even, whatever the model prefers
        presence: 0.0,
        frequency: 0.0,
        ..Default::default()
    };
    Sampler::new(options).expect("valid options")
}

fn generate(sampler: Sampler, max_tokens: usize, stop: &[&str]) -> Generate {
    let stop = stop.iter().map(|stop| (*stop).to_owned()).collect();
    Generate { sampler, max_tokens, stop, ..Generate::default() }
}

/// A session that was fed `tokens` after the prompt.
fn fed(model: &Model, prompt: &str, tokens: &[u32]) -> Session {
    let mut session = model.session().expect("slot");
    session.feed_text(prompt).expect("fed");
    session.feed(tokens).expect("fed");
    session
}

#[test]
fn the_session_holds_exactly_what_was_emitted() {
    let model = bytes_model();
    let allowed = "ab\né".as_bytes();
    let stops: [&[&str]; 4] = [&["\n\n"], &["ab\na", "éé"], &["é"], &[]];
    let mut reasons = [0; 3];
    for seed in 0..40 {
        for stop in stops {
            for taken in [1, 3, usize::MAX] {
                let mut session = fed(&model, "x", &[]);
                let mut generation = session.generate(generate(few(allowed, seed), 24, stop));
                let mut tokens = Vec::new();
                let mut text = String::new();
                for piece in generation.by_ref().take(taken) {
                    let piece = piece.expect("generated");
                    tokens.push(piece.token);
                    text.push_str(&piece.text);
                }
                let reason = generation.stop_reason();
                reasons[match reason {
                    Some(StopReason::StopText(_)) => 0,
                    Some(StopReason::MaxTokens) => 1,
                    _ => 2,
                }] += 1;
                drop(generation);
                if reason != Some(StopReason::MaxTokens)
                    && text.ends_with('\u{fffd}')
                    && session.tokens_seen() == tokens.len() as u64
                {
                    tokens.pop(); // it showed that a character was broken, and itself began the stop string
                }
                let what = format!("seed {seed}, stop {stop:?}, {} taken", tokens.len());
                assert!(same(&session, &fed(&model, "x", &tokens)), "{what}: {text:?}");
                assert_eq!(session.tokens_seen(), 1 + tokens.len() as u64, "{what}");
                assert!(!stop.iter().any(|stop| text.contains(stop)), "{what}: {text:?}");
            }
        }
    }
    assert!(reasons.iter().all(|count| *count > 20), "every ending occurs: {reasons:?}");
}

#[test]
fn a_token_cut_by_a_stop_string_leaves_its_beginning() {
    let model = words_model();
    let mut cut = 0;
    for seed in 0..20 {
        let mut session = fed(&model, "b", &[]);
        let options = SamplerOptions { seed: Some(seed), top_p: 1.0, banned: vec![0], ..Default::default() };
        let sampler = Sampler::new(options).expect("valid");
        let mut generation = session.generate(generate(sampler, 200, &["\n\n"]));
        let pieces: Vec<_> = generation.by_ref().map(|piece| piece.expect("generated")).collect();
        let stopped = generation.stop_reason() == Some(StopReason::StopText(0));
        drop(generation);
        let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        // No other spelling of a text without an empty line is possible, so its tokens are what was fed.
        assert!(same(&session, &fed(&model, &format!("b{text}"), &[])), "{text:?}");
        assert!(stopped && !text.contains("\n\n"), "{text:?}");
        cut += usize::from(pieces.last().is_some_and(|last| last.token == 4 && last.text == "a"));
    }
    assert!(cut > 0, "no token was cut");
}

#[test]
fn only_ids_with_a_text_are_sampled_and_the_end_of_text_stops() {
    let model = words_model();
    let mut ends = 0;
    for seed in 0..20 {
        let options = SamplerOptions { seed: Some(seed), top_p: 1.0, ..Default::default() };
        let mut session = model.session().expect("slot");
        let sampler = Sampler::new(options).expect("valid");
        let mut generation = session.generate(generate(sampler, 12, &[]));
        // Nothing was fed: the generation begins at the end of text, the start of a document.
        let tokens: Vec<u32> = generation.by_ref().map(|piece| piece.expect("generated").token).collect();
        assert!(tokens.iter().all(|token| (1..=4).contains(token)), "{tokens:?}");
        ends += usize::from(generation.stop_reason() == Some(StopReason::StopToken(0)));
        drop(generation);
        assert_eq!(session.tokens_seen(), 1 + tokens.len() as u64);
        let mut again = model.session().expect("slot");
        again.feed(&[0]).expect("fed");
        again.feed(&tokens).expect("fed");
        assert!(same(&session, &again));
    }
    assert!(ends > 0, "the end of text never came");
}

#[test]
fn greedy_generation_is_the_argmax_and_goes_on_where_it_ended() {
    let model = bytes_model();
    let tokens = |session: &mut Session, count| -> Vec<u32> {
        session
            .generate(generate(Sampler::greedy(), count, &[]))
            .map(|piece| piece.expect("generated").token)
            .collect()
    };
    let mut session = fed(&model, "hello", &[]);
    let whole = tokens(&mut session, 12);
    let mut parts = fed(&model, "hello", &[]);
    let mut joined = tokens(&mut parts, 5);
    joined.extend(tokens(&mut parts, 7));
    assert_eq!(whole, joined);
    assert!(same(&session, &parts));

    let mut by_hand = fed(&model, "hello", &[]);
    for token in whole {
        let logits = by_hand.logits().expect("fed").to_vec();
        assert!(logits.iter().all(|logit| *logit <= logits[token as usize]));
        by_hand.feed(&[token]).expect("fed");
    }
}

#[test]
fn log_probabilities_are_those_of_the_model() {
    let model = bytes_model();
    let mut session = fed(&model, "a", &[]);
    let logits = session.logits().expect("fed").to_vec();
    let sum: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
    let mut generation = session.generate(generate(few(b"z", 1), 1, &[]));
    let piece = generation.next().expect("one").expect("generated");
    let want = f64::from(logits[usize::from(b'z')]) - sum.ln();
    assert!((f64::from(piece.log_probability) - want).abs() < 1e-5, "{piece:?}, expected {want}");
}

#[test]
fn nothing_to_continue_and_nothing_to_generate() {
    let mut session = bytes_model().session().expect("slot");
    let mut generation = session.generate(Generate::default());
    assert!(matches!(generation.next(), Some(Err(Error::NothingFed))));
    assert!(generation.next().is_none() && generation.stop_reason().is_none());
    drop(generation);

    let mut session = fed(&bytes_model(), "a", &[]);
    let mut generation = session.generate(generate(Sampler::greedy(), 0, &[]));
    assert!(generation.next().is_none());
    assert_eq!(generation.stop_reason(), Some(StopReason::MaxTokens));
    drop(generation);
    assert_eq!(session.tokens_seen(), 1);
}

#[test]
fn without_a_vocabulary_tokens_are_generated_but_no_stop_text_is_possible() {
    let weights = TinyModel::default().weights();
    let model = Model::from_weights(weights, None, &Options::default()).expect("a model");
    let mut session = model.session().expect("slot");
    session.feed(&[1]).expect("fed");
    let pieces: Vec<_> = session.generate(generate(Sampler::greedy(), 3, &[])).collect();
    assert_eq!(pieces.len(), 3);
    assert!(pieces.iter().all(|piece| piece.as_ref().is_ok_and(|piece| piece.text.is_empty())));
    let mut generation = session.generate(generate(Sampler::greedy(), 3, &["x"]));
    assert!(matches!(generation.next(), Some(Err(Error::NoTokenizer(_)))));
}

#[test]
fn penalties_are_for_words_not_for_bytes() {
    let (bytes, words) = (bytes_model().sampler_options(), words_model().sampler_options());
    assert_eq!((bytes.presence, bytes.frequency), (0.0, 0.0));
    assert_eq!(words, SamplerOptions::default());
    assert_eq!(SamplerOptions { presence: words.presence, frequency: words.frequency, ..bytes }, words);
}
