//! `data`.

use std::path::Path;

use tempfile::TempDir;

use crate::run::{folder, text, wkv7};

fn write(folder: &TempDir, name: &str, content: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("written");
    text(&path)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("listed").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[test]
fn text_becomes_a_pair_and_text_again() {
    let folder = folder();
    let lines = write(&folder, "a.jsonl", "{\"text\":\"Hello, world!\"}\n{\"tokens\":[33155,65529]}\n");
    let plain = write(&folder, "b.txt", "one\ntwo\n\n\nthree\n");
    let out = text(&folder.path().join("out"));
    let said = wkv7(["data", "build", &lines, &plain, "-o", &out, "--separator", ""]).ok();
    assert!(
        said.text().contains("out.bin and .idx\n") && said.text().contains("documents  4\n"),
        "{}",
        said.text()
    );
    assert!(said.stderr().is_empty());
    assert_eq!(names(folder.path()), ["a.jsonl", "b.txt", "out.bin", "out.idx"]);
    let bin = std::fs::read(folder.path().join("out.bin")).expect("read");
    let ids: Vec<u16> = bin.chunks_exact(2).map(|id| u16::from_le_bytes([id[0], id[1]])).collect();
    assert_eq!(ids[..8], [33155, 45, 40213, 34, 0, 33155, 65529, 0]);

    let facts = wkv7(["data", "info", "--json", "--ctx", "2", &out]).ok().json();
    let tokens = ids.len() as u64;
    assert_eq!([&facts["documents"], &facts["items"]], [4, 4]);
    assert_eq!([&facts["tokens"], &facts["bytes"], &facts["largest_id"]], [tokens, 2 * tokens, 65529]);
    assert_eq!((&facts["dtype"], &facts["magic_prime"]), (&"u16".into(), &5.into()));
    let table = wkv7(["data", "info", &format!("{out}.idx")]).ok().text();
    assert!(
        table.contains("in u16") && table.contains("none: fewer tokens than three contexts of 512"),
        "{table}"
    );

    let shown = wkv7(["data", "show", &out, "--from", "2", "-n", "9"]).ok().text();
    assert!(
        shown.starts_with("--- document 2, ") && shown.contains("tokens\none\ntwo\n--- document 3, "),
        "{shown}"
    );
    assert!(shown.ends_with("\nthree\n"), "{shown}");
    let cut = wkv7(["data", "show", &out, "-n", "1", "--tokens", "2"]).ok().text();
    assert_eq!(cut, "--- document 0, 5 tokens\nHello,...\n");
}

#[test]
fn documents_are_shuffled_and_repeated_by_a_seed() {
    let folder = folder();
    let lines: String = (0..40).map(|n| format!("{{\"text\":\"{n:02}\"}}\n")).collect();
    let lines = write(&folder, "a.jsonl", &lines);
    let [a, b, c] = ["a", "b", "c"].map(|name| text(&folder.path().join(name)));
    for (out, seed) in [(&a, "1"), (&b, "1"), (&c, "2")] {
        let flags = ["--vocab", "bytes", "--shuffle-seed", seed, "--repeat", "2"];
        wkv7(["data", "build", &lines, "-o", out]).with(flags).ok();
    }
    let [a, b, c] =
        ["a.bin", "b.bin", "c.bin"].map(|name| std::fs::read(folder.path().join(name)).expect("read"));
    assert!(a == b && a != c && a.len() == 2 * 40 * 3 * 2);
    assert_eq!(names(folder.path()).len(), 7);
}

#[test]
fn errors_name_file_and_line_and_leave_nothing() {
    let folder = folder();
    let bad = write(&folder, "bad.jsonl", "{\"text\":\"a\"}\n{\"txt\":1}\n");
    let out = text(&folder.path().join("out"));
    assert!(wkv7(["data", "build", &bad, "-o", &out]).fails(1).contains("bad.jsonl, line 2: "));
    assert!(wkv7(["data", "build", "/nowhere.txt", "-o", &out]).fails(1).contains("/nowhere.txt"));
    assert!(wkv7(["data", "build", &bad, "-o", "/nowhere/out"]).fails(1).contains("/nowhere/out.bin"));
    assert!(wkv7(["data", "build", &bad, "-o", &out, "--repeat", "0"]).fails(2).contains("--repeat"));
    assert!(wkv7(["data", "build", "-o", &out]).fails(2).contains("`wkv7 data build --help`"));
    for action in ["info", "show"] {
        assert!(wkv7(["data", action, &out]).fails(1).contains("out.idx"));
    }
    assert_eq!(names(folder.path()), ["bad.jsonl"]);
}

#[test]
fn a_pair_of_another_vocabulary_or_none_is_named() {
    let folder = folder();
    let lines = write(&folder, "a.jsonl", "{\"text\":\"Hello\"}\n");
    let out = text(&folder.path().join("out"));
    wkv7(["data", "build", &lines, "-o", &out]).ok();
    let said = wkv7(["data", "show", &out, "--vocab", "bytes"]).fails(1);
    assert!(said.contains("out.bin: token 0 is 33155, expected an id below 256"), "{said}");
    assert!(wkv7(["data", "show", &out, "--from", "1"]).fails(1).contains("--from below the 1 documents"));
    write(&folder, "out.idx", "not an index");
    assert!(wkv7(["data", "info", &out]).fails(1).contains("out.idx: broken binidx pair"));
}

/// Ctrl-C while tokens are being written.
#[cfg(unix)]
#[test]
fn ctrl_c_leaves_no_half_written_pair() {
    let folder = folder();
    let lines = write(&folder, "a.jsonl", &"{\"text\":\"a few words\"}\n".repeat(20_000));
    let out = text(&folder.path().join("out"));
    let run = wkv7(["data", "build", &lines, "-o", &out, "--repeat", "1000000"]).into_command();
    let mut child = { run }.stdin(std::process::Stdio::null()).spawn().expect("wkv7 starts");
    std::thread::sleep(std::time::Duration::from_millis(700));
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(killed.expect("kill is there").success());
    assert_eq!(child.wait().expect("wkv7 ends").code(), Some(130));
    assert_eq!(names(folder.path()), ["a.jsonl"]);
}
