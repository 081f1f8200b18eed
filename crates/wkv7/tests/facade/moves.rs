//! Sessions that move between the cpu and a graphics card, here Mesa's software adapter.

use wkv7::core::{Dtype, Error as CoreError};
use wkv7::{BackendChoice, Error, Model, Options};
use wkv7_testkit::{Random, TinyModel, Tolerance, close};

/// The bound of a move, by the type of the weights. Over 300 tokens 6e-7 was measured for either: both backends multiply
/// F16 as f32.
const MOVED_F32: Tolerance = Tolerance { cause: "f32 rounding, moved", relative: 1e-5, largest: 2e-5 };
const MOVED_F16: Tolerance = Tolerance { cause: "F16 weights, moved", relative: 1e-3, largest: 2e-3 };

fn on(backend: &str, tiny: &TinyModel) -> Model {
    let mut options = Options::default();
    options.backend = BackendChoice::Named(backend.to_owned());
    options.load.slots = 4;
    options.load.exact = true;
    Model::from_weights(tiny.weights(), None, &options).expect("a model")
}

/// The software adapter, as `--backend` names it; `None` where there is none, a failure where `CI=true`.
fn software() -> Option<String> {
    let devices = wkv7::devices().expect("built with wgpu");
    let found = devices.iter().find(|device| device.kind == "software");
    wkv7_testkit::software_adapter(found).map(|device| format!("wgpu:{}", device.index))
}

#[test]
fn three_hundred_tokens_over_two_moves_are_those_of_a_run_that_never_moved() {
    let Some(device) = software() else { return };
    for (dtype, bound) in [(Dtype::F32, MOVED_F32), (Dtype::F16, MOVED_F16)] {
        let tiny = TinyModel::of(dtype);
        let (cpu, gpu) = (on("cpu", &tiny), on(&device, &tiny));
        let tokens = Random::new(17).tokens(300, tiny.vocab);
        let want = cpu.session().expect("slot").feed_all(&tokens).expect("fed");

        let mut here = cpu.session().expect("slot");
        let mut got = here.feed_all(&tokens[..100]).expect("fed");
        let mut there = here.to(&gpu).expect("moved");
        got.extend(there.feed_all(&tokens[100..200]).expect("fed"));
        let mut back = there.to(&cpu).expect("moved back");
        got.extend(back.feed_all(&tokens[200..]).expect("fed"));
        assert_eq!(back.tokens_seen(), 300);

        let compared = close("logits of all tokens", &got, &want);
        println!("{dtype}: relative difference {:.1e}", compared.relative());
        compared.within(bound);
        let last = close("logits of the last", &got[299 * tiny.vocab..], &want[299 * tiny.vocab..]);
        last.within(bound);
    }
}

#[test]
fn a_state_file_moves_too_and_another_model_is_refused() {
    let Some(device) = software() else { return };
    let tiny = TinyModel::default();
    let (cpu, gpu) = (on("cpu", &tiny), on(&device, &tiny));
    let mut here = cpu.session().expect("slot");
    here.feed(&[1, 2, 3]).expect("fed");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("state.safetensors");
    here.save(&file).expect("saved");
    let mut there = gpu.session().expect("slot");
    there.restore(&file).expect("restored");
    assert_eq!(there.state().expect("valid"), here.state().expect("valid"));

    let other = on("cpu", &TinyModel { seed: 8, ..tiny });
    let refused = here.to(&other).expect_err("other weights");
    assert!(matches!(refused, Error::Core(CoreError::ForeignState { .. })), "{refused}");
}
