//! The model inside the command, and which word is a model. What that model tells is nobody's promise.

use crate::run::{folder, model, text, wkv7};

/// A short story, always the same.
const SHORT: [&str; 5] = ["-n", "12", "--seed", "7", "--json"];

#[test]
fn a_prompt_alone_is_enough() {
    let story = wkv7(["generate", "Once upon a time"]).with(SHORT).ok();
    assert_eq!(story.stderr(), "", "scripts are told nothing");
    let story = story.json();
    assert!(!story["text"].as_str().expect("text").is_empty(), "{story}");
    for words in [&["generate", "built-in", "Once upon a time"][..], &["generate"], &["generate", "-f", "-"]]
    {
        let same = wkv7(words).with(SHORT).stdin("Once upon a time").ok().json();
        assert_eq!(same["ids"], story["ids"], "{words:?}");
    }
    assert!(!wkv7(["generate", ""]).with(SHORT).ok().json()["ids"].as_array().expect("ids").is_empty());
}

#[test]
fn what_exists_is_the_model() {
    let folder = folder();
    for name in ["Once", "built-in", "a b c"] {
        std::fs::copy(model(), folder.path().join(name)).expect("copied");
        let story = wkv7(["generate", name]).with(SHORT).stdin("abc").inside(folder.path()).ok().json();
        assert_eq!(story["prompt_tokens"], 3, "{name}");
        let facts = wkv7(["info", "--json", name]).inside(folder.path()).ok().json();
        assert_eq!(facts["config"]["channels"], 128, "{name}");
        assert_eq!(facts["format"], "safetensors", "{name}");
    }
    std::fs::create_dir(folder.path().join("folder")).expect("made");
    assert!(wkv7(["generate", "folder"]).inside(folder.path()).fails(1).contains("folder"));
}

#[test]
fn what_looks_like_a_path_is_a_model_that_is_missing() {
    for path in ["no/where", "model.pth", "MODEL.GGUF", "my model.safetensors", "a.st", "a.pt", "a.bin"] {
        let said = wkv7(["generate", path]).stdin("x").fails(1);
        assert!(said.starts_with(&format!("error: {path}: ")) && !said.contains("`built-in`"), "{said}");
    }
    // Elsewhere no word is a prompt, nor where the prompt is given already.
    let told =
        [&["info", "Once"][..], &["chat", "Once"], &["bench", "Once"], &["generate", "Once", "-f", "-"]];
    for words in told {
        let said = wkv7(words).stdin("x").fails(1);
        assert!(said.starts_with("error: Once: ") && !said.contains("quotes"), "{said}");
    }
}

#[test]
fn a_prompt_that_is_taken_for_a_model_says_the_way_out() {
    let said = wkv7(["generate", "Once", "upon"]).fails(1);
    assert!(said.contains("Once: ") && said.contains("quotes"), "{said}");
    let said = wkv7(["generate", "He and/or she"]).fails(1);
    assert!(said.contains("He and/or she: ") && said.contains("`built-in`"), "{said}");
    wkv7(["generate", "built-in", "He and/or she", "-n", "1"]).ok();
}

#[test]
fn every_command_that_takes_a_model_has_it() {
    let folder = folder();
    let file = |name: &str| text(&folder.path().join(name));
    let facts = wkv7(["info", "--json"]).ok().json();
    assert_eq!([&facts["path"], &facts["format"]], ["built-in", "GGUF"]);
    assert_eq!(wkv7(["info", "--json", "built-in"]).ok().json(), facts);
    assert!(wkv7(["info"]).ok().text().contains("built-in"));

    let chat = ["chat", "--template", "world", "-n", "8", "--temperature", "0"];
    assert!(!wkv7(chat).stdin("Hello\n").ok().text().is_empty());

    let report =
        wkv7(["verify", "--json", "--tokens", "1,2,3", "--against", "built-in", "--exact"]).ok().json();
    assert_eq!(report["reference"]["backend"], "reference");
    assert_eq!(wkv7(["verify", "--json", "--tokens", "1,2,3", "--exact"]).ok().json(), report);

    wkv7(["logits", "--tokens", "1,2,3", "-o", &file("logits")]).ok();
    let text = wkv7(["eval", "perplexity", "--json", "--text", "-"]).stdin("Once upon a time").ok().json();
    assert!(text["perplexity"].as_f64().expect("a number") > 1.0, "{text}");

    let little = ["--no-ceiling", "--decode", "2", "--prefill", "", "--batch", "", "--repetitions", "1"];
    let report = wkv7(["bench", "--json", "--threads", "1"]).with(little).ok().json();
    assert_eq!(report["model"]["path"], "built-in");
}

#[test]
fn its_states_are_saved_and_gone_on_from() {
    let folder = folder();
    let [a, b] = ["a", "b"].map(|name| text(&folder.path().join(name)));
    wkv7(["state", "save", "Once upon a", "-o", &a]).ok();
    wkv7(["state", "save", "built-in", "-o", &b]).stdin("Once upon a").ok();
    assert_eq!(wkv7(["state", "diff", "--json", &a, &b]).ok().json()["equal"], true);
    let whole = wkv7(["generate", "Once upon a time"]).with(SHORT).ok().json();
    let rest = wkv7(["generate", " time", "--state", &a]).with(SHORT).ok().json();
    assert!(!rest["text"].as_str().expect("text").is_empty(), "{rest}");
    assert!(rest["prompt_tokens"].as_u64() < whole["prompt_tokens"].as_u64());
    assert!(wkv7(["generate", model(), "x", "--state", &a]).fails(1).contains("--state"));
}

#[test]
fn its_vocabulary_and_its_weights_are_taken_out() {
    let folder = folder();
    let out = text(&folder.path().join("out.gguf"));
    let ids = wkv7(["tokenize", "--model", "built-in", "Once upon a time"]).ok().text();
    assert_eq!(wkv7(["detokenize", "--model", "built-in"]).stdin(&ids).ok().text(), "Once upon a time");
    wkv7(["convert", "built-in", &out]).ok();
    let facts = |model: &str| wkv7(["info", "--json", model]).ok().json();
    assert_eq!(facts(&out)["fingerprint"], facts("built-in")["fingerprint"]);
    assert_eq!(wkv7(["tokenize", "--model", &out, "Once upon a time"]).ok().text(), ids);
}
