//! World tokenizer: encode and decode on one core, beside the `rwkv-tokenizer` crate in the same run.
//!
//! The text is the LAMBADA test set where the shared fixtures folder has it, else text made here. Run with
//! `cargo bench -p wkv7-benches --bench tokenizer`; the lines at the end give MB/s (10^6 bytes of text) and the ratio.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rwkv_tokenizer::WorldTokenizer;
use wkv7_tokenizer::Tokenizer;

/// The texts, one a document, and where they are from.
fn texts() -> (Vec<String>, &'static str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/lambada_test.jsonl");
    match std::fs::read_to_string(path) {
        Ok(file) => {
            let text = |line: &str| {
                let value: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
                value["text"].as_str().expect("a text in each line").to_owned()
            };
            (file.lines().map(text).collect(), "lambada_test.jsonl")
        }
        Err(_) => (made_up(), "generated text (the shared fixtures folder is absent)"),
    }
}

/// Prose-like lines: common words in an order drawn from a fixed linear congruence, 1.7 MB as LAMBADA has.
fn made_up() -> Vec<String> {
    const WORDS: [&str; 24] = [
        "the",
        "of",
        "and",
        "she",
        "said",
        "remembered",
        "window",
        "house",
        "quickly",
        "there",
        "would",
        "nothing",
        "\"yes",
        "morning",
        "between",
        "thought",
        "hand",
        "a",
        "to",
        "in",
        "was",
        "beautiful",
        "question",
        "light",
    ];
    let mut seed = 1u32;
    let mut word = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        WORDS[(seed >> 16) as usize % WORDS.len()]
    };
    (0..5000).map(|_| (0..60).map(|_| word()).collect::<Vec<_>>().join(" ") + ".").collect()
}

/// Shortest of several runs: other work on the machine only adds time.
fn fastest(mut run: impl FnMut()) -> Duration {
    (0..15)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .expect("at least one run")
}

/// One line of the summary.
fn report(what: &str, bytes: usize, ours: Duration, theirs: Duration) {
    let speed = |time: Duration| bytes as f64 / 1e6 / time.as_secs_f64();
    println!(
        "{what}: wkv7 {:.0} MB/s, rwkv-tokenizer {:.1} MB/s, ratio {:.1}",
        speed(ours),
        speed(theirs),
        theirs.as_secs_f64() / ours.as_secs_f64()
    );
}

fn tokenizer(criterion: &mut Criterion) {
    let (texts, source) = texts();
    let bytes: usize = texts.iter().map(String::len).sum();
    let ours = wkv7_tokenizer::world();
    let theirs = WorldTokenizer::new(None).expect("the crate's own vocabulary");
    let encode_all = |ids: &mut Vec<u32>| {
        for text in &texts {
            ids.clear();
            ours.encode(text.as_bytes(), ids).expect("World encodes any bytes");
            black_box(&ids);
        }
    };

    // A rival's speed means something only where the answers agree.
    let wide: Vec<Vec<u32>> = texts
        .iter()
        .map(|text| {
            let mut ids = Vec::new();
            ours.encode(text.as_bytes(), &mut ids).expect("World encodes any bytes");
            assert!(
                theirs.encode(text).into_iter().map(u32::from).eq(ids.iter().copied()),
                "ids of {text:?}"
            );
            ids
        })
        .collect();
    let narrow: Vec<Vec<u16>> = wide
        .iter()
        .map(|ids| ids.iter().map(|&id| u16::try_from(id).expect("a World id")).collect())
        .collect();

    let mut group = criterion.benchmark_group("world");
    group.throughput(Throughput::Bytes(bytes as u64)).sample_size(20);
    let mut ids = Vec::new();
    group.bench_function("encode", |bencher| bencher.iter(|| encode_all(&mut ids)));
    group.bench_function("decode", |bencher| bencher.iter(|| decode_all(&*ours, &wide)));
    group.finish();

    let tokens: usize = wide.iter().map(Vec::len).sum();
    println!("text: {source}, {bytes} bytes, {tokens} tokens, {} documents, one thread", texts.len());
    report(
        "encode",
        bytes,
        fastest(|| encode_all(&mut ids)),
        fastest(|| texts.iter().for_each(|text| drop(black_box(theirs.encode(text))))),
    );
    // Their `decode` takes its ids by value, so the copies are made outside the clock.
    let mut copies = vec![narrow.clone(); 16];
    report(
        "decode",
        bytes,
        fastest(|| decode_all(&*ours, &wide)),
        fastest(|| {
            for ids in copies.pop().expect("one copy a run") {
                black_box(theirs.decode(ids).expect("ids of a text"));
            }
        }),
    );
}

fn decode_all(tokenizer: &dyn Tokenizer, ids: &[Vec<u32>]) {
    for ids in ids {
        black_box(tokenizer.decode(ids).expect("ids of this vocabulary"));
    }
}

criterion_group!(benches, tokenizer);
criterion_main!(benches);
