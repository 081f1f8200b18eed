//! What a forward asks of the device, and what happens where the device cannot.

mod support;

use support::{feed, options, software};
use wkv7_core::{Backend, Batch, Dtype, Error, Outputs, Reference, Step, Want, top};
use wkv7_testkit::{Random, TinyModel, Tolerance, close};
use wkv7_wgpu::{Choice, Counts, Features, Settings, Shape, Wgpu};

/// What forwards of `sizes` tokens asked for, one after the other, after the first two.
fn asked(backend: &Wgpu, model: &TinyModel, sizes: &[usize]) -> Vec<Counts> {
    let mut model = backend.load(&model.weights(), &options()).expect("loads");
    let mut slot = model.open_slot().expect("free");
    let mut random = Random::new(5);
    sizes
        .iter()
        .map(|&size| {
            let tokens = random.tokens(size, model.info().config.vocab);
            feed(&mut *model, &mut slot, &tokens).expect("runs");
            backend.counts()
        })
        .collect()
}

#[test]
fn a_layer_takes_eight_dispatches_or_nine_and_a_forward_one_command_buffer() {
    let Some(backend) = software(|_| ()) else { return };
    for (dtype, expected) in [(Dtype::F16, 8), (Dtype::F32, 8), (Dtype::Q8_0, 9), (Dtype::Q4K, 9)] {
        let [two, five] = [2, 5].map(|layers| {
            let counts = asked(&backend, &TinyModel { layers, ..TinyModel::of(dtype) }, &[1, 1, 33, 3]);
            counts.windows(2).map(|pair| pair[1].dispatches - pair[0].dispatches).collect::<Vec<_>>()
        });
        for ((kind, two), five) in ["decode", "prefill", "a few tokens"].iter().zip(two).zip(five) {
            let layer = (five - two) / 3;
            println!("{dtype}, {kind}: {layer} dispatches a layer, {} outside", two - 2 * layer);
            assert_eq!((layer, two - 2 * layer), (expected, 3), "{dtype}, {kind}");
        }
    }
    let before = backend.counts();
    let after = asked(&backend, &TinyModel::default(), &[1, 40, 7]);
    assert_eq!(after[2].command_buffers - before.command_buffers, 3);
}

#[test]
fn after_loading_nothing_is_made_anymore() {
    let Some(backend) = software(|_| ()) else { return };
    let sizes = [1, 40, 1, 2, 3, 5, 8, 9, 17, 33, 64, 1];
    let counts = asked(&backend, &TinyModel::of(Dtype::Q5K), &sizes);
    let made = |counts: &Counts| (counts.buffers, counts.pipelines);
    // Stronger than "after the second": all is made by loading.
    assert!(counts.iter().all(|later| made(later) == made(&counts[0])), "{counts:?}");
    assert!(counts[0].buffers > 0 && counts[0].pipelines > 0);
}

/// Also that kernels which not every adapter can run are run here, so that the conformance suite means them too.
#[test]
fn what_the_time_goes_into_is_told_by_kernel() {
    let wide = |settings: &mut Settings| (settings.shape, settings.profile) = (Some(Shape::Wide), true);
    let Some(backend) = software(wide) else { return };
    let model = TinyModel::default();
    asked(&backend, &model, &[1]);
    let decode = backend.profile();
    asked(&backend, &model, &[20]);
    let prefill = backend.profile();
    let kernels = |of: &str| {
        [&decode, &prefill].map(|spent| {
            spent.iter().filter(|(name, _)| name.starts_with(of)).map(|(_, spent)| spent.count).sum::<u64>()
        })
    };
    assert_eq!(kernels("Wkv(32)"), [2, 0], "{decode:?} {prefill:?}");
    assert_eq!(kernels("WkvTokens(32)"), [0, 2]);
    assert_eq!(kernels("NormShift(6)"), [2, 2]);
    assert_eq!(kernels("Rows(F32, 1)"), [11, 1]); // of prefill, the head
    assert_eq!(kernels("Tile(F32)"), [0, 10]);
    assert!(prefill.values().map(|spent| spent.seconds).sum::<f64>() > 0.0);
    assert!(backend.profile().is_empty(), "taken");
}

#[test]
fn the_largest_logits_are_a_few_hundred_bytes_and_two_dispatches() {
    let Some(backend) = software(|_| ()) else { return };
    let tiny = TinyModel { vocab: 5000, ..TinyModel::default() };
    let mut model = backend.load(&tiny.weights(), &options()).expect("loads");
    let mut slot = model.open_slot().expect("free");
    let mut before = backend.counts();
    let mut ask = |want| {
        let mut outputs = Outputs::new();
        let batch = Batch::new(model.info(), vec![Step::new(&mut slot, &[1], want)]).expect("valid");
        model.forward(&batch, &mut outputs).expect("runs");
        let after = backend.counts();
        let asked = (after.dispatches - before.dispatches, after.bytes_read - before.bytes_read);
        before = after;
        asked
    };
    let (nothing, no_bytes) = ask(Want::Nothing);
    assert_eq!(no_bytes, 0);
    assert_eq!(ask(Want::Last), (nothing + 2, 4 * 5000));
    assert_eq!(ask(Want::Top(20)), (nothing + 4, 4 * (1 + 2 * 20)));
    assert_eq!(ask(Want::Top(0)), (nothing, 0));
    assert_eq!(ask(Want::Top(1000)), (nothing + 2, 4 * 5000)); // selected on the host
    assert_eq!(ask(Want::Hidden), (nothing + 1, 4 * 64));
}

#[test]
fn forks_and_new_slots_make_nothing() {
    let Some(backend) = software(|_| ()) else { return };
    let mut model = backend.load(&TinyModel::default().weights(), &options()).expect("loads");
    let before = backend.counts();
    let mut first = model.open_slot().expect("free");
    feed(&mut *model, &mut first, &[1, 2, 3]).expect("runs");
    let mut fork = model.open_slot().expect("free");
    model.copy_state(&first, &mut fork).expect("copies");
    let state = model.read_state(&fork).expect("reads");
    assert_eq!(model.read_state(&first).expect("reads"), state);
    model.write_state(&mut fork, &state).expect("writes");
    model.close_slot(fork);
    let after = backend.counts();
    assert_eq!((after.buffers, after.pipelines), (before.buffers, before.pipelines));
}

#[test]
fn prompts_longer_than_a_pass_and_more_logits_than_fit_are_cut_and_whole() {
    // A row of logits is 268 bytes, a token's activations 19 kilobytes: passes of 21 tokens.
    let Some(cut) = software(|settings| settings.binding_limit = Some(400 << 10)) else { return };
    let Some(whole) = software(|_| ()) else { return };
    let tokens = Random::new(6).tokens(60, 67);
    let logits = [&cut, &whole].map(|backend| {
        let mut model = backend.load(&TinyModel::of(Dtype::F16).weights(), &options()).expect("loads");
        let mut slot = model.open_slot().expect("free");
        let mut outputs = Outputs::new();
        let batch = Batch::new(model.info(), vec![Step::new(&mut slot, &tokens, Want::All)]).expect("valid");
        model.forward(&batch, &mut outputs).expect("runs");
        outputs.logits
    });
    assert!(cut.counts().command_buffers > 1);
    assert_eq!(whole.counts().command_buffers, 1);
    close("logits", &logits[0], &logits[1]).within(Tolerance::F32_ROUNDING);
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_both_numbers_before_anything_is_made() {
    const LIMIT: u64 = 1_000_000;
    let Some(backend) = software(|settings| settings.memory_limit = Some(LIMIT)) else { return };
    let Err(error) = backend.load(&TinyModel::of(Dtype::F32).weights(), &options()) else {
        panic!("five megabytes fit into one")
    };
    let text = error.to_string();
    assert!(matches!(error, Error::Unavailable { .. }), "{text}");
    let numbers: Vec<u64> =
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    assert!(numbers[0] > LIMIT && numbers.contains(&LIMIT), "{text}");
    assert_eq!(backend.counts().buffers, 0);
    let mut few = options();
    (few.slots, few.max_tokens) = (1, 8);
    backend.load(&TinyModel::default().weights(), &few).expect("a small one still fits");
}

/// 64 MB of head, and tops of as many tokens as published models have.
#[test]
fn a_head_larger_than_a_binding_is_split() {
    let Some(backend) = software(|settings| settings.binding_limit = Some(16 << 20)) else { return };
    let tiny = TinyModel {
        layers: 1,
        channels: 128,
        head_size: 64,
        ffn: 128,
        vocab: 65_536,
        ..TinyModel::default()
    };
    let weights = tiny.weights();
    let mut models = [&backend as &dyn Backend, &Reference]
        .map(|backend| backend.load(&weights, &options()).expect("loads"));
    let [logits, want] = [0, 1].map(|n: usize| {
        let mut slot = models[n].open_slot().expect("free");
        feed(&mut *models[n], &mut slot, &[65_535, 7]).expect("runs")
    });
    close("logits", &logits, &want).within(Tolerance::F32_ROUNDING);
    let mut slot = models[0].open_slot().expect("free");
    let mut outputs = Outputs::new();
    let step = Step::new(&mut slot, &[65_535, 7], Want::Top(40));
    let batch = Batch::new(models[0].info(), vec![step]).expect("valid");
    models[0].forward(&batch, &mut outputs).expect("runs");
    let mut tops = Vec::new();
    top::largest(&logits, 40, &mut tops);
    assert_eq!(
        outputs.tops.iter().map(|top| (top.token, top.logit)).collect::<Vec<_>>(),
        tops.iter().map(|top| (top.token, top.logit)).collect::<Vec<_>>()
    );
    for (got, want) in outputs.tops.iter().zip(&tops) {
        assert!((got.log_probability - want.log_probability).abs() < 1e-5, "{got:?} {want:?}");
    }
}

#[test]
fn too_many_slots_for_a_binding_are_refused_with_both_numbers() {
    let Some(backend) = software(|settings| settings.binding_limit = Some(64 << 10)) else { return };
    let mut many = options();
    many.slots = 1000;
    let Err(error) = backend.load(&TinyModel::default().weights(), &many) else {
        panic!("a thousand slots fit")
    };
    let text = error.to_string();
    assert!(text.contains("1000 slots") && text.contains("65536") && text.contains("fewer slots"), "{text}");
}

#[test]
fn more_than_the_device_has_is_an_error() {
    let Some(backend) = software(|_| ()) else { return };
    let mut many = options();
    many.slots = usize::MAX / 2;
    let Err(error) = backend.load(&TinyModel::default().weights(), &many) else { panic!("they fit") };
    assert!(matches!(error, Error::Unavailable { .. } | Error::Device { .. }), "{error}");
    backend.load(&TinyModel::default().weights(), &options()).expect("and what fits still loads");
}

#[test]
fn a_lost_device_is_an_error_and_others_go_on() {
    let Some(lost) = software(|_| ()) else { return };
    let Some(other) = software(|_| ()) else { return };
    let weights = TinyModel::default().weights();
    let mut models = [&lost, &other].map(|backend| backend.load(&weights, &options()).expect("loads"));
    let [mut slot, mut spare] = [0, 1].map(|n: usize| models[n].open_slot().expect("free"));
    feed(&mut *models[0], &mut slot, &[1]).expect("runs");
    lost.lose_device();
    for _ in 0..2 {
        let error = feed(&mut *models[0], &mut slot, &[2]).expect_err("the device is gone");
        assert!(matches!(error, Error::Device { .. }), "{error}");
    }
    assert!(models[0].read_state(&slot).is_err() && models[0].open_slot().is_err());
    feed(&mut *models[1], &mut spare, &[2]).expect("another device runs");
    // The backend opens the device anew.
    let mut again = lost.load(&weights, &options()).expect("loads");
    let mut slot = again.open_slot().expect("free");
    feed(&mut *again, &mut slot, &[3]).expect("runs");
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let with = |adapter| {
        let mut settings = Settings::default();
        settings.adapter = adapter;
        let loaded = Wgpu::with(settings).load(&TinyModel::default().weights(), &options());
        loaded.err().map(|error| error.to_string())
    };
    let error = with(Choice::Name("no such card".to_owned())).expect("no such card");
    assert!(error.contains("`wgpu` is not available"), "{error}");
    let error = with(Choice::Index(999)).expect("no such place");
    assert!(error.contains("999") || error.contains("no driver"), "{error}");
    if wkv7_wgpu::devices().iter().all(|device| device.kind == "software") {
        let error = with(Choice::Best).expect("no real device");
        assert!(error.contains("software") || error.contains("no driver"), "{error}");
    }
}

#[test]
fn loading_can_be_cancelled_and_says_what_became_another_type() {
    let Some(backend) = software(|settings| settings.features = Some(Features::NONE)) else { return };
    let mut cancelled = options();
    cancelled.progress = Some(std::sync::Arc::new(|_, _| false));
    let loaded = backend.load(&TinyModel::of(Dtype::Q5_1).weights(), &cancelled);
    assert!(matches!(loaded.err(), Some(Error::Cancelled)));
    let model = backend.load(&TinyModel::of(Dtype::Q5_1).weights(), &options()).expect("loads");
    let report = model.report();
    assert!(report.packed.iter().any(|packed| packed.what == "Q5_1 as F16"), "{report:?}");
    assert!(report.kernels.contains("no optional features"), "{report:?}");
    let model = backend.load(&TinyModel::of(Dtype::Q4K).weights(), &options()).expect("loads");
    assert_eq!(model.report().packed, []);
}
