//! `tune` and `merge`.

use std::path::Path;

use crate::run::{folder, text, wkv7};

/// A small model that was really trained.
const STORIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/stories.safetensors");

/// Letters, which it does not know, as text and as prompts with answers.
fn letters(folder: &Path) -> String {
    let (names, things) = (["Mia", "Tom", "Anna", "Ben"], ["red ball", "small key", "warm hat"]);
    let mut lines = String::new();
    for (number, name) in names.iter().cycle().take(30).enumerate() {
        let thing = things[number % 3];
        let line = match number % 2 {
            0 => format!(r#"{{"text": "Dear {name}! I HAVE a {thing} for you!!"}}"#),
            _ => format!(r#"{{"prompt": "Dear {name}! ", "answer": "I HAVE a {thing} for you!!"}}"#),
        };
        lines.push_str(&(line + "\n"));
    }
    let path = folder.join("letters.jsonl");
    std::fs::write(&path, lines).expect("written");
    text(&path)
}

fn continued(arguments: &[&str]) -> String {
    let greedy = ["generate", STORIES, "Dear Tom! I ", "-n", "8", "--temperature", "0"];
    wkv7(greedy).with(arguments).ok().text()
}

#[test]
fn a_state_is_tuned_and_taken() {
    let folder = folder();
    let data = letters(folder.path());
    let out = text(&folder.path().join("letters.pth"));
    let tune = || wkv7(["tune", "state", STORIES, "--data", &data, "-o", &out, "--batch", "8"]);
    let report = tune().with(["--steps", "20", "--json"]).ok().json();
    assert_eq!(
        (&report["steps"], &report["texts"], &report["held_out_texts"]),
        (&20.into(), &27.into(), &3.into())
    );
    let loss = |key: &str| report[key].as_f64().expect("a number");
    assert!(loss("held_out_loss_after") < 0.7 * loss("held_out_loss_before"), "{report}");
    // So few steps make the letters likelier, not the likeliest, but they are heard.
    assert_ne!(continued(&["--state", &out]), continued(&[]));
    // From there it goes on, here without anything held out.
    let said = tune().with(["--state", &out, "--steps", "1", "--hold-out", "0"]).ok();
    let lines: Vec<String> = said.text().lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("texts") && lines[0].ends_with("30, and 0 held out"), "{lines:?}");
    assert!(lines[1].starts_with("steps") && said.stderr().is_empty(), "{lines:?}");
}

/// Both read the same text, whose activations fill what goes through the model at a time.
#[cfg(target_os = "linux")]
#[test]
fn beside_activations_a_state_takes_at_most_twice_the_memory_of_inference() {
    let folder = folder();
    let letters = std::fs::read_to_string(letters(folder.path())).expect("written");
    let long = letters.replace(|letter: char| !letter.is_ascii_alphabetic(), " ");
    let data = folder.path().join("long.jsonl");
    std::fs::write(&data, format!("{{\"text\": \"{long}\"}}\n").repeat(6)).expect("written");
    let (data, out) = (text(&data), text(&folder.path().join("long.pth")));
    let bytes = |report: &serde_json::Value, key: &str| {
        report[key].as_u64().unwrap_or_else(|| panic!("{key} in {report}"))
    };
    let report = wkv7(["generate", "built-in", &long, "-n", "1", "--threads", "2", "--json"]).ok().json();
    let inference = bytes(&report, "peak_bytes");
    let tune = wkv7(["tune", "state", "built-in", "--data", &data, "-o", &out, "--threads", "2", "--json"]);
    let report = tune.with(["--steps", "2", "--batch", "2", "--hold-out", "0.4"]).ok().json();
    let [peak, activations, working] =
        ["peak_bytes", "activation_bytes", "working_bytes"].map(|key| bytes(&report, key));
    assert_eq!(report["tokens"], 2 * 2 * 512);
    assert!(0 < activations && activations < working && working < peak, "{report}");
    assert!(
        peak <= 2 * inference + activations,
        "{peak} bytes at the most, {activations} of them activations; inference takes {inference}"
    );
}

#[test]
fn a_lora_is_tuned_taken_and_merged() {
    let folder = folder();
    let data = letters(folder.path());
    let [out, merged, pth] =
        ["a.safetensors", "merged.safetensors", "a.pth"].map(|name| text(&folder.path().join(name)));
    let tune = |out: &str| {
        let flags = ["--rank", "4", "--targets", "att", "--rate", "0.01", "--batch", "8", "--steps", "16"];
        wkv7(["tune", "lora", STORIES, "--data", &data, "-o", out]).with(flags)
    };
    let said = tune(&out).ok().text();
    assert!(said.contains("held-out loss  ") && said.contains("(-"), "{said}");
    let with = continued(&["--lora", &out]);
    assert_ne!(with, continued(&[]));
    wkv7(["merge", STORIES, "--lora", &out, "-o", &merged]).ok();
    let info = wkv7(["info", &merged, "--json"]).ok().json();
    assert_ne!(info["fingerprint"], wkv7(["info", STORIES, "--json"]).ok().json()["fingerprint"]);
    let logits = |model: &str, lora: &[&str], name: &str| {
        let path = folder.path().join(name);
        wkv7(["logits", model, "--tokens", "65,66", "-o", &text(&path)]).with(lora).ok();
        std::fs::read(path).expect("written")
    };
    let numbers = |bytes: Vec<u8>| bytes[bytes.len() - 8 * 256..].to_vec(); // behind what the file says of the model
    let (of_sum, of_both) = (logits(&merged, &[], "1"), logits(STORIES, &["--lora", &out], "2"));
    assert_eq!(numbers(of_sum), numbers(of_both));
    // The same numbers as a .pth, which does not say its alpha.
    tune(&pth).ok();
    assert_eq!(continued(&["--lora", &format!("{pth}:8")]), with);
    let error = wkv7(["generate", STORIES, "a", "--lora", &pth]).fails(1);
    assert!(error.contains("a.pth: the file does not say its alpha"), "{error}");
}

#[test]
fn who_asks_for_bf16_in_vain_is_told() {
    let folder = folder();
    let data = letters(folder.path());
    let out = text(&folder.path().join("a.pth"));
    let tune = |precision: &str| {
        let flags = ["--steps", "1", "--hold-out", "0", "--precision", precision];
        wkv7(["tune", "state", STORIES, "--data", &data, "-o", &out]).with(flags).env("WKV7_CPU", "portable")
    };
    assert!(tune("bf16").ok().stderr().contains("no faster here: the CPU path is portable"));
    assert!(!tune("f32").ok().stderr().contains("no faster"));
    assert!(tune("f16").fails(2).contains("[possible values: f32, bf16]"));
}

#[test]
fn what_cannot_be_done_is_said_before_any_work() {
    let folder = folder();
    let data = letters(folder.path());
    let tune = |out: &str| wkv7(["tune", "state", STORIES, "--data", &data, "-o", out]);
    assert!(tune("a.gguf").fails(1).contains("expected the name of a .pth"));
    let nowhere = text(&folder.path().join("none").join("a.pth"));
    assert!(tune(&nowhere).fails(1).contains("expected a folder that is there"));
    let empty = text(&folder.path().join("empty.jsonl"));
    std::fs::write(&empty, "\n").expect("written");
    let out = text(&folder.path().join("a.pth"));
    let error = wkv7(["tune", "state", STORIES, "--data", &empty, "-o", &out]).fails(1);
    assert!(error.contains("at least one text"), "{error}");
    assert!(
        wkv7(["tune", "lora", STORIES, "--data", &data, "-o", &out, "--targets", "emb"])
            .fails(2)
            .contains("att.key")
    );
    let no_adapter = format!("{STORIES}:8");
    let error = wkv7(["merge", STORIES, "--lora", &no_adapter, "-o", &out]).fails(1);
    assert!(error.contains("no part of an adapter"), "{error}");
    assert!(!Path::new(&out).exists());
}

/// Ctrl-C while it learns: what was learned is written.
#[cfg(unix)]
#[test]
fn ctrl_c_writes_what_was_learned() {
    let folder = folder();
    let data = letters(folder.path());
    let out = text(&folder.path().join("a.pth"));
    let endless = ["--steps", "1000000", "--batch", "4", "--hold-out", "0", "--json"];
    let run = wkv7(["tune", "state", STORIES, "--data", &data, "-o", &out]).with(endless).into_command();
    let child = { run }.stdin(std::process::Stdio::null()).spawn().expect("wkv7 starts");
    std::thread::sleep(std::time::Duration::from_secs(3)); // it begins to learn within one
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is there").success());
    let done = child.wait_with_output().expect("wkv7 ends");
    assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(130), &b""[..]));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert!(report["stopped"] == true && report["steps"].as_u64().expect("a number") > 0, "{report}");
    wkv7(["generate", STORIES, "a", "-n", "1", "--state", &out]).ok();
}
