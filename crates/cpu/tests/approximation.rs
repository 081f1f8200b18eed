//! How far activations in 8 bits carry results from the exact ones, by block type.

use wkv7_core::{Backend, Dtype, LoadOptions, Weights};
use wkv7_cpu::{Cpu, Path};
use wkv7_testkit::{Played, Random, TinyModel, Tolerance, close, compare_logits, compare_states, play};

/// Random models of each type.
const SEEDS: u64 = 4;

/// The relative L2 distance that the logits of all tokens may have, a quarter above what was measured.
const BOUNDS: [(Dtype, f64); 8] = [
    (Dtype::Q8_0, 1.4e-2), // 1.1e-2
    (Dtype::Q4_0, 1.5e-2), // 1.2e-2
    (Dtype::Q4_1, 1.4e-2), // 1.1e-2
    (Dtype::Q5_0, 1.4e-2), // 1.1e-2
    (Dtype::Q5_1, 1.5e-2), // 1.2e-2
    // These three share a scale among 256 activations, the others among 32.
    (Dtype::Q4K, 1.1e-2), // 8.9e-3; the random minima of these two are large beside their codes
    (Dtype::Q5K, 1.1e-2), // 8.3e-3
    (Dtype::Q6K, 2.1e-2), // 1.7e-2
];

/// The same for each part of the state: 1.6e-2 was the worst measured.
const STATE: Tolerance = Tolerance { cause: "activations in 8 bits", relative: 2e-2, largest: 2.5e-2 };

fn run(weights: &Weights, tokens: &[u32], exact: bool) -> Played {
    let mut options = LoadOptions::default();
    options.exact = exact;
    let mut model = Cpu::new().load(weights, &options).expect("loads");
    play(&mut *model, tokens, 16).expect("plays")
}

#[test]
fn every_approximated_type_stays_within_its_bound() {
    assert_eq!(BOUNDS.map(|(dtype, _)| dtype), Cpu::APPROXIMATED);
    for (dtype, bound) in BOUNDS {
        let (mut logits, mut token, mut state) = (0f64, 0f64, 0f64);
        for seed in 0..SEEDS {
            let model = TinyModel { seed, ..TinyModel::of(dtype) };
            let weights = model.weights();
            let tokens = Random::new(seed).tokens(48, model.vocab);
            let (got, want) = (run(&weights, &tokens, false), run(&weights, &tokens, true));
            logits = logits.max(close("logits", &got.logits, &want.logits).relative());
            let each = compare_logits(model.vocab, &got.logits, &want.logits);
            each.within(Tolerance::Q8_ACTIVATIONS);
            let parts = compare_states(weights.config(), &got.state, &want.state);
            parts.within(STATE);
            (token, state) = (token.max(each.worst()), state.max(parts.worst()));
        }
        println!("{dtype:<5} logits {logits:.1e} (worst token {token:.1e})  state {state:.1e}");
        assert!(
            logits <= bound,
            "{dtype}: the logits are {logits:.1e} off, at most {bound:.1e} was expected"
        );
        // An approximation that changes nothing is not one: `exact` would be without effect.
        assert!(logits > 1e-4, "{dtype}: {logits:.1e}");
    }
}

/// Where the machine multiplies bf16, activations meet bf16 matrices in so many parts of 8 bits: all but 2^-9 of each with one,
/// all but 2^-17 with two.
const IN_PARTS: [f64; 2] = [5e-3, 1e-5];

#[test]
fn all_other_types_are_the_same_to_the_bit() {
    for dtype in Dtype::ALL.into_iter().filter(|dtype| !Cpu::APPROXIMATED.contains(dtype)) {
        let weights = TinyModel::of(dtype).weights();
        let tokens = Random::new(3).tokens(20, 67);
        let (got, want) = (run(&weights, &tokens, false), run(&weights, &tokens, true));
        let parts = Path::choose().expect("a path").bf16_parts().filter(|_| dtype == Cpu::IN_PARTS);
        if let Some(parts) = parts {
            let off = close("logits", &got.logits, &want.logits).relative();
            println!("{dtype} in {parts} parts: logits {off:.1e}");
            assert!(off <= IN_PARTS[parts - 1] && off > 0.0, "{dtype}: the logits are {off:.1e} off");
        } else {
            assert!(got.logits == want.logits && got.state == want.state, "{dtype}");
        }
    }
}
