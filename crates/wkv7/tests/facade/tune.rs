//! Tuning a state on the model at hand.

use wkv7::tune::TuneOptions;
use wkv7::{Model, Options};

#[test]
fn a_tuned_state_makes_its_answers_likely() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/stories.safetensors");
    let model = Model::open(path, &Options::default()).expect("a model");
    let pairs = [("Who? ", "It was the DUCK."), ("Where? ", "At the RIVER.")];
    let mut options = TuneOptions::default();
    options.tuning.steps = Some(40);
    let mut losses = Vec::new();
    let tuned = model.tune_state(&pairs, &options, |step| {
        losses.push(step.score.mean());
        true
    });
    let tuned = tuned.expect("tunes");
    assert!(losses.len() == 40 && losses[39] < 0.5 * losses[0], "{losses:?}");
    let greedy = |session: &mut wkv7::Session| {
        session.feed_text("Where? ").expect("bytes");
        session.feed_top(b"At the ".map(u32::from).as_slice(), 1).expect("bytes")[0].token
    };
    let mut session = model.session().expect("a slot");
    session.set_state(&tuned.to_state(), 0).expect("fits");
    assert_eq!(greedy(&mut session), u32::from(b'R'));
    assert_ne!(greedy(&mut model.session().expect("a slot")), u32::from(b'R'));
    let none: [(&str, &str); 0] = [];
    assert!(model.tune_state(&none, &options, |_| true).is_err());
}
