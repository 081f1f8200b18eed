//! `logits`.

use safetensors::SafeTensors;
use wkv7_testkit::{Golden, TinyModel};

use crate::run::{fixture, folder, model, text, wkv7, write};

/// The tensor `name` of a safetensors file: shape and numbers.
fn tensor(path: &str, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(path).expect("written");
    let file = SafeTensors::deserialize(&bytes).expect("safetensors");
    let view = file.tensor(name).expect(name);
    let values = view.data().as_chunks::<4>().0.iter().map(|&x| f32::from_le_bytes(x)).collect();
    (view.shape().to_vec(), values)
}

fn distance(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let square = |x: f32| f64::from(x) * f64::from(x);
    let gap: f64 = got.iter().zip(want).map(|(a, b)| square(a - b)).sum();
    (gap / want.iter().map(|&x| square(x)).sum::<f64>()).sqrt()
}

/// Sums in another order, in f32.
const F32_SUMS: f64 = 1e-5;

#[test]
fn logits_and_state_have_their_shapes() {
    let folder = folder();
    let out = text(&folder.path().join("out.safetensors"));
    wkv7(["logits", model(), "--tokens", "34,105,110", "--all", "--output", &out]).ok();
    let (shape, all) = tensor(&out, "logits");
    assert_eq!(shape, [3, 256]);
    assert_eq!(tensor(&out, "state.att_shift").0, [2, 128]);
    assert_eq!(tensor(&out, "state.ffn_shift").0, [2, 128]);
    assert_eq!(tensor(&out, "state.wkv").0, [2, 2, 64, 64]);
    for flags in [&["--backend", "reference"][..], &["--backend", "cpu", "--threads", "1", "--exact"], &[]] {
        wkv7(["logits", model(), "--tokens", "34 105 110", "-o", &out]).with(flags).ok();
        let (shape, last) = tensor(&out, "logits");
        assert_eq!(shape, [1, 256]);
        assert!(distance(&last, &all[512..]) < F32_SUMS, "{flags:?}");
    }
}

#[test]
fn tokens_come_from_files_and_pipes() {
    let folder = folder();
    let [ids, direct, by_file, by_pipe] =
        ["ids", "1.st", "2.st", "3.st"].map(|name| text(&folder.path().join(name)));
    std::fs::write(&ids, "1, 2\n3 ").expect("written");
    wkv7(["logits", model(), "--tokens", "1,2,3", "-o", &direct]).ok();
    wkv7(["logits", model(), "--tokens", &format!("@{ids}"), "-o", &by_file]).ok();
    wkv7(["logits", model(), "--tokens", "@-", "-o", &by_pipe]).stdin("[1,2,3]").ok();
    let read = |path| std::fs::read(path).expect("written");
    assert!(read(&direct) == read(&by_file) && read(&direct) == read(&by_pipe));
}

#[test]
fn a_prompt_longer_than_a_forward_is_chunked() {
    let folder = folder();
    let (small, out) = (text(&folder.path().join("m.st")), text(&folder.path().join("out.st")));
    write(&TinyModel { vocab: 16, layers: 1, ..TinyModel::default() }, small.as_ref());
    let ids: Vec<String> = (0..2500).map(|n| (n % 16).to_string()).collect();
    wkv7(["logits", &small, "--tokens", &ids.join(","), "--all", "-o", &out]).ok();
    let (shape, all) = tensor(&out, "logits");
    assert_eq!(shape, [2500, 16]);
    wkv7(["logits", &small, "--tokens", &ids.join(","), "-o", &out]).ok();
    let (shape, last) = tensor(&out, "logits");
    assert_eq!(shape, [1, 16]);
    assert!(distance(&last, &all[2499 * 16..]) < F32_SUMS);
}

#[test]
fn published_numbers_are_met() {
    for name in ["tiny-834k", "odd-shapes", "head64", "one-layer", "wide-ffn"] {
        let Some(model) = fixture(&format!("{name}.safetensors")) else { return };
        let golden =
            Golden::load(fixture(&format!("{name}.expected.safetensors")).expect("beside the model"));
        let golden = golden.expect("golden data");
        let folder = folder();
        let out = text(&folder.path().join("out.safetensors"));
        let ids: Vec<String> = golden.tokens.iter().map(ToString::to_string).collect();
        for backend in ["reference", "cpu"] {
            let tokens = ids.join(",");
            wkv7(["logits", &model, "--tokens", &tokens, "--all", "--backend", backend, "-o", &out]).ok();
            let off = distance(&tensor(&out, "logits").1, &golden.logits);
            assert!(off < F32_SUMS, "{name} on {backend}: {off:.1e}");
            let state = golden.state.as_ref().expect("recorded");
            let parts =
                [("att_shift", &state.att_shift), ("wkv", &state.wkv), ("ffn_shift", &state.ffn_shift)];
            for (part, want) in parts {
                let off = distance(&tensor(&out, &format!("state.{part}")).1, want);
                assert!(off < F32_SUMS, "{name} on {backend}, {part}: {off:.1e}");
            }
        }
    }
}

#[test]
fn nothing_is_written_when_it_fails() {
    let folder = folder();
    let out = text(&folder.path().join("out.st"));
    let fails = |tokens: &str| wkv7(["logits", model(), "--tokens", tokens, "--output", &out]).fails(1);
    assert!(fails("1,999").contains("token 999"));
    assert!(fails("").contains("at least one"));
    assert!(fails("@/nowhere/ids").contains("/nowhere/ids"));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    let there_is_none = wkv7(["logits", model(), "--tokens", "1", "-o", "/nowhere/out.st"]).fails(1);
    assert!(there_is_none.contains("no folder /nowhere"), "{there_is_none}");
}
