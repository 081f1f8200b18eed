//! Evaluation: against plain sums, resumed, and against recorded figures.

use std::fs;

use wkv7::eval::{
    EvalOptions, Lambada, Perplexity, PerplexityOptions, Progress, Start, choice, lambada, perplexity,
    perplexity_of_tokens,
};
use wkv7::{Error, Model, Options};
use wkv7_testkit::{Golden, fixtures};

use super::{bytes_model, seeded, words_model};

fn quiet<R>() -> impl FnMut(&Progress<'_, R>) -> bool {
    |_| true
}

/// ln p of `tokens[from..]`, each given all before it, from a fresh session, and whether each is the argmax.
fn by_hand(model: &Model, tokens: &[u32], from: usize) -> (f64, bool) {
    let mut session = model.session().expect("slot");
    let (mut sum, mut greedy) = (0.0, true);
    for (index, &token) in tokens.iter().enumerate() {
        if index >= from
            && let Some(logits) = session.logits()
        {
            let total: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
            sum += f64::from(logits[token as usize]) - total.ln();
            greedy &= logits.iter().all(|logit| *logit <= logits[token as usize]);
        }
        session.feed(&[token]).expect("fed");
    }
    (sum, greedy)
}

fn tokens(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

#[test]
fn perplexity_of_the_trained_model_is_the_oracles() {
    let Some(fixtures) = fixtures() else { return };
    let path = fixtures.join("tiny-834k.safetensors");
    let model = Model::open(path, &Options::default()).expect("opens");
    let golden = Golden::load(fixtures.join("tiny-834k.expected.safetensors")).expect("reads");
    let got = perplexity_of_tokens(&model, &golden.tokens, &PerplexityOptions::default()).expect("measured");
    // The mean over the 210 tokens that another one precedes, in float64 by the oracle.
    assert_eq!(got.tokens, 210);
    assert!((got.mean_nll - 4.130551637793716).abs() < 1e-5, "{got:?}");
    let text: Vec<u8> = golden.tokens.iter().map(|token| *token as u8).collect();
    let streamed =
        perplexity(&model, text.as_slice(), &PerplexityOptions::default(), &mut quiet()).expect("measured");
    assert_eq!((streamed.mean_nll, streamed.bytes), (got.mean_nll, 211));
}

#[test]
fn what_the_text_begins_after_decides_about_the_first_token() {
    let (model, words) = (bytes_model(), words_model());
    let text = tokens("some text");
    let of = |model: &Model, tokens: &[u32], start| {
        let mut options = PerplexityOptions::default();
        options.start = start;
        perplexity_of_tokens(model, tokens, &options).expect("measured")
    };
    let (sum, _) = by_hand(&model, &text, 1);
    let got = of(&model, &text, Start::Auto);
    assert!(got.tokens == 8 && (got.mean_nll + sum / 8.0).abs() < 1e-6, "{got:?}");

    let ids = [1, 2, 3, 1];
    let (sum, _) = by_hand(&words, &[&[0], &ids[..]].concat(), 1);
    let got = of(&words, &ids, Start::Auto);
    assert!(got.tokens == 4 && (got.mean_nll + sum / 4.0).abs() < 1e-6, "{got:?}");
    assert_eq!(of(&words, &ids, Start::Token(0)), got);
    assert_eq!(of(&words, &ids, Start::Nothing).tokens, 3);
    assert!(matches!(
        perplexity_of_tokens(&model, &[1], &PerplexityOptions::default()),
        Err(Error::Empty(_))
    ));
}

#[test]
fn perplexity_is_taken_up_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = bytes_model();
    let text = "It was a bright cold day in April. ".repeat(2200); // two blocks of 64 KiB
    let want = perplexity(&model, text.as_bytes(), &PerplexityOptions::default(), &mut quiet());
    let mut options = PerplexityOptions::default();
    options.resume = Some(folder.path().join("sums.jsonl"));
    let mut stop = |_: &Progress<'_, Perplexity>| false;
    assert!(matches!(perplexity(&model, text.as_bytes(), &options, &mut stop), Err(Error::Cancelled)));
    let got = perplexity(&model, text.as_bytes(), &options, &mut quiet()).expect("measured");
    let want = want.expect("measured");
    assert_eq!(got.tokens, want.tokens);
    assert!((got.mean_nll - want.mean_nll).abs() < 1e-12 * want.mean_nll, "{got:?}, expected {want:?}");
    assert!(perplexity(&seeded(8, &Options::default()), text.as_bytes(), &options, &mut quiet()).is_err());
    // Another text of the same length, and a shorter one, are refused.
    for other in [text.replace("cold", "warm"), text[..text.len() / 3].to_owned()] {
        let error = perplexity(&model, other.as_bytes(), &options, &mut quiet()).expect_err("another text");
        let error = error.to_string();
        assert!(error.contains("sums.jsonl: holds results of another text"), "{error}");
    }
}

#[test]
fn progress_tells_the_perplexity_so_far() {
    let (model, text) = (bytes_model(), "It was a bright cold day in April. ".repeat(300));
    let (mut last, mut calls) = (None, 0);
    let mut watch = |progress: &Progress<'_, Perplexity>| {
        calls += 1;
        last = progress.so_far.map(|so_far| so_far.perplexity);
        true
    };
    let got = perplexity(&model, text.as_bytes(), &PerplexityOptions::default(), &mut watch);
    assert_eq!(last, Some(got.expect("measured").perplexity));
    assert!(calls > 5, "a short text too must be stoppable: {calls} calls");
}

const PASSAGES: &str = "{\"text\": \"the cat sat on the mat\"}\n\n{\"text\": \"to be or not to be\"}\n\
                        {\"text\": \"a longer passage of many words that ends in a word\"}\n";

#[test]
fn lambada_equals_plain_sums_however_it_is_batched() {
    let model = bytes_model();
    let split = [("the cat sat on the", " mat"), ("to be or not to", " be")];
    let split = split.into_iter().chain([("a longer passage of many words that ends in a", " word")]);
    let sums: Vec<(f64, bool)> = split
        .map(|(before, last)| by_hand(&model, &tokens(&format!("{before}{last}")), before.len()))
        .collect();
    let want = Lambada {
        items: 3,
        accuracy: sums.iter().filter(|(_, greedy)| *greedy).count() as f64 / 3.0,
        perplexity: (-sums.iter().map(|(sum, _)| sum).sum::<f64>() / 3.0).exp(),
    };
    let mut small = Options::default();
    (small.load.max_tokens, small.load.slots) = (5, 4);
    for (model, batch) in [(&model, 1), (&model, 16), (&seeded(7, &small), 16)] {
        let mut options = EvalOptions::default();
        options.batch = batch;
        let got = lambada(model, PASSAGES.as_bytes(), &options, &mut quiet()).expect("measured");
        assert_eq!((got.items, got.accuracy), (3, want.accuracy));
        assert!((got.perplexity / want.perplexity - 1.0).abs() < 1e-5, "{got:?}, expected {want:?}");
    }
}

#[test]
fn results_are_recorded_and_skipped() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("results.jsonl");
    let model = bytes_model();
    let mut options = EvalOptions::default();
    (options.batch, options.resume) = (1, Some(path.clone()));
    let mut first_only = |progress: &Progress<'_, Lambada>| progress.done < 1;
    let stopped = lambada(&model, PASSAGES.as_bytes(), &options, &mut first_only);
    assert!(matches!(stopped, Err(Error::Cancelled)));
    let lines = fs::read_to_string(&path).expect("there");
    assert_eq!(lines.lines().count(), 2, "{lines}");
    // A killed run leaves half a line.
    fs::write(&path, format!("{lines}{{\"item\": 1, \"res")).expect("written");
    let mut calls = Vec::new();
    let mut count = |progress: &Progress<'_, Lambada>| {
        calls.push((progress.done, progress.total, progress.so_far.map(|so_far| so_far.items)));
        true
    };
    let got = lambada(&model, PASSAGES.as_bytes(), &options, &mut count).expect("measured");
    assert_eq!(calls, [1, 2, 3].map(|done| (done, Some(3), Some(done as usize))));
    let whole = lambada(&model, PASSAGES.as_bytes(), &EvalOptions::default(), &mut quiet());
    assert_eq!(got, whole.expect("measured"));
    let other = "{\"text\": \"another text\"}\n";
    let error =
        lambada(&model, other.as_bytes(), &options, &mut quiet()).expect_err("other data").to_string();
    assert!(error.contains("results.jsonl") && error.contains("lambada"), "{error}");
}

#[test]
fn a_file_that_is_no_record_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.txt");
    let mut options = EvalOptions::default();
    options.resume = Some(path.clone());
    for content in ["no line end", "{\"text\": \"one\"}\n{\"text\": \"cut", "\n"] {
        fs::write(&path, content).expect("written");
        let got = lambada(&bytes_model(), PASSAGES.as_bytes(), &options, &mut quiet());
        assert!(matches!(got, Err(Error::Resume { .. })), "{content:?}: {got:?}");
        assert_eq!(fs::read_to_string(&path).expect("there"), content);
    }
}

#[test]
fn choices_equal_plain_sums() {
    let model = bytes_model();
    let options = [" A", " Bcd", " the last one"];
    let scores: Vec<f64> =
        options.iter().map(|option| by_hand(&model, &tokens(&format!("Q{option}")), 1).0).collect();
    let best = |scores: &[f64]| (0..3).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).expect("three");
    let per_byte: Vec<f64> = scores.iter().zip(options).map(|(s, o)| s / o.len() as f64).collect();
    for answer in 0..3 {
        let line = format!(
            "{{\"context\": \"Q\", \"options\": [\" A\", \" Bcd\", \" the last one\"], \"answer\": {answer}}}\n"
        );
        let got = choice(&model, line.repeat(3).as_bytes(), &EvalOptions::default(), &mut quiet());
        let got = got.expect("measured");
        assert_eq!(got.accuracy, f64::from(u8::from(best(&scores) == answer)));
        assert_eq!(got.accuracy_per_byte, f64::from(u8::from(best(&per_byte) == answer)));
        assert!((got.chance - 1.0 / 3.0).abs() < 1e-12 && got.items == 3);
    }
}

#[test]
fn bad_items_are_named() {
    let model = bytes_model();
    let table = [
        ("{\"context\": \"Q\", \"options\": [\"a\"], \"answer\": 1}", "item 1: the answer is option 1"),
        ("{\"context\": \"Q\", \"options\": [\"a\", \"\"], \"answer\": 0}", "item 1: option 1"),
        ("{\"context\": \"\", \"options\": [\"a\"], \"answer\": 0}", "item 1: "),
        ("{\"context\": 3}", "item 1: "),
        ("", "nothing to evaluate"),
    ];
    for (line, want) in table {
        let error = choice(&model, line.as_bytes(), &EvalOptions::default(), &mut quiet());
        let error = error.expect_err(line).to_string();
        assert!(error.starts_with(want), "{error}");
    }
    let error = lambada(&model, "{\"text\": \"word\"}".as_bytes(), &EvalOptions::default(), &mut quiet());
    assert!(error.expect_err("one word").to_string().starts_with("item 1: "));
}
