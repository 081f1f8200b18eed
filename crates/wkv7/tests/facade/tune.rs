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
    // What the answer costs, in nats, byte after byte.
    let cost = |session: &mut wkv7::Session| -> f64 {
        session.feed_text("Where? ").expect("bytes");
        let mut nats = 0.0;
        for byte in b"At the RIVER." {
            let logits = session.logits().expect("fed").to_vec();
            let sum: f64 = logits.iter().map(|x| f64::from(*x).exp()).sum();
            nats += sum.ln() - f64::from(logits[usize::from(*byte)]);
            session.feed(&[u32::from(*byte)]).expect("a byte");
        }
        nats
    };
    let mut session = model.session().expect("a slot");
    session.set_state(&tuned.to_state(), 0).expect("fits");
    let (with, without) = (cost(&mut session), cost(&mut model.session().expect("a slot")));
    assert!(with < 0.7 * without, "{with} nats with the state, {without} without");
    let none: [(&str, &str); 0] = [];
    assert!(model.tune_state(&none, &options, |_| true).is_err());
}
