//! State files: round trip, foreign models, versions, and files that lie.

use serde_json::{Value, json};
use wkv7_core::{Bytes, Config, Fingerprint, State, Weights};
use wkv7_formats::from_bytes;
use wkv7_formats::state_file::{StateFile, load_tuned};

use crate::hostile::refused;
use crate::toy::{self, Toy};
use crate::write::{safetensors, with_header};
use crate::write_pth::pth;

fn weights() -> Weights {
    let checkpoint = from_bytes("toy", Bytes::from(safetensors(&toy::model())));
    checkpoint.and_then(wkv7_formats::Checkpoint::weights).unwrap_or_else(|error| panic!("{error}"))
}

fn state_file(weights: &Weights) -> StateFile {
    let mut state = State::zeros(weights.config());
    state.att_shift.iter_mut().zip(0u8..).for_each(|(x, n)| *x = n.into());
    state.wkv.iter_mut().zip(0u8..).for_each(|(x, n)| *x = f32::from(n) - 0.5);
    state.ffn_shift.iter_mut().zip(0u8..).for_each(|(x, n)| *x = -f32::from(n));
    let logits = Some((0..10).map(|n| n as f32 / 3.0).collect());
    StateFile { state, fingerprint: weights.fingerprint(), tokens_seen: u64::MAX, logits }
}

#[test]
fn round_trip() {
    let (weights, folder) = (weights(), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("chat.state");
    for logits in [true, false] {
        let mut file = state_file(&weights);
        file.logits = file.logits.filter(|_| logits);
        file.save(weights.config(), &path).expect("saved");
        let loaded = StateFile::load(&path).expect("loaded");
        assert_eq!(loaded, file);
        loaded.check(weights.config(), weights.fingerprint()).expect("the same model");
        let bytes = file.to_bytes(weights.config()).expect("sizes fit");
        assert_eq!(StateFile::from_bytes(&bytes).expect("read"), file);
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("listed").collect();
    assert_eq!(left.len(), 1, "nothing but the state is left");
}

/// The tensors stand in the file under the names and shapes that the format promises.
#[test]
fn names_and_shapes() {
    let weights = weights();
    let bytes = state_file(&weights).to_bytes(weights.config()).expect("sizes fit");
    let read = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    let shape = |name| read.tensor(name).expect("present").shape().to_vec();
    assert_eq!(shape("att_shift"), [2, 8]);
    assert_eq!(shape("wkv"), [2, 2, 4, 4]);
    assert_eq!(shape("ffn_shift"), [2, 8]);
    assert_eq!(shape("logits"), [10]);
}

#[test]
fn another_model_is_refused_with_both_fingerprints() {
    let weights = weights();
    let file = state_file(&weights);
    let other: Fingerprint = "00112233445566778899aabbccddeeff".parse().expect("32 digits");
    let error = file.check(weights.config(), other).expect_err("foreign").to_string();
    assert!(error.contains(&other.to_string()) && error.contains(&file.fingerprint.to_string()), "{error}");
    let smaller = Config { layers: 1, ..weights.config().clone() };
    assert!(file.check(&smaller, file.fingerprint).is_err());
    assert!(file.to_bytes(&smaller).is_err());
    let fewer = Config { vocab: 9, ..weights.config().clone() };
    assert!(file.check(&fewer, file.fingerprint).is_err());
}

#[test]
fn saving_into_no_folder_names_the_file() {
    let weights = weights();
    let error =
        state_file(&weights).save(weights.config(), "/nowhere/at/all/x.state").expect_err("no folder");
    assert!(error.to_string().contains("/nowhere/at/all/x.state"), "{error}");
}

/// The header of a good state file after `change`, with as much data as `bytes` says.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let weights = weights();
    let bytes = state_file(&weights).to_bytes(weights.config()).expect("sizes fit");
    let (length, rest) = bytes.split_first_chunk::<8>().expect("a header");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: Value = serde_json::from_slice(header).expect("JSON");
    change(&mut header);
    with_header(&header.to_string(), data)
}

#[test]
fn state_files_that_lie() {
    let meta =
        |key: &'static str, value: &'static str| changed(|header| header["__metadata__"][key] = json!(value));
    let shape = |name: &'static str, shape: Value| changed(|header| header[name]["shape"] = shape);
    let cases: [(&str, Vec<u8>, &[&str]); 16] = [
        ("a checkpoint", safetensors(&toy::model()), &["not a state file", "`wkv7-state`"]),
        ("another format", meta("format", "pt"), &["not a state file", "`pt`"]),
        ("version 2", meta("version", "2"), &["version 2", "up to 1", "update"]),
        ("version 2^64", meta("version", "18446744073709551616"), &["`version`"]),
        ("no number", meta("tokens_seen", "many"), &["`tokens_seen` is `many`"]),
        ("-1 tokens", meta("tokens_seen", "-1"), &["`tokens_seen`"]),
        ("no fingerprint", meta("fingerprint", "abc"), &["`fingerprint` is `abc`"]),
        ("wkv as a matrix", shape("wkv", json!([4, 16])), &["`wkv`", "4 dimensions"]),
        ("other heads", shape("wkv", json!([2, 1, 8, 4])), &["do not fit each other", "[2, 1, 8, 4]"]),
        ("other layers", shape("wkv", json!([1, 4, 4, 4])), &["do not fit each other"]),
        ("other channels", shape("att_shift", json!([4, 4])), &["do not fit each other"]),
        ("too many numbers", shape("att_shift", json!([2, 9])), &["tensor `att_shift`", "72 bytes"]),
        ("2^62 layers", shape("att_shift", json!([1u64 << 62, 8])), &["tensor `att_shift`"]),
        (
            "f16",
            changed(|header| {
                header["att_shift"]["dtype"] = json!("F16");
                header["att_shift"]["shape"] = json!([4, 8]);
            }),
            &["`att_shift` is F16"],
        ),
        (
            "no wkv",
            changed(|header| {
                let wkv = header["wkv"].take();
                header["wkw"] = wkv;
                header.as_object_mut().expect("an object").remove("wkv");
            }),
            &["`wkv` is missing"],
        ),
        (
            "extra",
            changed(|header| {
                let logits = header["logits"].take();
                header["extra"] = logits;
                header.as_object_mut().expect("an object").remove("logits");
            }),
            &["`extra` does not belong"],
        ),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("broken-file");
    for (name, bytes, words) in cases {
        std::fs::write(&path, bytes).expect("written");
        refused(name, words, || StateFile::load(&path));
    }
}

#[test]
fn cut_or_changed_anywhere() {
    let weights = weights();
    let good = state_file(&weights).to_bytes(weights.config()).expect("sizes fit");
    for end in 0..good.len() {
        assert!(StateFile::from_bytes(&good[..end]).is_err(), "cut at {end}");
    }
    for at in 0..good.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= change;
            if let Err(problem) = StateFile::from_bytes(&bytes) {
                assert!(!problem.to_string().contains('\n'), "byte {at}: {problem}");
            }
        }
    }
}

fn time_states(layers: usize, shape: &[usize]) -> Vec<Toy> {
    let count: usize = shape.iter().product();
    (0..layers)
        .map(|layer| Toy {
            name: format!("blocks.{layer}.att.time_state"),
            shape: shape.to_vec(),
            values: (0..count).map(|n| (100 * layer + n) as f32).collect(),
        })
        .collect()
}

#[test]
fn tuned_states() {
    let (weights, folder) = (weights(), tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("broken-file");
    for bytes in [pth(&time_states(2, &[2, 4, 4])), safetensors(&time_states(2, &[2, 4, 4]))] {
        std::fs::write(&path, bytes).expect("written");
        let state = load_tuned(&path, weights.config()).unwrap_or_else(|error| panic!("{error}"));
        let want: Vec<f32> = (0..32).chain(100..132).map(|n| n as f32).collect();
        assert_eq!(state.wkv, want);
        assert!(state.att_shift.iter().chain(&state.ffn_shift).all(|&x| x == 0.0));
    }
    let cases: [(&str, Vec<u8>, &[&str]); 4] = [
        ("a layer short", pth(&time_states(1, &[2, 4, 4])), &["`blocks.1.att.time_state` is missing"]),
        ("larger heads", pth(&time_states(2, &[2, 8, 8])), &["`blocks.0.att.time_state`", "[2, 4, 4]"]),
        ("a model without", safetensors(&toy::model()), &["`blocks.0.att.time_state` is missing"]),
        ("no container", b"nonsense".to_vec(), &["header"]),
    ];
    for (name, bytes, words) in cases {
        std::fs::write(&path, bytes).expect("written");
        refused(name, words, || load_tuned(&path, weights.config()));
    }
}
