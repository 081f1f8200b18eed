//! `info` and `verify`.

use crate::run::{folder, model, text, wkv7};

#[test]
fn info_tells_sizes_types_and_identity() {
    let facts = wkv7(["info", "--json", model()]).ok().json();
    assert_eq!(facts["format"], "safetensors");
    assert_eq!(
        [&facts["config"]["layers"], &facts["config"]["channels"], &facts["config"]["vocab"]],
        [2, 128, 256]
    );
    assert_eq!(facts["config"]["ranks"][1]["gate"], 16);
    assert_eq!(facts["vocabulary"]["kind"], "bytes");
    assert_eq!(facts["dtypes"]["F32"].as_u64(), facts["parameters"].as_u64().map(|n| n * 4));
    assert_eq!(facts["state_bytes"], 2 * (2 * 128 + 128 * 64) * 4);
    assert_eq!(facts["fingerprint"].as_str().map(str::len), Some(32));
    assert_eq!(facts["file_bytes"], std::fs::metadata(model()).expect("written").len());
}

#[test]
fn info_is_a_table_for_people() {
    let table = wkv7(["info", model()]).ok().text();
    assert!(table.contains("heads        2 of 64 channels\n"), "{table}");
    let column = table.lines().map(|line| line.find("  ")).collect::<Vec<_>>();
    assert!(table.lines().count() > 10 && column.iter().all(Option::is_some), "{table}");
}

#[test]
fn info_speaks_of_gguf_metadata() {
    let folder = folder();
    let out = text(&folder.path().join("m.gguf"));
    wkv7(["convert", model(), &out]).ok();
    let facts = wkv7(["info", "--json", &out]).ok().json();
    assert_eq!(facts["format"], "GGUF");
    assert_eq!(facts["metadata"]["general.architecture"], "rwkv7");
}

#[test]
fn verify_compares_with_the_reference() {
    let report =
        wkv7(["verify", model(), "--backend", "cpu", "--text", "-", "--json"]).stdin("abc").ok().json();
    assert_eq!([&report["candidate"]["backend"], &report["reference"]["backend"]], ["cpu", "reference"]);
    assert!(report["relative_error"].as_f64().expect("a number") < 1e-5, "{report}");
    assert_eq!(report["layers"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["positions"].as_array().map(Vec::len), Some(3));
    let table = wkv7(["verify", model(), "--tokens", "1,2,3", "--against", model(), "--exact"]).ok().text();
    assert!(table.contains("greedy agreement  100.00 %"), "{table}");
}

#[test]
fn verify_sees_what_rounding_does() {
    let folder = folder();
    let (rounded, sample) = (text(&folder.path().join("m.st")), text(&folder.path().join("sample")));
    wkv7(["convert", model(), &rounded, "--dtype", "bf16"]).ok();
    std::fs::write(&sample, "some text").expect("written");
    let report = wkv7(["verify", &rounded, "--against", model(), "--text", &sample, "--json"]).ok().json();
    let error = report["relative_error"].as_f64().expect("a number");
    assert!(error > 1e-4 && error < 0.1, "{report}");
}

#[test]
fn a_text_to_measure_on_is_always_a_file() {
    for arguments in [&["verify"][..], &["eval", "perplexity"]] {
        let said = wkv7(arguments).with([model(), "--text", "no such file"]).fails(1);
        assert!(said.contains("no such file"), "{said}");
    }
    assert!(wkv7(["verify", model(), "--text", "-"]).fails(1).contains("--text"));
}
