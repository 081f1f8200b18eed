//! `generate`.

use crate::run::{Run, folder, model, text, wkv7};

fn generate(prompt: &str) -> Run {
    wkv7(["generate", model(), prompt, "-n", "12", "--seed", "7"])
}

#[test]
fn a_prompt_comes_from_anywhere() {
    let folder = folder();
    let file = text(&folder.path().join("prompt"));
    std::fs::write(&file, b"some\xffbytes").expect("written");
    let flags = ["-n", "12", "--seed", "7", "--json"];
    let by_file = wkv7(["generate", model(), "-f", &file]).with(flags).ok().json();
    let by_pipe = wkv7(["generate", model()]).with(flags).stdin(b"some\xffbytes").ok().json();
    let by_dash = wkv7(["generate", model(), "--file", "-"]).with(flags).stdin(b"some\xffbytes").ok().json();
    assert_eq!(by_file["ids"], by_pipe["ids"]);
    assert_eq!(by_file["ids"], by_dash["ids"]);
    assert_eq!(by_file["prompt_tokens"], 10);
}

#[test]
fn json_tells_everything() {
    let json = generate("abc").with(["--json"]).ok().json();
    assert_eq!(json["ids"].as_array().map(Vec::len), Some(12));
    assert_eq!(
        [&json["stop"], &json["seed"], &json["prompt_tokens"]],
        [&"max tokens".into(), &7.into(), &3.into()] as [&serde_json::Value; 3]
    );
    assert!(json["tokens_per_second"].as_f64().expect("a number") > 0.0);
    assert_eq!(generate("abc").ok().text(), json["text"].as_str().expect("text"));
}

#[test]
fn a_seed_repeats_and_statistics_are_asked_for() {
    let done = generate("abc").with(["--stats"]).ok();
    assert_eq!(done.text(), generate("abc").ok().text());
    assert!(done.stderr().contains("seed 7") && done.stderr().contains("tokens/s"), "{}", done.stderr());
    assert_eq!(generate("abc").ok().stderr(), "");
}

#[test]
fn every_way_of_sampling_is_taken() {
    let flags =
        ["--temperature", "0.8", "--top-p", "0.9", "--top-k", "40", "--min-p", "0.01", "--typical", "0.95"];
    let more = ["--presence", "-0.1", "--frequency", "0.3", "--penalty-decay", "0.99"];
    generate("abc").with(flags).with(more).ok();
    let ids = |flags: &[&str]| generate("abc").with(["--json"]).with(flags).ok().json()["ids"].clone();
    let greedy = ids(&["--temperature", "0"]);
    assert_eq!(greedy, ids(&["--top-k", "1", "--presence", "0", "--frequency", "0"]));
    let first = greedy[0].to_string();
    assert_ne!(ids(&["--temperature", "0", "--ban", &first])[0], greedy[0]);
    assert_eq!(ids(&["--temperature", "0", "--bias", "65=1000,66=-1000"])[5], 65);
}

#[test]
fn backends_agree_on_greedy_tokens() {
    let ids = |backend: &str| {
        generate("abc").with(["--temperature", "0", "--json", "--backend", backend]).ok().json()["ids"]
            .clone()
    };
    assert_eq!(ids("reference"), ids("cpu"));
    assert_eq!(ids("auto"), ids("cpu"));
}

#[test]
fn a_stop_text_ends_it_and_is_not_shown() {
    let free = generate("abc").with(["--bias", "10=12,65=12", "--json"]).ok().json();
    let text = free["text"].as_str().expect("text");
    let (before, _) = text.split_once('\n').expect("a line end among so few likely characters");
    let stopped = generate("abc").with(["--bias", "10=12,65=12", "--stop", r"\n", "--json"]).ok().json();
    assert_eq!([&stopped["text"], &stopped["stop"]], [before, "stop text"]);
}

#[test]
fn a_template_dresses_the_prompt() {
    let tokens = |flags: &[&str]| {
        generate("q").with(["--json"]).with(flags).ok().json()["prompt_tokens"].as_u64().expect("a number")
    };
    assert_eq!(tokens(&["--template", "world"]), "User: q\n\nAssistant:".len() as u64);
    let flags = ["--template", "g1", "--system", "s", "--think", "fake"];
    assert_eq!(tokens(&flags), "System: s\n\nUser: q\n\nAssistant: <think>\n</think".len() as u64);
}

#[test]
fn a_saved_state_goes_on_where_it_was() {
    let folder = folder();
    let state = text(&folder.path().join("a.state"));
    let flags = ["--temperature", "0", "--json"];
    let whole = wkv7(["generate", model(), "abcdef", "-n", "8"]).with(flags).ok().json();
    wkv7(["generate", model(), "abc", "-n", "0", "--save-state", &state]).ok();
    let rest = wkv7(["generate", model(), "def", "-n", "8", "--state", &state]).with(flags).ok().json();
    assert_eq!(whole["ids"], rest["ids"]);
    // With nothing more to feed, the saved logits are gone on from.
    wkv7(["generate", model(), "abcdef", "-n", "0", "--save-state", &state]).ok();
    let bare = wkv7(["generate", model(), "", "-n", "8", "--state", &state]).with(flags).ok().json();
    assert_eq!(whole["ids"], bare["ids"]);
}
