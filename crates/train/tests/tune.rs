//! Tuning a model that was really trained, and the files that come of it.

use std::path::Path;

use wkv7_core::{State, Weights};
use wkv7_formats::{open, open_tensors, state_file};
use wkv7_tokenizer::Bytes;
use wkv7_train::tune::{Adapter, Lora, LoraTuner, Reading, Sample, Samples, StateTuner, Targets, Tuning};
use wkv7_train::{Layout, files};

fn stories() -> Weights {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/stories.safetensors");
    open(path).expect("the model").weights().expect("a model")
}

/// A style that the model does not know.
fn letters(count: usize, seed: u64) -> Vec<Sample> {
    let mut random = wkv7_testkit::Random::new(seed);
    let (names, things) = (["Mia", "Tom", "Anna", "Ben"], ["a red ball", "a small key", "a warm hat"]);
    let mut of = |words: &[&'static str]| words[random.below(words.len())];
    let mut letter = || {
        let (to, from, thing) = (of(&names), of(&names), of(&things));
        format!("Dear {to}! I write to you as I have {thing} for you!! Yours, {from}.")
    };
    let pairs: Vec<(&str, String)> = (0..count).map(|_| ("", letter())).collect();
    Samples::pairs(&pairs, &Bytes, &Reading::default()).expect("bytes").samples
}

#[test]
fn a_tuned_state_teaches_a_style_and_loads_everywhere() {
    let weights = stories();
    let config = weights.config().clone();
    let tuning = Tuning { steps: Some(24), batch: 8, ..Tuning::state() };
    let mut tuner = StateTuner::new(weights.clone(), None, &tuning).expect("fits");
    let held_out = letters(8, 2);
    let before = tuner.evaluate(&held_out).expect("bytes");
    let mut seen = 0;
    let outcome = tuner.run(&letters(32, 1), &mut |progress| {
        seen += 1;
        assert_eq!((progress.done, progress.steps, progress.skipped), (seen, 24, false));
        true
    });
    assert_eq!(outcome.expect("runs").steps, 24);
    let after = tuner.evaluate(&held_out).expect("bytes");
    assert!(after.mean() < 0.8 * before.mean(), "{} before, {} after", before.mean(), after.mean());
    let tuned = tuner.state();
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["state.pth", "state.safetensors"] {
        let path = folder.path().join(name);
        tuned.save(&path).expect("written");
        let tensors = open_tensors(&path).expect("reads").tensors;
        let shape = [config.heads * config.head_size, config.head_size]; // as the reader folds the first two
        let tensor = tensors.get("blocks.1.att.time_state").expect("there");
        assert_eq!((tensors.len(), tensor.shape()), (3, &shape[..]));
        let loaded = state_file::load_tuned(&path, &config).expect("loads");
        assert!(loaded == tuned.to_state() && loaded.wkv == tuned.wkv(), "{name}");
    }
    // From there it goes on.
    let mut again = StateTuner::new(weights, Some(&tuned.to_state()), &tuning).expect("fits");
    assert_eq!(again.evaluate(&held_out).expect("bytes"), after);
    let other = State { wkv: vec![0.0; 3], ..tuned.to_state() };
    assert!(StateTuner::new(stories(), Some(&other), &tuning).is_err());
}

#[test]
fn stopping_keeps_what_was_learned() {
    let tuning = Tuning { steps: Some(24), batch: 4, ..Tuning::state() };
    let mut tuner = StateTuner::new(stories(), None, &tuning).expect("fits");
    let outcome = tuner.run(&letters(8, 1), &mut |progress| progress.done < 3).expect("runs");
    assert_eq!((outcome.steps, outcome.stopped), (3, true));
    assert!(tuner.state().wkv().iter().any(|x| *x != 0.0));
}

#[test]
fn an_adapter_teaches_a_style_and_is_written_as_its_world_has_it() {
    let weights = stories();
    let layout = Layout::of(&weights).expect("a layout");
    let lora = Lora { rank: 4, alpha: 8.0, targets: "att,ffn.value".parse().expect("targets") };
    let tuning = Tuning { steps: Some(16), batch: 8, first_rate: 1e-2, ..Tuning::lora() };
    let mut tuner = LoraTuner::new(weights.clone(), &lora, &tuning).expect("fits");
    let base = files::flatten(&layout, &weights).expect("fits");
    assert_eq!(tuner.parameters(), base, "a new adapter changes nothing");
    let held_out = letters(8, 2);
    let before = tuner.evaluate(&held_out).expect("bytes");
    tuner.run(&letters(32, 1), &mut |_| true).expect("runs");
    let after = tuner.evaluate(&held_out).expect("bytes");
    assert!(after.mean() < 0.8 * before.mean(), "{} before, {} after", before.mean(), after.mean());
    let mut added = base.clone();
    tuner.adapter().add_to(&layout, &mut added).expect("fits");
    assert_eq!(added, tuner.parameters());
    // Only the targets changed.
    for entry in layout.entries() {
        let target = lora_target(&entry.name);
        assert_eq!(added[entry.range.clone()] != base[entry.range.clone()], target, "{}", entry.name);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut read = Vec::new();
    for name in ["a.pth", "a.safetensors"] {
        let path = folder.path().join(name);
        tuner.adapter().save(&path).expect("written");
        let file = open_tensors(&path).expect("reads");
        assert_eq!(file.tensors.len(), 3 * 5 * 2);
        let shape = |name: &str| file.tensors.get(name).expect("there").shape().to_vec();
        assert_eq!(shape("blocks.2.ffn.value.lora_A"), [4, 512]);
        assert_eq!(shape("blocks.0.att.key.lora_B"), [128, 4]);
        if path.extension().is_some_and(|x| x == "safetensors") {
            assert_eq!((file.facts["alpha"].as_str(), file.facts["rank"].as_str()), ("8", "4"));
        }
        read.push(file.tensors.iter().map(|(name, x)| (name.to_owned(), x.to_f32())).collect::<Vec<_>>());
    }
    assert_eq!(read[0], read[1]);
    assert!(tuner.adapter().save(Path::new("a.onnx")).is_err());
}

fn lora_target(name: &str) -> bool {
    let matrix = ["att.receptance", "att.key", "att.value", "att.output", "ffn.value"];
    matrix.iter().any(|matrix| name.ends_with(&format!("{matrix}.weight")))
}

#[test]
fn adapters_begin_as_torch_has_it_and_targets_are_words() {
    let layout = Layout::of(&stories()).expect("a layout");
    let all = Adapter::new(&layout, 8, 16.0, &Targets::default(), 1).expect("fits");
    assert_eq!(all.parameters(), 3 * 8 * (4 * 256 + 2 * (128 + 512)));
    assert!(Adapter::new(&layout, 0, 1.0, &Targets::default(), 1).is_err());
    assert!(Adapter::new(&layout, 129, 1.0, &Targets::default(), 1).is_err());
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new.safetensors");
    all.save(&path).expect("written");
    let tensors = open_tensors(&path).expect("reads").tensors;
    for (name, tensor) in tensors.iter() {
        let (numbers, bound) = (tensor.to_f32(), 1.0 / (tensor.columns() as f32).sqrt());
        let largest = numbers.iter().fold(0.0, |largest: f32, x| largest.max(x.abs()));
        if name.ends_with("lora_A") {
            assert!(largest <= bound && largest > 0.98 * bound, "{name}: {largest} of {bound}");
        } else {
            assert_eq!(largest, 0.0, "{name}");
        }
    }
    let words = |text: &str| text.parse::<Targets>().map(|targets| targets.to_string());
    assert_eq!(words("ffn, att.key").as_deref(), Ok("att.key,ffn.key,ffn.value"));
    assert_eq!(words("all"), Ok(Targets::default().to_string()));
    assert!(words("att.gate").is_err() && words("").is_err());
}
