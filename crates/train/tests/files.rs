//! Parameters through files: what is read back is what was there.

use std::collections::BTreeMap;
use std::path::Path;

use wkv7_core::{Dtype, Ranks, Tensors, Weights, blocks};
use wkv7_formats::convert::Summary;
use wkv7_testkit::{TinyModel, fixtures};
use wkv7_train::{Error, Layout, NewModel, files, initialise};

fn new() -> (Layout, Vec<f32>) {
    let ranks = Some(Ranks { decay: 8, rate: 12, value: 6, gate: 20 });
    let model = NewModel { layers: 3, channels: 36, head_size: 12, vocab: 41, ffn: Some(50), ranks };
    let layout = model.layout().expect("a model");
    let parameters = initialise(&layout, 3).expect("fits");
    (layout, parameters)
}

fn save(layout: &Layout, parameters: &[f32], path: &Path, dtype: Dtype) -> Result<Summary, Error> {
    files::save(layout, parameters, path, dtype, &BTreeMap::new(), &mut |_, _| true)
}

fn open(path: &Path) -> Weights {
    wkv7_formats::open(path).expect("opens").weights().expect("a model")
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

/// What is left of `values` after a stay in `dtype`.
fn rounded(values: &[f32], dtype: Dtype) -> Vec<f32> {
    let mut bytes = vec![0; dtype.row_bytes(values.len()).expect("plain")];
    blocks::quantize(dtype, values, &mut bytes).expect("finite");
    let mut out = vec![0.0; values.len()];
    blocks::dequantize(dtype, &bytes, &mut out);
    out
}

#[test]
fn saved_and_read_back_bit_equal() {
    let folder = tempfile::tempdir().expect("scratch");
    let (layout, parameters) = new();
    for name in ["a.safetensors", "a.st", "a.pth"] {
        for dtype in [Dtype::F32, Dtype::BF16, Dtype::F16] {
            let path = folder.path().join(name);
            let summary = save(&layout, &parameters, &path, dtype).expect("written");
            assert_eq!(summary.bytes, std::fs::metadata(&path).expect("there").len());
            let weights = open(&path);
            assert_eq!(weights.config(), layout.config());
            let again = Layout::of(&weights).expect("a layout");
            assert_eq!(again.entries(), layout.entries());
            let found = files::flatten(&again, &weights).expect("fits");
            assert_eq!(bits(&found), bits(&rounded(&parameters, dtype)), "{name} {dtype}");
            assert!(weights.tensors().iter().all(|(_, tensor)| tensor.dtype() == dtype));
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 3);
}

#[test]
fn a_model_in_memory_is_the_model_in_the_file() {
    let folder = tempfile::tempdir().expect("scratch");
    let (layout, parameters) = new();
    let path = folder.path().join("a.pth");
    save(&layout, &parameters, &path, Dtype::F32).expect("written");
    let ours = files::model(&layout, &parameters).expect("a model");
    assert_eq!(ours.fingerprint(), open(&path).fingerprint());
    assert_eq!(bits(&files::flatten(&layout, &ours).expect("fits")), bits(&parameters));
}

#[test]
fn facts_go_into_safetensors_only() {
    let folder = tempfile::tempdir().expect("scratch");
    let (layout, parameters) = new();
    let facts = BTreeMap::from([("rate_range".to_owned(), "2".to_owned())]);
    let save = |name: &str| {
        let path = folder.path().join(name);
        files::save(&layout, &parameters, &path, Dtype::F32, &facts, &mut |_, _| true).map(|_| path)
    };
    let checkpoint = wkv7_formats::open(save("a.safetensors").expect("written")).expect("opens");
    assert_eq!(checkpoint.metadata["rate_range"], "2");
    let error = save("a.pth").expect_err("no place").to_string();
    assert!(error.contains("a.pth: a .pth has no place for `rate_range`"), "{error}");
}

#[test]
fn any_type_and_orientation_is_read() {
    for dtype in [Dtype::Q8_0, Dtype::Q4K, Dtype::BF16, Dtype::F64] {
        for thin_transposed in [false, true] {
            let weights = TinyModel { thin_transposed, ..TinyModel::of(dtype) }.weights();
            let layout = Layout::of(&weights).expect("a layout");
            let parameters = files::flatten(&layout, &weights).expect("fits");
            for entry in layout.entries() {
                let want = weights.tensors().get(&entry.name).expect("same names").to_f32();
                assert_eq!(bits(&parameters[entry.range.clone()]), bits(&want), "{dtype} {}", entry.name);
            }
        }
    }
}

#[test]
fn a_missing_first_value_residual_is_zero_and_other_sizes_are_refused() {
    let (layout, parameters) = new();
    let mut tensors: Tensors = files::tensors(&layout, &parameters).expect("fits");
    for leaf in ["v0", "v1", "v2"] {
        assert!(tensors.remove(&format!("blocks.0.att.{leaf}")).is_some());
    }
    let weights = Weights::new(tensors, layout.config().recipe).expect("a model");
    let found = files::flatten(&layout, &weights).expect("fits");
    for entry in layout.entries() {
        let unused = wkv7_core::weights::is_unused(&entry.name);
        let (found, was) = (&found[entry.range.clone()], &parameters[entry.range.clone()]);
        assert!(if unused { found.iter().all(|&x| x == 0.0) } else { found == was }, "{}", entry.name);
    }
    assert!(Layout::of(&weights).expect("a layout").get("blocks.0.att.v0").is_none());
    let other = NewModel { layers: 3, channels: 36, head_size: 12, vocab: 42, ffn: None, ranks: None };
    let error = files::flatten(&other.layout().expect("a model"), &weights).expect_err("other sizes");
    assert!(error.to_string().contains("`emb.weight` has shape [41, 36], expected [42, 36]"), "{error}");
    assert!(files::tensors(&layout, &parameters[1..]).is_err());
}

#[test]
fn what_fails_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().expect("scratch");
    let (layout, mut parameters) = new();
    let path = folder.path().join("a.safetensors");
    save(&layout, &parameters, &path, Dtype::F32).expect("written");
    let old = std::fs::read(&path).expect("there");
    let stopped =
        files::save(&layout, &parameters, &path, Dtype::BF16, &BTreeMap::new(), &mut |done, _| done < 9);
    assert!(stopped.expect_err("stopped").to_string().contains("cancelled"));
    parameters[layout.ranges().layers[1].key.start + 5] = f32::NAN;
    let error = save(&layout, &parameters, &path, Dtype::F32).expect_err("no number").to_string();
    assert!(error.contains("blocks.1.att.key.weight") && error.contains("NaN"), "{error}");
    assert_eq!(std::fs::read(&path).expect("there"), old);
    assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    let nowhere =
        save(&layout, &parameters, &folder.path().join("no/a.pth"), Dtype::F32).expect_err("nowhere");
    assert!(nowhere.to_string().contains("there is no folder"), "{nowhere}");
    for name in ["a.gguf", "a.onnx", "folder"] {
        assert!(save(&layout, &parameters, &folder.path().join(name), Dtype::F32).is_err(), "{name}");
    }
    assert!(save(&layout, &parameters, &path, Dtype::Q8_0).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let folder = tempfile::tempdir().expect("scratch");
    let (layout, parameters) = new();
    for name in ["a.safetensors", "a.pth"] {
        // A link to the device whose disk is always full.
        let path = folder.path().join(name);
        std::os::unix::fs::symlink("/dev/full", &path).expect("linked");
        let error = save(&layout, &parameters, &path, Dtype::F32).expect_err("full").to_string();
        assert!(error.contains(name) && error.contains("No space left"), "{error}");
    }
}

#[test]
fn a_trained_model_goes_through_both_kinds_of_file() {
    let Some(fixtures) = fixtures() else { return };
    let folder = tempfile::tempdir().expect("scratch");
    for (source, dtype) in [("tiny-834k.f32.pth", Dtype::F32), ("tiny-834k.bf16.pth", Dtype::BF16)] {
        let weights = open(&fixtures.join(source));
        let layout = Layout::of(&weights).expect("a layout");
        let parameters = files::flatten(&layout, &weights).expect("fits");
        for name in ["a.pth", "a.safetensors"] {
            let path = folder.path().join(name);
            save(&layout, &parameters, &path, dtype).expect("written");
            assert_eq!(open(&path).fingerprint(), weights.fingerprint(), "{source} {name}");
        }
    }
}

#[test]
fn a_rate_range_goes_with_the_model() {
    let folder = tempfile::tempdir().expect("scratch");
    let (layout, parameters) = new();
    let mut config = layout.config().clone();
    config.recipe.rate_range = 2.0;
    let layout = Layout::new(&config, true).expect("sizes");
    let save = |name: &str| {
        let path = folder.path().join(name);
        files::save(&layout, &parameters, &path, Dtype::F32, &BTreeMap::new(), &mut |_, _| true).map(|_| path)
    };
    let found = open(&save("a.safetensors").expect("written"));
    assert_eq!(found.config().recipe, config.recipe);
    assert_eq!(Layout::of(&found).expect("a layout").config(), &config);
    let error = save("a.pth").expect_err("no place").to_string();
    assert!(error.contains("no place for `rwkv7.rate_range`"), "{error}");

    let moments = wkv7_train::Moments::new(&layout);
    let path = folder.path().join("last.safetensors");
    let facts = BTreeMap::from([("seed".to_owned(), "1".to_owned())]);
    wkv7_train::snapshot::save(&layout, &parameters, &moments, &facts, &path, &mut |_, _| true)
        .expect("written");
    let again = wkv7_train::snapshot::load(&path, wkv7_core::Recipe::default()).expect("reads");
    assert_eq!((again.layout.config(), &again.facts), (&config, &facts));

    config.recipe.rate_range = 2.5;
    let error = Layout::new(&config, true).expect_err("too large").to_string();
    assert!(error.contains("up to 2.5"), "{error}");
}
