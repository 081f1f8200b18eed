//! `eval`.

use crate::run::{fixture, folder, model, text, wkv7};

#[test]
fn perplexity_of_a_file_or_a_pipe() {
    let folder = folder();
    let file = text(&folder.path().join("text"));
    std::fs::write(&file, "some text, and some more").expect("written");
    let result = wkv7(["eval", "perplexity", model(), "--text", &file, "--json"]).ok().json();
    let nll = result["mean_nll"].as_f64().expect("a number");
    assert!((result["perplexity"].as_f64().expect("a number") - nll.exp()).abs() < 1e-6 * nll.exp());
    assert_eq!(result["bytes"], 24);
    let piped =
        wkv7(["eval", "perplexity", model(), "--text", "-", "--json"]).stdin("some text, and some more");
    assert_eq!(piped.ok().json(), result);
    let short = wkv7(["eval", "perplexity", model(), "--text", &file, "--limit", "9", "--json"]).ok().json();
    assert_eq!(short["bytes"], 9);
    let table = wkv7(["eval", "perplexity", model(), "--text", &file]).ok().text();
    assert!(table.contains("bits per byte"), "{table}");
}

#[test]
fn the_oracles_figure_is_met() {
    let (Some(model), Some(golden), Some(index)) =
        (fixture("tiny-834k.safetensors"), fixture("tiny-834k.expected.safetensors"), fixture("index.json"))
    else {
        return;
    };
    let golden = wkv7_testkit::Golden::load(golden).expect("golden data");
    let bytes: Vec<u8> = golden.tokens.iter().map(|&token| token as u8).collect();
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(index).expect("readable")).expect("JSON");
    let want = index["tiny-834k"]["mean_nll"].as_f64().expect("a number");
    for backend in ["reference", "cpu"] {
        let run = wkv7(["eval", "perplexity", &model, "--text", "-", "--json", "--backend", backend]);
        let got = run.stdin(&bytes).ok().json()["mean_nll"].as_f64().expect("a number");
        assert!((got - want).abs() < 1e-4, "{backend}: {got}, expected {want}");
    }
}

#[test]
fn lambada_is_resumed() {
    let folder = folder();
    let [file, done] = ["items", "done"].map(|name| text(&folder.path().join(name)));
    let items: String = (0..7).map(|n| format!("{{\"text\": \"passage number {n} ends here\"}}\n")).collect();
    std::fs::write(&file, items).expect("written");
    let run = |flags: &[&str]| {
        wkv7(["eval", "lambada", model(), "--file", &file, "--json"]).with(flags).ok().json()
    };
    let whole = run(&[]);
    assert_eq!(whole["items"], 7);
    assert_eq!(run(&["--limit", "3"])["items"], 3);
    assert_eq!(run(&["--batch", "2", "--resume", &done]), whole);
    let lines = std::fs::read_to_string(&done).expect("written");
    assert_eq!(lines.lines().count(), 8, "{lines}"); // what it is about, and seven results
    let some: Vec<&str> = lines.lines().take(4).collect();
    std::fs::write(&done, some.join("\n") + "\n").expect("written");
    assert_eq!(run(&["--resume", &done]), whole);
}

#[test]
fn choices_are_made() {
    let folder = folder();
    let file = text(&folder.path().join("items"));
    std::fs::write(&file, r#"{"context": "one two", "options": [" three", " x"], "answer": 0}"#)
        .expect("written");
    let result = wkv7(["eval", "choice", model(), "--file", &file, "--json"]).ok().json();
    assert_eq!([&result["items"], &result["chance"]], [&1.into(), &0.5.into()] as [&serde_json::Value; 2]);
    assert!(wkv7(["eval", "choice", model(), "--file", &file]).ok().text().contains("accuracy"));
    std::fs::write(&file, r#"{"context": "one", "options": ["a"], "answer": 3}"#).expect("written");
    let said = wkv7(["eval", "choice", model(), "--file", &file]).fails(1);
    assert!(said.contains(&file) && said.contains("item 1"), "{said}");
}
