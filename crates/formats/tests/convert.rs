//! Writing checkpoints: what is read back is what was there.

use std::path::{Path, PathBuf};

use wkv7_core::{Dtype, Ranks, Tensor, Tensors, weights};
use wkv7_formats::convert::{Convert, Summary, Target, convert};
use wkv7_formats::{Checkpoint, Error, Format, Problem, Vocabulary, open};
use wkv7_testkit::TinyModel;

const TARGETS: [(Target, &str); 4] = [
    (Target::Safetensors, "out.safetensors"),
    (Target::Gguf, "out.gguf"),
    (Target::HuggingFace, "out"),
    (Target::Pth, "out.pth"),
];

fn checkpoint(tensors: Tensors) -> Checkpoint {
    Checkpoint {
        path: PathBuf::from("memory.pth"),
        format: Format::Pth,
        tensors,
        recipe: wkv7_core::Recipe::default(),
        vocabulary: None,
        chat_template: None,
        metadata: std::collections::BTreeMap::new(),
        file_bytes: 0,
    }
}

fn options(target: Target, dtype: Option<Dtype>, vocab: usize) -> Convert {
    let vocabulary = Some(Vocabulary::from_token_bytes([None, Some(&b"a\n"[..])], vocab));
    Convert { target, dtype, vocabulary }
}

/// Writes `source` and opens the result.
fn written(source: &Checkpoint, out: &Path, options: &Convert) -> Result<(Summary, Checkpoint), Error> {
    let (mut last, mut whole) = (0, 0);
    let summary = convert(source, out, options, &mut |done, total| {
        assert!(done >= last && done <= total, "{done} of {total} after {last}");
        (last, whole) = (done, total);
        true
    })?;
    assert_eq!(last, whole, "all that was announced was done");
    Ok((summary, open(out)?))
}

fn used(tensors: &Tensors) -> impl Iterator<Item = (&str, &Tensor)> {
    tensors.iter().filter(|(name, _)| !weights::is_unused(name))
}

/// Every number that the model reads is the same, to the bit.
fn assert_equal(found: &Tensors, want: &Tensors) {
    let names = |tensors| used(tensors).map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(found), names(want));
    for (name, want) in used(want) {
        let bits = |tensor: &Tensor| tensor.to_f32().into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(found.get(name).expect("same names")), bits(want), "{name}");
    }
}

#[test]
fn plain_types_are_read_back_bit_equal() {
    let folder = tempfile::tempdir().expect("scratch");
    for dtype in [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16] {
        for thin_transposed in [false, true] {
            for (target, name) in TARGETS {
                let model =
                    TinyModel { thin_transposed, first_value: thin_transposed, ..TinyModel::of(dtype) };
                let source = checkpoint(model.tensors());
                let out = folder.path().join(format!("{dtype}-{thin_transposed}-{name}"));
                let (summary, found) =
                    written(&source, &out, &options(target, None, model.vocab)).expect("lossless");
                assert_equal(&found.tensors, &source.tensors);
                let kept = found.tensors.get("blocks.1.ffn.key.weight").expect("there").dtype();
                let widened = target == Target::Gguf && dtype == Dtype::F64;
                assert_eq!(kept, if widened { Dtype::F32 } else { dtype });
                assert_eq!(
                    summary.notes.is_empty(),
                    !(widened || target == Target::HuggingFace && thin_transposed)
                );
                assert_eq!(found.file_bytes > 0, summary.bytes > 0);
                let fingerprint = model.weights().fingerprint();
                assert_eq!(found.weights().expect("a model").fingerprint(), fingerprint, "{dtype} {target}");
            }
        }
    }
}

#[test]
fn the_unused_value_residual_is_kept_only_where_it_belongs() {
    let folder = tempfile::tempdir().expect("scratch");
    let model = TinyModel { head_size: 64, first_value: true, ..TinyModel::default() };
    let source = checkpoint(model.tensors());
    for (target, name) in TARGETS {
        let (_, found) = written(&source, &folder.path().join(name), &options(target, None, model.vocab))
            .expect("written");
        let there = found.tensors.get("blocks.0.att.v1").is_some();
        assert_eq!(there, matches!(target, Target::Safetensors | Target::Pth), "{target}");
    }
}

#[test]
fn safetensors_have_the_shapes_of_the_official_trainer() {
    let folder = tempfile::tempdir().expect("scratch");
    let model = TinyModel::default();
    let out = folder.path().join("out.safetensors");
    written(&checkpoint(model.tensors()), &out, &options(Target::Safetensors, None, model.vocab))
        .expect("written");
    let bytes = std::fs::read(&out).expect("there");
    let (_, head) = safetensors::SafeTensors::read_metadata(&bytes).expect("safetensors");
    assert_eq!(head.metadata().as_ref().expect("metadata")["format"], "pt");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("safetensors");
    for (name, shape) in [
        ("blocks.1.att.x_r", vec![1, 1, 64]),
        ("blocks.1.att.k_a", vec![1, 1, 64]),
        ("blocks.0.att.v0", vec![1, 1, 64]),
        ("blocks.1.ffn.x_k", vec![1, 1, 64]),
        ("blocks.1.att.r_k", vec![2, 32]),
        ("blocks.1.att.w1", vec![64, 8]),
        ("blocks.1.ln1.weight", vec![64]),
        ("ln_out.bias", vec![64]),
        ("emb.weight", vec![61, 64]),
    ] {
        assert_eq!(file.tensor(name).expect("there").shape(), shape, "{name}");
    }
}

#[test]
fn block_types_are_copied_into_gguf_and_widened_elsewhere() {
    let folder = tempfile::tempdir().expect("scratch");
    for dtype in Dtype::ALL.into_iter().filter(|dtype| dtype.is_block()) {
        let model = TinyModel::of(dtype);
        let source = checkpoint(model.tensors());
        for (target, name) in TARGETS {
            let out = folder.path().join(format!("{dtype}-{name}"));
            let (summary, found) =
                written(&source, &out, &options(target, None, model.vocab)).expect("lossless");
            assert_equal(&found.tensors, &source.tensors);
            let key = |tensors: &Tensors| tensors.get("blocks.0.att.key.weight").expect("there").clone();
            let (key, want) = (key(&found.tensors), key(&source.tensors));
            if target == Target::Gguf {
                assert_eq!(key.bytes().as_slice(), want.bytes().as_slice(), "{dtype}");
            } else {
                assert_eq!(key.dtype(), Dtype::F32);
                assert!(summary.notes.iter().any(|note| note.contains("became F32")), "{:?}", summary.notes);
            }
        }
    }
}

/// (asked for, matrices, head): the choices of llama.cpp's quantiser.
const QUANTISED: [(Dtype, Dtype, Dtype); 8] = [
    (Dtype::Q8_0, Dtype::Q8_0, Dtype::Q8_0),
    (Dtype::Q4_0, Dtype::Q4_0, Dtype::Q6K),
    (Dtype::Q5_1, Dtype::Q5_1, Dtype::Q6K),
    (Dtype::Q4K, Dtype::Q4K, Dtype::Q6K),
    (Dtype::Q6K, Dtype::Q6K, Dtype::Q6K),
    (Dtype::F32, Dtype::F32, Dtype::F32),
    (Dtype::F16, Dtype::F16, Dtype::F16),
    (Dtype::BF16, Dtype::BF16, Dtype::BF16),
];

#[test]
fn gguf_types_are_chosen_as_llama_cpp_chooses() {
    let folder = tempfile::tempdir().expect("scratch");
    let model = TinyModel::of(Dtype::BF16);
    let source = checkpoint(model.tensors());
    for (asked, matrices, head) in QUANTISED {
        let out = folder.path().join(format!("{asked}.gguf"));
        let (summary, found) =
            written(&source, &out, &options(Target::Gguf, Some(asked), model.vocab)).expect("written");
        let dtype = |name: &str| found.tensors.get(name).expect("there").dtype();
        for name in ["receptance", "key", "value", "output"] {
            assert_eq!(dtype(&format!("blocks.1.att.{name}.weight")), matrices, "{asked} {name}");
        }
        assert_eq!(dtype("blocks.1.ffn.key.weight"), matrices);
        assert_eq!(dtype("blocks.1.ffn.value.weight"), matrices);
        assert_eq!(dtype("emb.weight"), matrices);
        assert_eq!(dtype("head.weight"), head);
        let thin = if asked.is_block() { Dtype::BF16 } else { asked };
        assert_eq!(dtype("blocks.1.att.g1"), thin);
        assert_eq!(dtype("blocks.1.att.v2"), thin);
        for name in
            ["blocks.1.att.w1", "blocks.1.att.w2", "blocks.1.att.x_r", "blocks.1.ln1.bias", "ln_out.weight"]
        {
            assert_eq!(dtype(name), Dtype::F32, "{asked} {name}");
        }
        assert_eq!(summary.notes, Vec::<String>::new());
        assert!(summary.dtypes[&matrices].0 >= 13, "{:?}", summary.dtypes);
        assert_eq!(found.metadata["rwkv7.attention.head_count"], "0");
        assert_eq!(found.metadata["rwkv7.context_length"], "1048576");
        assert_eq!(found.metadata["general.quantization_version"], "2");
        let vocabulary = found.vocabulary.as_ref().expect("given");
        assert_eq!(vocabulary.tokens[..3], [b"<s>".to_vec(), br"a\n".to_vec(), b"[PAD2]".to_vec()]);
        assert_eq!(vocabulary.types[..3], [3, 1, 5]);
        found.weights().expect("a model");
    }
}

#[test]
fn rows_that_are_not_whole_blocks_fall_back_aloud() {
    let folder = tempfile::tempdir().expect("scratch");
    let model = TinyModel { channels: 96, head_size: 32, ffn: 256, ..TinyModel::default() };
    let source = checkpoint(model.tensors());
    let out = folder.path().join("out.gguf");
    let (summary, found) =
        written(&source, &out, &options(Target::Gguf, Some(Dtype::Q4K), model.vocab)).expect("written");
    let dtype = |name: &str| found.tensors.get(name).expect("there").dtype();
    assert_eq!(dtype("blocks.0.att.key.weight"), Dtype::Q5_0);
    assert_eq!(dtype("blocks.0.ffn.value.weight"), Dtype::Q4K); // rows of 256
    assert_eq!(dtype("head.weight"), Dtype::Q8_0);
    let note = "att.key: rows of 96 are not whole Q4_K blocks, written as Q5_0";
    assert!(summary.notes.iter().any(|found| found == note), "{:?}", summary.notes);
}

#[test]
fn other_types_are_rounded_everywhere() {
    let folder = tempfile::tempdir().expect("scratch");
    let model = TinyModel { head_size: 64, ..TinyModel::default() };
    let source = checkpoint(model.tensors());
    for (target, name) in [TARGETS[0], TARGETS[2], TARGETS[3]] {
        let out = folder.path().join(name);
        let (_, found) =
            written(&source, &out, &options(target, Some(Dtype::BF16), model.vocab)).expect("written");
        for (name, tensor) in found.tensors.iter() {
            assert_eq!(tensor.dtype(), Dtype::BF16, "{name}");
            let want: Vec<f32> =
                source.tensors.get(name).expect("same").to_f32().into_iter().map(to_bf16).collect();
            assert_eq!(tensor.to_f32(), want, "{name}");
        }
    }
}

fn to_bf16(x: f32) -> f32 {
    half::bf16::from_f32(x).to_f32()
}

fn refused(source: &Checkpoint, out: &Path, options: &Convert, words: &[&str]) {
    let before: Vec<PathBuf> = listing(out.parent().expect("in a folder"));
    let error = convert(source, out, options, &mut |_, _| true).expect_err("refused").to_string();
    assert!(words.iter().all(|word| error.contains(word)), "{error} lacks one of {words:?}");
    assert!(!error.contains('\n'), "{error}");
    assert_eq!(listing(out.parent().expect("in a folder")), before, "{error}: something was left behind");
}

fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry").path()).collect();
    names.sort();
    names
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("scratch");
    let at = |name: &str| folder.path().join(name);
    let model = TinyModel { head_size: 64, ..TinyModel::default() };
    let source = checkpoint(model.tensors());
    let with = |target, dtype| options(target, dtype, model.vocab);
    let block = with(Target::Safetensors, Some(Dtype::Q4K));
    refused(&source, &at("a.safetensors"), &block, &["Q4_K", ".gguf"]);
    refused(&source, &at("a"), &with(Target::HuggingFace, Some(Dtype::Q8_0)), &["Q8_0", ".gguf"]);
    refused(&source, &at("a.gguf"), &with(Target::Gguf, Some(Dtype::Q2K)), &["Q2_K", "not written"]);
    refused(&source, &at("a.gguf"), &with(Target::Gguf, Some(Dtype::F64)), &["F64", "F32"]);
    refused(&source, &at("a.gguf"), &Convert::to(Target::Gguf), &["vocabulary", "61 tokens"]);
    let small = options(Target::Gguf, None, 60);
    refused(&source, &at("a.gguf"), &small, &["vocabulary of 61 tokens", "found 60"]);
    let mut foreign = with(Target::Gguf, None);
    foreign.vocabulary.as_mut().expect("given").model = "gpt2".to_owned();
    refused(&source, &at("a.gguf"), &foreign, &["`gpt2`"]);
    let nowhere = convert(&source, &at("no/a.gguf"), &with(Target::Gguf, None), &mut |_, _| true);
    let nowhere = nowhere.expect_err("no folder").to_string();
    assert!(nowhere.contains("no/a.gguf: there is no folder"), "{nowhere}");
}

#[test]
fn numbers_that_do_not_fit_name_their_tensor() {
    let folder = tempfile::tempdir().expect("scratch");
    for (value, dtype, words) in [
        (f32::NAN, Dtype::Q8_0, ["row 3", "NaN"]),
        (f32::INFINITY, Dtype::Q4K, ["row 3", "inf"]),
        (1e6, Dtype::F16, ["row 3", "too large for F16"]),
    ] {
        let model = TinyModel::of(Dtype::F32);
        let mut tensors = model.tensors();
        let name = "blocks.1.att.key.weight";
        let key = tensors.remove(name).expect("there");
        let mut values = key.to_f32();
        values[3 * 256 + 5] = value;
        tensors.insert(name, Tensor::from_f32(name, &[256, 256], &values).expect("valid")).expect("free");
        let options = options(Target::Gguf, Some(dtype), model.vocab);
        let words = ["blk.1.time_mix_key.weight", words[0], words[1]];
        refused(&checkpoint(tensors), &folder.path().join("a.gguf"), &options, &words);
    }
}

#[test]
fn cancelling_leaves_nothing() {
    let folder = tempfile::tempdir().expect("scratch");
    let model = TinyModel { head_size: 64, ..TinyModel::default() };
    let source = checkpoint(model.tensors());
    for (target, name) in TARGETS {
        let mut calls = 0;
        let result =
            convert(&source, &folder.path().join(name), &options(target, None, model.vocab), &mut |_, _| {
                calls += 1;
                calls < 10
            });
        assert!(matches!(result, Err(Error { problem: Problem::Cancelled, .. })), "{target}");
        assert_eq!(listing(folder.path()), Vec::<PathBuf>::new(), "{target}");
    }
}

#[test]
fn the_source_is_never_overwritten() {
    let folder = tempfile::tempdir().expect("scratch");
    let model = TinyModel { head_size: 64, ..TinyModel::default() };
    let file = folder.path().join("m.safetensors");
    let same = options(Target::Safetensors, None, model.vocab);
    let (_, found) = written(&checkpoint(model.tensors()), &file, &same).expect("written");
    refused(&found, &file, &same, &["another name"]);
    let nested = folder.path().join("folder");
    let (_, whole) =
        written(&found, &nested, &options(Target::HuggingFace, None, model.vocab)).expect("written");
    refused(&whole, &nested.join("model.safetensors"), &same, &["another name"]);
    refused(&found, &nested, &options(Target::HuggingFace, None, model.vocab), &["empty folder"]);
    // Another file is replaced, whole.
    let other = folder.path().join("other.safetensors");
    std::fs::write(&other, b"old").expect("written");
    let (_, replaced) = written(&found, &other, &same).expect("replaced");
    assert_equal(&replaced.tensors, &model.tensors());
}

#[test]
fn uneven_ranks_are_written_with_a_warning() {
    let folder = tempfile::tempdir().expect("scratch");
    let rank = |n| Ranks { decay: n, rate: n, value: n, gate: n };
    let ranks = vec![rank(8), rank(8), rank(4)];
    let model = TinyModel { layers: 3, head_size: 64, ranks, ..TinyModel::default() };
    let source = checkpoint(model.tensors());
    for (target, name) in [TARGETS[1], TARGETS[2]] {
        let (summary, found) =
            written(&source, &folder.path().join(name), &options(target, None, model.vocab))
                .expect("written");
        assert!(summary.notes.iter().any(|note| note.contains("ranks differ")), "{:?}", summary.notes);
        assert_equal(&found.tensors, &source.tensors);
    }
}

#[test]
fn a_model_of_bytes_brings_its_own_vocabulary() {
    let folder = tempfile::tempdir().expect("scratch");
    let model = TinyModel { vocab: 256, ..TinyModel::default() };
    let out = folder.path().join("bytes.gguf");
    let (_, found) =
        written(&checkpoint(model.tensors()), &out, &Convert::to(Target::Gguf)).expect("written");
    let vocabulary = found.vocabulary.expect("bytes");
    assert_eq!(vocabulary.tokens[0], br"\x00");
    assert_eq!(vocabulary.tokens[usize::from(b'\'')], b"'");
    assert_eq!(vocabulary.tokens[255], br"\xff");
    assert!(vocabulary.types.iter().all(|&kind| kind == 1));
}

#[test]
fn every_fixture_survives_every_format() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if !fixtures.exists() {
        println!("skipped: no shared fixtures folder");
        return;
    }
    let folder = tempfile::tempdir().expect("scratch");
    for name in ["head64", "odd-shapes", "one-layer", "wide-ffn", "tiny-834k"] {
        let source = open(fixtures.join(format!("{name}.safetensors"))).expect("fixture");
        let vocab = source.tensors.get("emb.weight").expect("there").rows();
        for (target, extension) in TARGETS {
            let out = folder.path().join(format!("{name}-{extension}"));
            let result = written(&source, &out, &options(target, None, vocab));
            if name == "odd-shapes" && target == Target::HuggingFace {
                // Heads of 32: the folder has no place for the group norm's constant.
                let error = result.expect_err("refused").to_string();
                assert!(error.contains("group norm epsilon"), "{error}");
                continue;
            }
            let (_, found) = result.unwrap_or_else(|error| panic!("{error}"));
            assert_equal(&found.tensors, &source.tensors);
        }
    }
}

#[test]
fn a_converted_file_converts_back() {
    let folder = tempfile::tempdir().expect("scratch");
    let model = TinyModel::of(Dtype::F16);
    let source = checkpoint(model.tensors());
    let mut last = source;
    for (n, (target, name)) in TARGETS.into_iter().cycle().skip(1).take(8).enumerate() {
        let out = folder.path().join(format!("{n}-{name}"));
        (_, last) = written(&last, &out, &options(target, None, model.vocab)).expect("written");
    }
    assert_equal(&last.tensors, &model.tensors());
}

#[test]
fn rate_ranges_stay_in_safetensors_and_are_refused_elsewhere() {
    let folder = tempfile::tempdir().expect("scratch");
    let usual = TinyModel { head_size: 64, ..TinyModel::default() };
    let recipe = wkv7_core::Recipe { rate_range: 2.0, ..usual.recipe };
    let source = Checkpoint { recipe, ..checkpoint(usual.tensors()) };
    let vocab = usual.vocab;
    for (target, name) in TARGETS {
        let out = folder.path().join(name);
        let result = written(&source, &out, &options(target, None, vocab));
        if target == Target::Safetensors {
            let (_, found) = result.expect("written");
            assert_eq!((found.recipe, found.metadata["rwkv7.rate_range"].as_str()), (recipe, "2"));
            let weights = found.weights().expect("a model");
            assert_ne!(weights.fingerprint(), usual.weights().fingerprint());
            assert_eq!(weights.fingerprint(), TinyModel { recipe, ..usual.clone() }.weights().fingerprint());
        } else {
            let error = result.expect_err("no place for it").to_string();
            assert!(error.contains("up to 2; write safetensors"), "{error}");
            assert!(!out.exists());
        }
    }
}
