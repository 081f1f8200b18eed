//! `convert`.

use crate::run::{folder, model, text, wkv7, world_model};

#[test]
fn every_format_is_written_and_read_back() {
    let folder = folder();
    let original = wkv7(["info", "--json", model()]).ok().json();
    let mut from = model().to_owned();
    for (name, flags, format) in [
        ("a.gguf", &[][..], "GGUF"),
        ("b", &["--to", "hf"], "Hugging Face"),
        ("c.st", &["--dtype", "f32"], "safetensors"),
    ] {
        let to = text(&folder.path().join(name));
        let said = wkv7(["convert", &from, &to]).with(flags).ok();
        assert!(said.text().contains(&to) && said.text().contains("F32") && said.stderr().is_empty());
        let facts = wkv7(["info", "--json", &to]).ok().json();
        assert_eq!(
            [&facts["format"], &facts["fingerprint"]],
            [&format.into(), &original["fingerprint"]] as [&serde_json::Value; 2]
        );
        from = to;
    }
}

#[test]
fn types_change_on_request() {
    let folder = folder();
    let out = text(&folder.path().join("m.gguf"));
    wkv7(["convert", model(), &out, "--dtype", "q8_0"]).ok();
    let dtypes = wkv7(["info", "--json", &out]).ok().json()["dtypes"].clone();
    assert!(dtypes["Q8_0"].as_u64() > Some(0) && dtypes["F32"].as_u64() > Some(0), "{dtypes}");
    wkv7(["generate", &out, "abc", "-n", "3"]).ok();
}

#[test]
fn a_world_model_takes_its_vocabulary_along() {
    let folder = folder();
    let world = world_model(folder.path());
    let out = text(&folder.path().join("m.gguf"));
    wkv7(["convert", &world, &out]).ok();
    let facts = wkv7(["info", "--json", &out]).ok().json();
    assert_eq!([&facts["vocabulary"]["kind"], &facts["metadata"]["tokenizer.ggml.model"]], ["gguf", "rwkv"]);
    let sample = "Hello, world! 日本語\n\n\u{0}\x7f";
    let ids = |flags: &[&str]| wkv7(["tokenize"]).with(flags).stdin(sample).ok().text();
    assert_eq!(ids(&["--model", &out]), ids(&["--vocab", "world"]));
}

#[test]
fn nothing_is_left_when_it_fails() {
    let folder = folder();
    let path = |name: &str| text(&folder.path().join(name));
    assert!(wkv7(["convert", model(), &path("a.zip")]).fails(1).contains(".gguf"));
    assert!(wkv7(["convert", model(), &path("a.st"), "--dtype", "q4_0"]).fails(1).contains("Q4_0"));
    assert!(wkv7(["convert", "/nowhere/m.pth", &path("a.st")]).fails(1).contains("/nowhere/m.pth"));
    assert!(wkv7(["convert", model(), &path("a.st"), "--dtype", "q9"]).fails(2).contains("--dtype"));
    assert!(wkv7(["convert", model(), &path("a"), "--to", "zip"]).fails(2).contains("--to"));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    wkv7(["convert", model(), model()]).fails(1); // never onto itself
}
