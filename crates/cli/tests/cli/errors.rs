//! Errors: one line, the exit code, the way out.

use crate::run::{fixture, folder, model, text, wkv7, write};
use wkv7_testkit::TinyModel;

#[test]
fn usage_errors_name_the_flag_and_the_help() {
    let cases: [(&[&str], &str, &str); 7] = [
        (&["frobnicate"], "frobnicate", "`wkv7 --help`"),
        (&["convert"], "<IN>", "`wkv7 convert --help`"),
        (&["logits", "m", "--tokns", "1"], "--tokens", "`wkv7 logits --help`"),
        (&["logits", "m", "--tokens", "1,x", "-o", "f"], "`x` is no token id", "`wkv7 logits --help`"),
        (&["generate", "m", "--backend", "abacus"], "reference", "`wkv7 generate --help`"),
        (&["generate", "m", "--think", "some", "x"], "--template", "`wkv7 generate --help`"),
        (&["eval", "lambada", "m", "--file", "f", "--batch", "x"], "--batch", "`wkv7 eval lambada --help`"),
    ];
    for (arguments, named, way_out) in cases {
        let said = wkv7(arguments).fails(2);
        assert!(said.contains(named) && said.contains(way_out), "{said}");
    }
}

#[test]
fn settings_out_of_range_are_named() {
    let cases = [
        ("--temperature", "-1", "from 0"),
        ("--top-p", "nan", "from 0 to 1"),
        ("--top-p", "2", "from 0 to 1"),
        ("--min-p", "2", "from 0 to 1"),
        ("--typical", "0", "above 0, at most 1"),
        ("--presence", "inf", "a number"),
        ("--penalty-decay", "-3", "from 0 to 1"),
        ("--max-tokens", "many", "from 0"),
        ("--max-tokens", "99999999999999999999", "from 0"),
        ("--seed", "x", "from 0"),
        ("--threads", "0", "from 1 to 4096"),
        ("--threads", "100000", "from 1 to 4096"),
    ];
    for (flag, value, range) in cases {
        let said = wkv7(["generate", model(), "x", flag, value]).fails(2);
        assert!(said.contains(flag) && said.contains(value) && said.contains(range), "{said}");
    }
    assert!(wkv7(["generate", model(), "x", "--bias", "3"]).fails(2).contains("34=-1.5"));
}

#[test]
fn an_empty_prompt_is_named() {
    assert!(wkv7(["generate", model(), ""]).fails(1).contains("the prompt is empty"));
    assert!(wkv7(["generate", model()]).fails(1).contains("the prompt is empty"));
    wkv7(["generate", model(), "", "-n", "0"]).ok();
    // The World vocabulary has a token that ends one text and begins the next.
    let folder = folder();
    wkv7(["generate", &crate::run::world_model(folder.path()), "", "-n", "2"]).ok();
}

#[test]
fn a_bad_model_is_named() {
    let folder = folder();
    let [missing, empty, text_file] =
        ["missing", "empty", "text"].map(|name| text(&folder.path().join(name)));
    std::fs::write(&empty, "").expect("written");
    std::fs::write(&text_file, "no model \u{1b}[31m at all").expect("written");
    for file in [&missing, &empty, &text_file, &text(folder.path())] {
        for command in ["generate", "chat", "info", "verify"] {
            let said = wkv7([command, file]).stdin("x").fails(1);
            assert!(said.contains(file) && !said.contains('\u{1b}'), "{said}");
        }
    }
}

#[test]
fn a_model_without_a_vocabulary_says_the_way_out() {
    let folder = folder();
    let odd = text(&folder.path().join("m.st"));
    write(&TinyModel::default(), odd.as_ref());
    assert!(wkv7(["generate", &odd, "x"]).fails(1).contains("--vocab"));
    let table = wkv7(["info", &odd]).ok().text();
    assert!(table.contains("vocabulary   unknown"), "{table}");
    wkv7(["logits", &odd, "--tokens", "1", "-o", &text(&folder.path().join("out"))]).ok();
}

#[test]
fn a_legacy_container_is_refused_with_the_way_out() {
    let Some(legacy) = fixture("tiny-834k.legacy.pth") else { return };
    let said = wkv7(["info", &legacy]).fails(1);
    assert!(said.contains(&legacy) && said.contains("torch.save"), "{said}");
}

#[test]
fn help_has_examples() {
    for command in [
        "generate",
        "chat",
        "info",
        "logits",
        "tokenize",
        "detokenize",
        "convert",
        "train",
        "state",
        "eval",
        "verify",
        "bench",
    ] {
        let help = wkv7([command, "--help"]).ok().text();
        assert!(help.contains("Examples:") && help.contains(&format!("wkv7 {command}")), "{help}");
    }
}

#[test]
fn there_is_a_version_and_help_without_a_command() {
    assert!(wkv7(["--version"]).ok().text().starts_with("wkv7 "));
    let done = wkv7::<&str>([]).run();
    assert_eq!(done.0.status.code(), Some(2));
    assert!(done.stderr().contains("Usage: wkv7"));
}
