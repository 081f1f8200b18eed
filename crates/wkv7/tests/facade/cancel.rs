//! Stopping a session from elsewhere, and generating without lending it.

use std::time::{Duration, Instant};

use wkv7::{Error, Generate, Generator, Model, Options, Sampler, Session};

use crate::{bytes_model, same, seeded};

/// A model whose forwards take so many tokens at most, and a session of it.
fn in_forwards_of(max_tokens: usize) -> (Model, Session) {
    let mut options = Options::default();
    options.load.max_tokens = max_tokens;
    let model = seeded(7, &options);
    let session = model.session().expect("slot");
    (model, session)
}

#[test]
fn a_cancelled_session_keeps_what_it_was_fed_and_goes_on_once_cleared() {
    let (model, mut session) = in_forwards_of(4); // many to stop between
    session.feed(b"abc".map(u32::from).as_slice()).expect("fed");
    session.cancel().set();
    assert!(matches!(session.feed(&[100]), Err(Error::Cancelled)));
    assert!(matches!(session.feed_all(&[100]), Err(Error::Cancelled)));
    let pieces: Vec<_> = session.generate(Generate::default()).collect();
    assert!(matches!(pieces.as_slice(), [Err(Error::Cancelled)]));
    assert_eq!(session.tokens_seen(), 3);
    session.cancel().clear();
    session.feed(&[100]).expect("fed");

    let mut whole = model.session().expect("slot");
    whole.feed(b"abcd".map(u32::from).as_slice()).expect("fed");
    assert!(same(&session, &whole));
}

#[test]
fn a_long_prompt_stops_between_two_forwards_when_another_thread_says_so() {
    let (model, mut session) = in_forwards_of(8);
    let cancel = session.cancel().clone();
    let endless = vec![65; 50_000_000];
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        cancel.set();
        Instant::now()
    });
    assert!(matches!(session.feed(&endless), Err(Error::Cancelled)));
    let late = stopper.join().expect("set").elapsed();
    assert!(late < Duration::from_secs(5), "{late:?}"); // some 50 million tokens would take minutes
    let seen = session.tokens_seen();
    assert!(seen.is_multiple_of(8) && seen < 50_000_000, "{seen}");

    session.cancel().clear();
    let mut other = model.session().expect("slot");
    other.feed(&endless[..usize::try_from(seen).expect("small")]).expect("fed");
    assert_eq!(session.state().expect("valid"), other.state().expect("valid"));
}

#[test]
fn a_long_prompt_keeps_no_other_session_waiting() {
    let (model, mut session) = in_forwards_of(8);
    let cancel = session.cancel().clone();
    let endless = vec![65; 50_000_000];
    let others = std::thread::spawn(move || {
        for token in 0..20 {
            let mut other = model.session().expect("slot");
            other.feed(&[token]).expect("fed");
        } // each ends here, for which the model is needed as well
        cancel.set();
    });
    assert!(matches!(session.feed(&endless), Err(Error::Cancelled)));
    others.join().expect("nobody fails");
    assert!(session.tokens_seen() < 50_000_000);
}

#[test]
fn a_generation_cancelled_midway_leaves_exactly_what_was_taken() {
    let model = bytes_model();
    let mut session = model.session().expect("slot");
    session.feed_text("x").expect("fed");
    let cancel = session.cancel().clone();
    let mut tokens = vec![u32::from(b'x')];
    let mut ended = None;
    for piece in session.generate(Generate { max_tokens: 20, ..Generate::default() }) {
        match piece {
            Ok(piece) => tokens.push(piece.token),
            Err(error) => ended = Some(error),
        }
        if tokens.len() == 6 {
            cancel.set();
        }
    }
    assert!(matches!(ended, Some(Error::Cancelled)));
    cancel.clear();
    let mut other = model.session().expect("slot");
    other.feed(&tokens).expect("fed");
    assert!(same(&session, &other));
}

#[test]
fn a_generator_gives_the_pieces_of_a_generation() {
    let model = bytes_model();
    let options = || Generate {
        sampler: Sampler::greedy(),
        max_tokens: 30,
        stop: vec!["zz".to_owned()],
        ..Generate::default()
    };
    let mut session = model.session().expect("slot");
    session.feed_text("x").expect("fed");
    let mut lent = session.fork().expect("slot");
    let whole: Vec<_> = session.generate(options()).map(|piece| piece.expect("generated")).collect();

    let mut generator = Generator::new(&model, &options());
    let mut sampler = Sampler::greedy();
    let mut pieces = Vec::new();
    while let Some(piece) = generator.next(&mut lent, &mut sampler) {
        let piece = piece.expect("generated");
        pieces.push(piece.clone());
        generator.recycle(piece);
    }
    assert_eq!(pieces, whole);
    assert_eq!(generator.sampled(), 30);
    generator.finish(&mut lent).expect("finished");
    assert!(same(&session, &lent));
}
