//! Every file of the fuzz corpus, through the same functions as the fuzz targets, without a fuzzer.
//!
//! The corpus holds seeds, which the writers below make, and every input that once went wrong. After a change
//! to the seeds, `WKV7_WRITE_SEEDS=1 cargo test -p wkv7-tests --test fuzz_corpus` writes them anew.

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use wkv7_core::{Dtype, Ranks};
use wkv7_formats::convert::{Convert, Target, convert};
use wkv7_formats::{Checkpoint, Format, Vocabulary};
use wkv7_testkit::TinyModel;
use wkv7_testkit::files::toy::{self, Toy};
use wkv7_testkit::files::{write, write_pth};
use wkv7_train::data::Writer;

/// What a target does with bytes.
type Run = fn(&[u8]);

/// The targets by name.
const TARGETS: [(&str, Run); 7] = [
    ("pth", fuzz::checkpoint),
    ("safetensors", fuzz::checkpoint),
    ("gguf", fuzz::checkpoint),
    ("rwkv_cpp", fuzz::checkpoint),
    ("state_file", fuzz::state_file),
    ("vocabulary", fuzz::vocabulary),
    ("binidx", fuzz::binidx),
];

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target)
}

#[test]
fn every_file_of_the_corpus_is_survived() {
    for (target, run) in TARGETS {
        let mut files = 0;
        for entry in fs::read_dir(corpus(target)).unwrap_or_else(|error| panic!("{target}: {error}")) {
            let path = entry.expect("listed").path();
            let bytes = fs::read(&path).expect("a file");
            let start = Instant::now();
            println!("{}", path.display()); // the last one printed is the one that panicked
            run(&bytes);
            assert!(start.elapsed() < Duration::from_secs(2), "{}: too long", path.display());
            files += 1;
        }
        assert!(files > 0, "{target}: no corpus");
    }
}

/// The seeds are those that the writers make now, so that they lead the fuzzer past the readers' first checks.
#[test]
fn seeds_are_up_to_date() {
    let renew = std::env::var_os("WKV7_WRITE_SEEDS").is_some();
    for (target, name, bytes) in seeds() {
        assert!(bytes.len() < 20_000, "{target}/{name}: {} bytes", bytes.len());
        let path = corpus(target).join(format!("seed-{name}"));
        if renew {
            fs::create_dir_all(corpus(target)).expect("a folder");
            fs::write(&path, &bytes).expect("written");
        }
        let kept = fs::read(&path).unwrap_or_default();
        assert!(
            kept == bytes,
            "{} differs from what its writer makes: see the top of this file",
            path.display()
        );
    }
}

/// (target, name, bytes)
fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let first_layer = |toys: Vec<Toy>| -> Vec<Toy> {
        toys.into_iter().filter(|toy| !toy.name.contains("s.1.")).collect() // blocks.1, layers.1
    };
    let [official, fused] = [first_layer(toy::model()), toy::hugging_face(true)];
    let (mut pickle, storages) = write_pth::state_dict(&official);
    pickle.op(b".");
    vec![
        ("pth", "official", write_pth::pth(&official)),
        ("pth", "zip64", write_pth::archive_in(write_pth::Zip::wide(), &pickle.0, &storages)),
        ("pth", "hugging-face", write_pth::pth(&first_layer(toy::hugging_face(false)))),
        ("safetensors", "official", write::safetensors(&toy::model())),
        ("safetensors", "web-rwkv", write::safetensors(&toy::thin_turned())),
        ("safetensors", "hugging-face", write::safetensors(&toy::hugging_face(false))),
        ("safetensors", "fused", write::safetensors(&fused)),
        ("safetensors", "bf16", converted(&tiny(Dtype::BF16), Target::Safetensors, None)),
        ("gguf", "f32", converted(&tiny(Dtype::F32), Target::Gguf, None)),
        ("gguf", "f16", converted(&tiny(Dtype::F16), Target::Gguf, None)),
        ("gguf", "q8_0", converted(&blocks(), Target::Gguf, Some(Dtype::Q8_0))),
        ("gguf", "q5_1", converted(&blocks(), Target::Gguf, Some(Dtype::Q5_1))),
        ("rwkv_cpp", "f32", write::rwkv_cpp(&write::rwkv_cpp_toys())),
        ("state_file", "small", state(false)),
        ("state_file", "logits", state(true)),
        ("vocabulary", "few", VOCABULARY.to_vec()),
        ("binidx", "halves", binidx(256)),
        ("binidx", "words", binidx(70_000)),
    ]
}

/// Every way of writing a token, and a text of them.
const VOCABULARY: &[u8] = b"1 'a' 1\n2 \"it's\" 4\n3 b'\\xff\\x00' 2\n4 '\\u00e9' 2\n5 '\\U0001f600' 4\n\
                            6 'a\\n' 2\n7 'aa a' 4\n\0aaa\naa ait's\xff";

/// Three documents, as `fuzz::binidx` takes them; the vocabulary decides how tokens are stored.
fn binidx(vocab: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let prefix = folder.path().join("seed");
    let mut writer = Writer::create(&prefix, vocab).expect("begun");
    for document in [&[1, 2, 3, 0][..], &[0], &[200, 7, 0]] {
        writer.push(document).expect("written");
    }
    writer.finish().expect("written");
    let [idx, bin] = ["idx", "bin"].map(|ending| fs::read(prefix.with_extension(ending)).expect("there"));
    [&(idx.len() as u16).to_le_bytes()[..], &idx, &bin].concat()
}

fn tiny(dtype: Dtype) -> TinyModel {
    let ranks = vec![Ranks { decay: 2, rate: 3, value: 5, gate: 4 }];
    let small = TinyModel { channels: 8, head_size: 4, ffn: 12, vocab: 10, ranks, ..TinyModel::default() };
    small.in_dtype(dtype)
}

/// One layer, as wide as a block.
fn blocks() -> TinyModel {
    TinyModel { layers: 1, channels: 32, head_size: 32, ffn: 32, first_value: false, ..tiny(Dtype::F16) }
}

fn converted(model: &TinyModel, target: Target, dtype: Option<Dtype>) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("seed");
    let tokens: Vec<Vec<u8>> = (0..model.vocab as u8).map(|n| vec![n; 2]).collect();
    let checkpoint = Checkpoint {
        path: "memory".into(),
        format: Format::Safetensors,
        tensors: model.tensors(),
        recipe: model.recipe,
        vocabulary: Some(Vocabulary::from_token_bytes(
            tokens.iter().map(|t| Some(t.as_slice())),
            model.vocab,
        )),
        chat_template: Some("{{ text }}".to_owned()),
        metadata: Default::default(),
        file_bytes: 0,
    };
    let options = Convert { dtype, ..Convert::to(target) };
    convert(&checkpoint, &out, &options, &mut |_, _| true).expect("written");
    fs::read(&out).expect("there")
}

/// Written by hand: the library that serialises state files puts metadata in no fixed order.
fn state(logits: bool) -> Vec<u8> {
    let mut header = json!({
        "__metadata__": {
            "format": "wkv7-state",
            "version": "1",
            "fingerprint": "00112233445566778899aabbccddeeff",
            "tokens_seen": "3",
        },
        "att_shift": write::entry("F32", &[2, 8], 0, 64),
        "wkv": write::entry("F32", &[2, 2, 4, 4], 64, 320),
        "ffn_shift": write::entry("F32", &[2, 8], 320, 384),
    });
    if logits {
        header["logits"] = write::entry("F32", &[10], 384, 424);
    }
    write::with_header(&header.to_string(), &vec![0; if logits { 424 } else { 384 }])
}
