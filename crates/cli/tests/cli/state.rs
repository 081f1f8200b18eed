//! `state`.

use crate::run::{folder, model, text, tiny, wkv7, write};
use wkv7_testkit::TinyModel;

#[test]
fn states_are_saved_inspected_and_compared() {
    let folder = folder();
    let [a, b, c] = ["a", "b", "c"].map(|name| text(&folder.path().join(name)));
    let file = text(&folder.path().join("text"));
    std::fs::write(&file, "abc").expect("written");
    wkv7(["state", "save", model(), "abc", "--output", &a]).ok();
    wkv7(["state", "save", model(), "--tokens", "97,98,99", "-o", &b]).ok();
    wkv7(["state", "save", model(), "--state", &a, "-f", &file, "-o", &c]).ok();

    let facts = wkv7(["state", "inspect", "--json", &c]).ok().json();
    assert_eq!(
        [&facts["tokens_seen"], &facts["layers"], &facts["heads"], &facts["head_size"]],
        [6, 2, 2, 64]
    );
    assert_eq!(facts["norms"].as_array().map(Vec::len), Some(2));
    assert_eq!(facts["fingerprint"], wkv7(["info", "--json", model()]).ok().json()["fingerprint"]);
    assert!(wkv7(["state", "inspect", &c]).ok().text().contains("tokens seen  6\n"));

    let same = wkv7(["state", "diff", "--json", &a, &b]).ok().json();
    assert_eq!([&same["equal"], &same["same_model"]], [true, true]);
    let other = wkv7(["state", "diff", "--json", &a, &c]).ok().json();
    assert_eq!(other["equal"], false);
    assert!(other["layers"][1]["wkv"]["relative"].as_f64().expect("a number") > 0.0);
    assert!(wkv7(["state", "diff", &a, &c]).ok().text().contains("layer 1"));
}

#[test]
fn a_state_of_another_model_is_refused_with_both_fingerprints() {
    let folder = folder();
    let [other, state, out] = ["m.st", "a.state", "b.state"].map(|name| text(&folder.path().join(name)));
    write(&TinyModel { seed: 8, ..tiny() }, other.as_ref());
    wkv7(["state", "save", model(), "abc", "-o", &state]).ok();
    let said = wkv7(["state", "save", &other, "abc", "--state", &state, "-o", &out]).fails(1);
    for name in [model(), &other] {
        let fingerprint = wkv7(["info", "--json", name]).ok().json()["fingerprint"].to_string();
        assert!(said.contains(fingerprint.trim_matches('"')), "{said}");
    }
    assert!(said.contains(&state) && !std::path::Path::new(&out).exists(), "{said}");
    assert!(wkv7(["state", "inspect", model()]).fails(1).contains("not a state file"));
    assert!(wkv7(["state", "save", model(), "-o", &out]).stdin("abc").ok().text().is_empty());
}

#[test]
fn a_tuned_state_may_be_stored_the_other_way_round() {
    let folder = folder();
    let [tuned, straight, turned] = ["tuned.st", "a", "b"].map(|name| text(&folder.path().join(name)));
    // One number off the diagonal of each layer's first head.
    let mut numbers = vec![0_u8; 2 * 64 * 64 * 4];
    numbers[4..8].copy_from_slice(&1_f32.to_le_bytes());
    let tensor = || {
        safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![2, 64, 64], &numbers)
            .expect("fits")
    };
    let tensors = [0, 1].map(|layer| (format!("blocks.{layer}.att.time_state"), tensor()));
    std::fs::write(&tuned, safetensors::serialize(tensors, None).expect("sound")).expect("written");
    wkv7(["state", "save", model(), "", "--state", &tuned, "-o", &straight]).ok();
    wkv7(["state", "save", model(), "", "--state", &tuned, "--state-transposed", "-o", &turned]).ok();
    let diff = wkv7(["state", "diff", "--json", &straight, &turned]).ok().json();
    assert_eq!(diff["layers"][1]["wkv"]["max"], 1.0);
    for command in ["generate", "chat"] {
        wkv7([command, model(), "--state", &tuned, "--state-transposed", "-n", "2"]).stdin("x").ok();
    }
}
