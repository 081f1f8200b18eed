//! GGUF files made to do harm, or just broken: each ends in one clear line, at once.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use wkv7_core::Bytes;
use wkv7_formats::{Checkpoint, from_bytes};

use wkv7_formats::convert::{Convert, Target, convert};
use wkv7_formats::{Format, Vocabulary};
use wkv7_testkit::TinyModel;
use wkv7_testkit::files::write_gguf::{Made, Patch, with_entries};
use wkv7_testkit::hostile::{Case, gguf};

/// A sound file of the smallest size, as this project writes it.
fn sound() -> Vec<u8> {
    let model = TinyModel::default();
    let folder = tempfile::tempdir().expect("scratch");
    let source = Checkpoint {
        path: "memory".into(),
        format: Format::Pth,
        tensors: model.tensors(),
        recipe: model.recipe,
        vocabulary: Some(Vocabulary::from_token_bytes([None, Some(&b"a"[..])], model.vocab)),
        chat_template: Some("{{ ''.__class__.__mro__ }}".to_owned()),
        metadata: std::collections::BTreeMap::new(),
        file_bytes: 0,
    };
    let out = folder.path().join("sound.gguf");
    convert(&source, &out, &Convert::to(Target::Gguf), &mut |_, _| true).expect("written");
    std::fs::read(out).expect("there")
}

/// Opens the file and checks all its tensors, as loading a model does.
fn load(bytes: Vec<u8>) -> Result<(), String> {
    from_bytes("hostile.gguf", Bytes::from(bytes))
        .and_then(Checkpoint::weights)
        .map(drop)
        .map_err(|error| error.to_string())
}

#[test]
fn every_hostile_file_ends_in_one_clear_line() {
    let sound = sound();
    let cases =
        [gguf::heads(&sound), gguf::metadata(&sound), gguf::vocabularies(&sound), gguf::tensors(&sound)]
            .concat();
    assert!(cases.len() >= 80, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for Case { name, bytes, words } in cases {
        let start = Instant::now();
        let result = load(bytes);
        let took = start.elapsed();
        let Err(error) = result else {
            wrong.push(format!("{name}: accepted"));
            continue;
        };
        if took > Duration::from_secs(2) {
            wrong.push(format!("{name}: took {took:?}"));
        }
        if !error.starts_with("hostile.gguf: ") || error.contains('\n') || error.len() > 600 {
            wrong.push(format!("{name}: not one line about the file: {error}"));
        }
        if let Some(word) = words.iter().find(|&&word| !error.contains(word)) {
            wrong.push(format!("{name}: no `{word}` in: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_cut_of_the_head_is_an_error() {
    let file = sound();
    let end = Patch(file.clone()).after("output.weight") + 32;
    for length in 0..end {
        assert!(load(file[..length].to_vec()).is_err(), "cut to {length} bytes of {}", file.len());
    }
}

#[test]
fn the_sound_file_is_sound_and_its_template_is_only_text() {
    load(sound()).expect("sound");
    let checkpoint = from_bytes("sound.gguf", Bytes::from(sound())).expect("sound");
    assert_eq!(checkpoint.chat_template.as_deref(), Some("{{ ''.__class__.__mro__ }}"));
}

/// 8 MB of texts in the metadata are not worth keeping.
#[test]
fn facts_are_bounded() {
    let many =
        (0..2_000).fold(Made(Vec::new(), 0), |made, n| made.text(&format!("{n:04}"), &"x".repeat(4_000)));
    let checkpoint = from_bytes("many.gguf", Bytes::from(with_entries(&sound(), many))).expect("sound");
    let kept: usize = checkpoint.metadata.values().map(String::len).sum();
    assert!((500_000..1_100_000).contains(&kept), "{kept}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_never_panic(changes in prop::collection::vec((0usize..12_000, any::<u8>()), 1..8)) {
        let mut file = sound();
        for (at, byte) in changes {
            let at = at % file.len();
            file[at] = byte;
        }
        if let Err(error) = load(file) {
            prop_assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn any_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.append(&mut bytes);
        prop_assert!(load(file).is_err());
    }
}
