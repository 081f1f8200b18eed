//! Small files of every layout that the formats allow, compared with what was written.

use half::{bf16, f16};
use wkv7_core::{Bytes, Layout, Recipe, Tensors};
use wkv7_formats::{Checkpoint, Format, from_bytes};

use crate::support::{assert_same, open};
use crate::toy::{self, Toy, f32_bytes};
use crate::write::{rwkv_cpp, rwkv_cpp_toys, safetensors};
use crate::write_pth::{Pickle, View, Zip, archive, archive_in, pth, state_dict, strides};

fn read(bytes: Vec<u8>) -> Checkpoint {
    from_bytes("toy", Bytes::from(bytes)).unwrap_or_else(|error| panic!("{error}"))
}

fn want() -> Tensors {
    read(safetensors(&toy::model())).tensors
}

fn assert_toy(bytes: Vec<u8>, format: Format) {
    let checkpoint = read(bytes);
    assert_eq!(checkpoint.format, format);
    assert_same(&checkpoint.tensors, &want(), |x| x);
    checkpoint.weights().unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn every_format_gives_the_toy() {
    let official = toy::model();
    for toy in &official {
        assert_eq!(want().get(&toy.name).expect("written").to_f32(), toy.values, "{}", toy.name);
    }
    assert_toy(safetensors(&official), Format::Safetensors);
    assert_toy(safetensors(&toy::thin_turned()), Format::WebRwkv);
    assert_toy(safetensors(&toy::hugging_face(false)), Format::HuggingFace);
    assert_toy(safetensors(&toy::hugging_face(true)), Format::HuggingFace);
    assert_toy(pth(&official), Format::Pth);
    assert_toy(pth(&toy::hugging_face(false)), Format::Pth);
    assert_toy(rwkv_cpp(&rwkv_cpp_toys()), Format::RwkvCpp);
}

#[test]
fn wrappers_of_names_are_stripped() {
    for prefix in ["_forward_module.", "model.", "module.", "_forward_module._forward_module.model."] {
        let mut toys = toy::model();
        toys.iter_mut().for_each(|toy| toy.name.insert_str(0, prefix));
        assert_toy(pth(&toys), Format::Pth);
    }
}

#[test]
fn zip64_archives() {
    let (mut pickle, storages) = state_dict(&toy::model());
    pickle.op(b".");
    assert_toy(archive_in(Zip::wide(), &pickle.0, &storages), Format::Pth);
}

#[test]
fn a_state_dict_inside_a_wrapper() {
    let (inner, storages) = state_dict(&toy::model());
    let mut pickle = Pickle::new();
    pickle
        .op(b"}")
        .text("epoch")
        .int(3)
        .op(b"s")
        .text("losses")
        .op(b"](")
        .op(b"G\0\0\0\0\0\0\0\0")
        .op(b"Nes");
    pickle.text("state_dict").op(&inner.0[2..]).op(b"s.");
    assert_toy(archive(&pickle.0, &storages), Format::Pth);
}

#[test]
fn parameters_memo_and_attributes() {
    let mut storages = Vec::new();
    let mut pickle = Pickle::new();
    pickle.global("collections", "OrderedDict").op(b")Rq\x07");
    for toy in toy::model() {
        let shape: Vec<i64> = toy.shape.iter().map(|&n| n as i64).collect();
        let (key, len) = (storages.len().to_string(), toy.values.len() as i64);
        let kind = "FloatStorage";
        let view = View { kind, key: &key, len, offset: 0, shape: &shape, strides: &strides(&shape) };
        pickle.text(&toy.name).global("torch._utils", "_rebuild_parameter").op(b"(").tensor(&view);
        pickle.op(b"\x88").global("collections", "OrderedDict").op(b")RtRs");
        storages.push(f32_bytes(&toy.values));
    }
    pickle.op(b"}").text("_metadata").op(b"}sb."); // attributes, which are dropped
    assert_toy(archive(&pickle.0, &storages), Format::Pth);
}

/// All tensors in one storage behind seven other numbers; matrices by turns row-major, column-major and
/// with gaps between rows.
#[test]
fn shared_storage_and_strides() {
    let mut storage: Vec<f32> = vec![9.0; 7];
    let mut views = Vec::new();
    for (n, toy) in toy::model().into_iter().enumerate() {
        let shape: Vec<i64> = toy.shape.iter().map(|&n| n as i64).collect();
        let offset = storage.len() as i64;
        let steps = match (toy.shape.as_slice(), n % 3) {
            (&[rows, _], 1) => {
                storage.extend(toy::turned(&toy).values);
                vec![1, rows as i64]
            }
            (&[_, columns], 2) => {
                toy.values.chunks(columns).for_each(|row| storage.extend(row.iter().chain(&[5.0; 3])));
                vec![columns as i64 + 3, 1]
            }
            _ => {
                storage.extend(&toy.values);
                strides(&shape)
            }
        };
        views.push((toy.name, offset, shape, steps));
    }
    let mut pickle = Pickle::new();
    pickle.op(b"}");
    for (name, offset, shape, strides) in &views {
        let len = storage.len() as i64;
        let view = View { kind: "FloatStorage", key: "0", len, offset: *offset, shape, strides };
        pickle.item(name, &view);
    }
    pickle.op(b".");
    let bytes = archive(&pickle.0, &[f32_bytes(&storage)]);
    let checkpoint = read(bytes.clone());
    let turned =
        checkpoint.tensors.iter().filter(|(_, tensor)| tensor.layout() == Layout::Transposed).count();
    assert!(turned > 5, "column-major matrices are views, found {turned}");
    assert_toy(bytes, Format::Pth);
}

#[test]
fn every_element_type() {
    type Encode = fn(f32) -> Vec<u8>;
    let kinds: [(&str, &str, Encode); 4] = [
        ("DoubleStorage", "F64", |x| f64::from(x).to_le_bytes().to_vec()),
        ("FloatStorage", "F32", |x| x.to_le_bytes().to_vec()),
        ("HalfStorage", "F16", |x| f16::from_f32(x).to_le_bytes().to_vec()),
        ("BFloat16Storage", "BF16", |x| bf16::from_f32(x).to_le_bytes().to_vec()),
    ];
    for (kind, dtype, encode) in kinds {
        let (mut storages, mut pickle) = (Vec::new(), Pickle::new());
        let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
        pickle.op(b"}");
        for Toy { name, shape, values } in toy::model() {
            let bytes: Vec<u8> = values.iter().flat_map(|&x| encode(x)).collect();
            let (from, to) = (data.len(), data.len() + bytes.len());
            header.insert(name.clone(), crate::write::entry(dtype, &shape, from, to));
            data.extend(&bytes);
            let shape: Vec<i64> = shape.iter().map(|&n| n as i64).collect();
            let (key, len) = (storages.len().to_string(), values.len() as i64);
            pickle.item(
                &name,
                &View { kind, key: &key, len, offset: 0, shape: &shape, strides: &strides(&shape) },
            );
            storages.push(bytes);
        }
        pickle.op(b".");
        assert_toy(archive(&pickle.0, &storages), Format::Pth);
        let header = serde_json::Value::Object(header).to_string();
        assert_toy(crate::write::with_header(&header, &data), Format::Safetensors);
    }
}

const CONFIG: &str = r#"{"model_type": "rwkv7", "hidden_size": 8, "head_dim": 4, "num_hidden_layers": 2,
    "vocab_size": 10, "norm_eps": 1e-5, "hidden_act": "sqrelu"}"#;

#[test]
fn hugging_face_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("model.safetensors");
    std::fs::write(&file, safetensors(&toy::hugging_face(false))).expect("written");
    std::fs::write(folder.path().join("config.json"), CONFIG).expect("written");
    let whole = open(folder.path().to_owned());
    assert_same(&whole.tensors, &want(), |x| x);
    assert_eq!(whole.recipe, Recipe { layer_norm_eps: 1e-5, group_norm_eps: 4e-5, ..Recipe::default() });
    // A file opened by itself takes the constants from the config beside it.
    assert_eq!(open(file.clone()).recipe, whole.recipe);
    // The younger names of the same facts, and a head that is the embedding.
    let younger = r#"{"model_type": "rwkv7", "head_size": 4, "layer_norm_epsilon": 2e-5, "num_heads": null,
        "tie_word_embeddings": true}"#;
    std::fs::write(folder.path().join("config.json"), younger).expect("written");
    let toys: Vec<Toy> =
        toy::hugging_face(true).into_iter().filter(|toy| toy.name != "lm_head.weight").collect();
    std::fs::write(&file, safetensors(&toys)).expect("written");
    let tied = open(folder.path().to_owned());
    assert_eq!(tied.recipe, Recipe { layer_norm_eps: 2e-5, group_norm_eps: 8e-5, ..Recipe::default() });
    let values = |name| tied.tensors.get(name).expect("present").to_f32();
    assert_eq!(values("head.weight"), values("emb.weight"));
    tied.weights().unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_usual_constants_are_exactly_the_usual_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("model.safetensors"), safetensors(&toy::hugging_face(false)))
        .expect("written");
    std::fs::write(folder.path().join("config.json"), r#"{"model_type": "rwkv7"}"#).expect("written");
    assert_eq!(open(folder.path().to_owned()).recipe, Recipe::default());
}

#[test]
fn torch_archives_in_hugging_face_folders() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("pytorch_model.bin"), pth(&toy::hugging_face(false))).expect("written");
    std::fs::write(folder.path().join("config.json"), CONFIG).expect("written");
    assert_same(&open(folder.path().to_owned()).tensors, &want(), |x| x);
}

/// A tuned state inside a checkpoint, in official order and as web-rwkv's converter turns it.
#[test]
fn tuned_states_inside_a_checkpoint() {
    let values: Vec<f32> = (0..32).map(|n| n as f32).collect();
    let state = |layer: usize, values: Vec<f32>| Toy {
        name: format!("blocks.{layer}.att.time_state"),
        shape: vec![2, 4, 4],
        values,
    };
    let turned: Vec<f32> = (0..32).map(|n| (n / 16 * 16 + n % 4 * 4 + n / 4 % 4) as f32).collect();
    for (mut toys, values) in [(toy::model(), &values), (toy::thin_turned(), &turned)] {
        toys.extend((0..2).map(|layer| state(layer, values.clone())));
        let weights = read(safetensors(&toys)).weights().unwrap_or_else(|error| panic!("{error}"));
        let initial = weights.initial_state().expect("complete").expect("present");
        assert_eq!(initial.wkv[5], 5.0);
        assert_eq!(initial.wkv[32 + 17], 17.0);
    }
}
