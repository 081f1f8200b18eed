//! The sampler as a whole.

use super::*;

const LOGITS: [f32; 6] = [2.0, 1.0, 0.5, 0.0, -1.0, -3.0];

fn sampler(options: SamplerOptions) -> Sampler {
    Sampler::new(SamplerOptions { seed: Some(1), ..options }).expect("valid options")
}

/// Recorded from the official pipeline: temperature, top-p, top-k, distribution.
#[test]
fn distributions_are_those_of_the_official_pipeline() {
    let golden: [(f32, f32, usize, [f32; 6]); 6] = [
        (0.0, 0.85, 0, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        (1.0, 0.85, 0, [0.628532, 0.231224, 0.140244, 0.0, 0.0, 0.0]),
        (2.0, 0.85, 0, [0.481024, 0.291756, 0.227220, 0.0, 0.0, 0.0]),
        (0.5, 0.85, 2, [0.880797, 0.119203, 0.0, 0.0, 0.0, 0.0]),
        (1.0, 0.6, 0, [0.731059, 0.268941, 0.0, 0.0, 0.0, 0.0]),
        (1.0, 0.99, 3, [0.628532, 0.231224, 0.140244, 0.0, 0.0, 0.0]),
    ];
    for (temperature, top_p, top_k, want) in golden {
        let sampler = sampler(SamplerOptions { temperature, top_p, top_k, ..Default::default() });
        let got = sampler.distribution(&LOGITS).expect("finite logits");
        // The recorded values have six digits.
        let close = got.iter().zip(&want).all(|(got, want)| (got - want).abs() < 1e-6);
        assert!(close, "T {temperature}, top_p {top_p}, top_k {top_k}: {got:?}, expected {want:?}");
    }
}

#[test]
fn top_p_of_one_cuts_nothing() {
    let sampler = sampler(SamplerOptions { top_p: 1.0, ..Default::default() });
    let got = sampler.distribution(&LOGITS).expect("finite logits");
    let softmax = [0.560893, 0.206341, 0.125152, 0.075909, 0.027925, 0.003779];
    assert!(got.iter().zip(&softmax).all(|(got, want)| (got - want).abs() < 1e-6), "{got:?}");
}

#[test]
fn draws_follow_the_distribution_and_the_seed() {
    let options = SamplerOptions { top_p: 1.0, presence: 0.0, frequency: 0.0, ..Default::default() };
    let mut first = sampler(options);
    let want = first.distribution(&LOGITS).expect("finite logits");
    let draws: Vec<u32> = (0..20_000).map(|_| first.sample(&LOGITS).expect("draw")).collect();
    for (token, want) in (0..).zip(want) {
        let got = draws.iter().filter(|draw| **draw == token).count() as f32 / 20_000.0;
        assert!((got - want).abs() < 0.015, "token {token}: {got}, expected {want}"); // 4 standard errors
    }
    let mut second = first.clone();
    second.reset();
    let again: Vec<u32> = (0..20_000).map(|_| second.sample(&LOGITS).expect("draw")).collect();
    assert_eq!(draws, again);
}

#[test]
fn a_seed_that_is_not_given_can_be_repeated() {
    let mut first = Sampler::default();
    let seed = Some(first.seed());
    let mut second = Sampler::new(SamplerOptions { seed, ..Default::default() }).expect("valid");
    let draw = |sampler: &mut Sampler| -> Vec<u32> {
        (0..50).map(|_| sampler.sample(&LOGITS).expect("draw")).collect()
    };
    assert_eq!(draw(&mut first), draw(&mut second));
    assert_ne!(Sampler::default().seed(), Sampler::default().seed());
}

#[test]
fn greedy_takes_the_lowest_id_among_equals() {
    let mut greedy = Sampler::greedy();
    assert_eq!(greedy.sample(&[0.0, 3.0, 3.0, 1.0]).expect("draw"), 1);
    greedy.ban(&[1]);
    assert_eq!(greedy.sample(&[0.0, 3.0, 3.0, 1.0]).expect("draw"), 2);
}

#[test]
fn bans_win_over_bias_and_negative_penalties() {
    let mut sampler = sampler(SamplerOptions {
        banned: vec![0, 99],
        bias: vec![(0, 1e30), (2, f32::NEG_INFINITY), (99, 1.0)],
        presence: -1e30,
        top_p: 1.0,
        ..Default::default()
    });
    sampler.accept(0, None);
    let got = sampler.distribution(&LOGITS).expect("some left");
    assert_eq!((got[0], got[2]), (0.0, 0.0));
    assert!((got.iter().sum::<f32>() - 1.0).abs() < 1e-6);
}

#[test]
fn penalties_count_accepted_tokens_only() {
    let mut sampler =
        sampler(SamplerOptions { presence: 10.0, frequency: 0.0, temperature: 0.0, ..Default::default() });
    assert_eq!(sampler.sample(&LOGITS).expect("draw"), 0);
    assert_eq!(sampler.sample(&LOGITS).expect("draw"), 0);
    sampler.accept(0, None);
    assert_eq!(sampler.sample(&LOGITS).expect("draw"), 1);
}

#[test]
fn what_cannot_be_sampled_is_an_error() {
    let mut sampler = Sampler::default();
    let error = sampler.sample(&[0.0, f32::NAN]).expect_err("NaN").to_string();
    assert_eq!(error, "the logit of token 1 is NaN, expected a number");
    assert!(matches!(sampler.sample(&[f32::INFINITY]), Err(Error::BadLogit { token: 0, .. })));
    assert!(matches!(sampler.sample(&[]), Err(Error::NothingToSample { vocab: 0 })));
    sampler.ban(&[0, 1]);
    assert!(matches!(sampler.sample(&[1.0, 2.0]), Err(Error::NothingToSample { vocab: 2 })));
}

#[test]
fn options_outside_their_range_are_named() {
    let cases = [
        (SamplerOptions { temperature: -1.0, ..Default::default() }, "temperature"),
        (SamplerOptions { temperature: f32::NAN, ..Default::default() }, "temperature"),
        (SamplerOptions { top_p: -0.1, ..Default::default() }, "top_p"),
        (SamplerOptions { min_p: 1.5, ..Default::default() }, "min_p"),
        (SamplerOptions { typical_p: 0.0, ..Default::default() }, "typical_p"),
        (SamplerOptions { presence: f32::INFINITY, ..Default::default() }, "presence"),
        (SamplerOptions { penalty_decay: 1.1, ..Default::default() }, "penalty_decay"),
        (SamplerOptions { bias: vec![(3, f32::NAN)], ..Default::default() }, "bias"),
    ];
    for (options, name) in cases {
        let error = Sampler::new(options).expect_err(name).to_string();
        assert!(error.starts_with(&format!("option `{name}` is ")), "{error}");
    }
}
