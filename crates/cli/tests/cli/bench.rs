//! `bench`, and what `info` tells of a run.

use serde_json::Value;

use crate::run::{folder, model, text, wkv7};

/// As little as there is to measure.
const QUICK: [&str; 9] =
    ["--decode", "4", "--prefill", "8,16", "--batch", "1,3", "--repetitions", "2", "--threads=1,2"];

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn json_has_every_field() {
    let report = wkv7(["bench", model(), "--json", "--soak", "2000"]).with(QUICK).ok().json();
    assert_eq!(
        keys(&report).join(" "),
        "version date machine model bytes_per_token operations_per_token ceilings loads results soak"
    );
    assert_eq!(keys(&report["machine"]), ["cpu", "cores"]);
    assert_eq!(keys(&report["model"]).join(" "), "path file_bytes layers channels vocab parameters dtypes");
    assert_eq!(
        report["model"]["dtypes"]["F32"].as_u64(),
        report["model"]["parameters"].as_u64().map(|n| 4 * n)
    );
    assert_eq!(report["date"].as_str().map(str::len), Some("2026-11-24T15:01:22Z".len()));

    let ceilings = report["ceilings"].as_array().expect("a list");
    assert_eq!(ceilings.iter().map(|ceiling| &ceiling["threads"]).collect::<Vec<_>>(), [1, 2]);
    for ceiling in ceilings {
        let names = ["threads", "read_bytes_per_second", "fma_flops", "int8_ops", "int16_ops", "bf16_flops"];
        assert_eq!(keys(ceiling), names);
        assert!(ceiling["read_bytes_per_second"].as_f64() > Some(0.0), "{ceiling}");
        assert!(ceiling["fma_flops"].as_f64() > Some(0.0), "{ceiling}");
    }
    for load in report["loads"].as_array().expect("a list") {
        assert_eq!(
            keys(load).join(" "),
            "backend threads load_seconds first_token_seconds peak_bytes kernels packed ffn_sparsity"
        );
        let seconds = [&load["load_seconds"], &load["first_token_seconds"]].map(Value::as_f64);
        assert!(Some(0.0) < seconds[0] && seconds[0] < seconds[1], "{load}");
    }
    let soak = &report["soak"];
    assert_eq!(
        [keys(soak).join(" "), keys(&soak["last"]).join(" ")],
        ["tokens first last fresh ratio", "tokens_per_second resident_bytes"]
    );
    assert!(soak["ratio"].as_f64() > Some(0.0) && soak["tokens"] == 2000, "{soak}");
}

#[test]
fn every_speed_has_its_place_and_its_shares() {
    let report = wkv7(["bench", model(), "--json", "--backend", "cpu"]).with(QUICK).ok().json();
    let results = report["results"].as_array().expect("a list");
    let place = |result: &Value| {
        let figures = ["threads", "tokens", "batch"].map(|name| result[name].to_string());
        format!("{} {}", result["kind"].as_str().expect("a name"), figures.join(" "))
    };
    let places: Vec<String> = results.iter().map(place).collect();
    let one = ["decode 1 4 1", "prefill 1 8 1", "prefill 1 16 1", "batch 1 1 1", "batch 1 3 3"];
    assert_eq!(places[..5], one);
    assert_eq!(places[5..], one.map(|place| place.replacen(" 1 ", " 2 ", 1)));
    for result in results {
        let speed = &result["tokens_per_second"];
        let [low, median, high] = ["low", "median", "high"].map(|name| speed[name].as_f64());
        assert!(Some(0.0) < low && low <= median && median <= high, "{speed}");
        assert_eq!((speed["runs"].as_array().map(Vec::len), &result["backend"]), (Some(2), &"cpu".into()));
        let known = ["bandwidth_share", "fma_share"].map(|name| result[name].is_f64());
        let (decode, prefill) = (result["kind"] == "decode", result["kind"] == "prefill");
        assert_eq!(known, [!prefill, !decode], "{result}");
        assert!(result.get("int8_share").is_some(), "{result}");
    }
}

#[test]
fn what_is_not_asked_for_is_left_out() {
    let little = ["--no-ceiling", "--decode", "0", "--prefill", "", "--batch", "2", "--repetitions", "1"];
    let report = wkv7(["bench", model(), "--json", "--threads", "1"]).with(little).ok().json();
    assert_eq!([&report["ceilings"], &report["soak"]], [&Value::Array(Vec::new()), &Value::Null]);
    assert_eq!(report["results"].as_array().map(Vec::len), Some(1));
    assert_eq!(report["results"][0]["bandwidth_share"], Value::Null);
}

#[test]
fn people_get_tables_and_a_picture() {
    let folder = folder();
    let plot = text(&folder.path().join("speed.svg"));
    let done = wkv7(["bench", model(), "--no-ceiling", "--exact", "--plot", &plot]).with(QUICK).ok();
    let (table, said) = (done.text(), done.stderr());
    for part in ["machine", "read per token", "first token s", "tokens/s", "prefill 16", "batch 3"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert!(said.is_empty(), "{said}");

    let picture = std::fs::read_to_string(&plot).expect("written");
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"), "{picture}");
    // Every element is closed, and in order.
    let mut open = Vec::new();
    for tag in picture.split('<').skip(1).map(|part| part.split('>').next().unwrap_or_default()) {
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).expect("a name");
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed)),
            None if tag.ends_with('/') => {}
            None => open.push(name),
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
    assert!(open.is_empty() && picture.contains("cpu, 2 threads"), "{open:?}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn bad_flags_are_named() {
    for (flag, value) in [
        ("--decode", "x"),
        ("--prefill", "16,0"),
        ("--batch", "1,,2"),
        ("--threads", "0"),
        ("--threads", ""),
        ("--repetitions", "0"),
        ("--soak", "1999"),
        ("--seed", "-1"),
        ("--backend", "cpu,abacus"),
    ] {
        let said = wkv7(["bench", model(), &format!("{flag}={value}")]).fails(2);
        assert!(said.contains(flag) && said.contains("`wkv7 bench --help`"), "{said}");
    }
    assert!(wkv7(["bench", model(), "--plot", "/nowhere/a.svg"]).fails(1).contains("/nowhere/a.svg"));
    assert!(wkv7(["bench", "/nowhere/m.pth"]).fails(1).contains("/nowhere/m.pth"));
}

#[test]
fn info_runs_on_request() {
    let facts = wkv7(["info", "--json", model()]).ok().json();
    assert_eq!(facts.get("run"), None);
    let ran = wkv7(["info", "--json", "--run", "--threads", "1", model()]).ok().json()["run"].clone();
    assert_eq!(keys(&ran), ["backend", "tokens", "kernels", "packed", "ffn_sparsity"]);
    assert!(ran["tokens"].as_u64() > Some(4) && ran["backend"] == "cpu", "{ran}");
    let table = wkv7(["info", "--run", "--backend", "reference", model()]).ok().text();
    assert!(table.contains("tokens on reference"), "{table}");
    assert!(wkv7(["info", "--backend", "cpu", model()]).fails(2).contains("--run"));
}
