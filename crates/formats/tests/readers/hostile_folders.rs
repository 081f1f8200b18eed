//! Things that are no checkpoint at all, and folders that lie.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;
use wkv7_formats::{Checkpoint, open};

use crate::hostile::{case, refuse, refused};
use crate::toy::{self, Toy};
use crate::write::safetensors;

#[test]
fn no_checkpoint_at_all() {
    let tar = [vec![b'a'; 257], b"ustar\x0000".to_vec(), vec![0; 300]].concat();
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 3055051502\n".to_vec();
    refuse(vec![
        case("empty", Vec::new(), &["0 bytes"]),
        case("a git-lfs pointer", pointer, &["git-lfs pointer", "git lfs pull"]),
        case("a web page", b"<!DOCTYPE html><html>404</html>".to_vec(), &["web page"]),
        case("tar", tar, &["tar archive"]),
        case("a bare pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0}.".to_vec(), &["pickle", "torch.save"]),
        case(
            "legacy torch",
            b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec(),
            &["before 1.6", "torch.save"],
        ),
        case("JSON", b"{\"model_type\": \"rwkv7\"}".to_vec(), &["JSON", "open the folder"]),
        case("text", b"once upon a time".to_vec(), &["expected a .pth", "6f 6e 63 65"]),
        case("zeros", vec![0; 4096], &["4096 bytes beginning 00"]),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("broken-file");
    fs::write(&empty, b"").expect("written");
    refused("an empty file", &["empty"], || open(&empty));
    refused("nothing", &["No such file"], || open(folder.path().join("broken-file-not-there")));
}

/// A folder called `broken-file` below a temporary one, so that messages can be told apart from paths.
fn folder(files: &[(&str, &[u8])]) -> (TempDir, PathBuf) {
    let outer = tempfile::tempdir().expect("a folder");
    let path = outer.path().join("broken-file");
    fs::create_dir(&path).expect("made");
    for (name, bytes) in files {
        fs::write(path.join(name), bytes).expect("written");
    }
    (outer, path)
}

fn refuse_folder(name: &str, files: &[(&str, &[u8])], words: &[&str]) {
    let (_outer, path) = folder(files);
    refused(name, words, || open(&path).and_then(Checkpoint::weights));
}

const CONFIG: &[u8] = br#"{"model_type": "rwkv7", "hidden_size": 8, "head_dim": 4, "num_hidden_layers": 2}"#;

#[test]
fn folders_without_a_model() {
    let model = safetensors(&toy::hugging_face(false));
    refuse_folder("empty", &[], &["without config.json", "expected a checkpoint"]);
    refuse_folder("one file", &[("a.pth", b"x"), ("notes.txt", b"x")], &["open `a.pth` inside it"]);
    refuse_folder("two files", &[("a.pth", b"x"), ("b.gguf", b"x")], &["`a.pth`, `b.gguf`"]);
    refuse_folder("config alone", &[("config.json", CONFIG)], &["expected model.safetensors"]);
    let deep = [b"{\"x\":".as_slice(), &[b'['; 100_000]].concat();
    let configs: [(&str, &[u8], &[&str]); 13] = [
        ("empty config", b"", &["config.json", "empty"]),
        ("no JSON", b"nonsense", &["config.json", "line 1"]),
        ("an array", b"[]", &["config.json"]),
        ("deep", &deep, &["config.json", "EOF while parsing"]),
        ("another model", br#"{"model_type": "llama"}"#, &["`model_type` is `llama`, expected `rwkv7`"]),
        ("no type", b"{}", &["`model_type` is ``"]),
        ("activation", br#"{"model_type": "rwkv7", "hidden_act": "gelu"}"#, &["`hidden_act` is `gelu`"]),
        ("eps 0", br#"{"model_type": "rwkv7", "norm_eps": 0}"#, &["`norm_eps` is 0"]),
        ("eps -1", br#"{"model_type": "rwkv7", "norm_eps": -1.0}"#, &["`norm_eps` is -1"]),
        ("negative", br#"{"model_type": "rwkv7", "hidden_size": -8}"#, &["config.json", "-8"]),
        (
            "channels",
            br#"{"model_type": "rwkv7", "hidden_size": 16}"#,
            &["`hidden_size` 16, the tensors have 8"],
        ),
        ("layers", br#"{"model_type": "rwkv7", "num_hidden_layers": 3}"#, &["`num_hidden_layers` 3"]),
        ("heads", br#"{"model_type": "rwkv7", "head_size": 64}"#, &["`head_dim` 64, the tensors have 4"]),
    ];
    for (name, config, words) in configs {
        refuse_folder(name, &[("config.json", config), ("model.safetensors", &model)], words);
    }
    let large = format!("{{\"model_type\": \"rwkv7\", \"x\": \"{}\"}}", "a".repeat(9 << 20));
    refuse_folder(
        "9 MB of config",
        &[("config.json", large.as_bytes())],
        &["expected at most 8388608 bytes"],
    );
}

/// The toy in shards `a` and `b` with an index, and what `change` does to the index.
fn sharded(change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> (TempDir, PathBuf) {
    let toys = toy::hugging_face(false);
    let (a, b) = toys.split_at(30);
    let mut map = serde_json::Map::new();
    for (shard, toys) in [("a.safetensors", a), ("b.safetensors", b)] {
        map.extend(toys.iter().map(|toy| (toy.name.clone(), json!(shard))));
    }
    change(&mut map);
    let index = json!({ "metadata": {}, "weight_map": map }).to_string();
    folder(&[
        ("config.json", CONFIG),
        ("model.safetensors.index.json", index.as_bytes()),
        ("a.safetensors", &safetensors(a)),
        ("b.safetensors", &safetensors(b)),
    ])
}

fn refuse_index(name: &str, shard: &str, words: &[&str]) {
    let (_outer, path) = sharded(|map| {
        map.insert("lm_head.weight".to_owned(), json!(shard));
    });
    refused(name, words, || open(&path));
}

#[test]
fn shards() {
    let (_outer, path) = sharded(|_| ());
    open(&path).and_then(Checkpoint::weights).unwrap_or_else(|error| panic!("{error}"));
    for shard in ["../a.safetensors", "/etc/passwd", "..", ".", "", "x/a.safetensors", "x\\a", "C:a"] {
        refuse_index(
            "a shard elsewhere",
            shard,
            &["index.json", "expected the name of a file in the same folder"],
        );
    }
    refuse_index(
        "another shard",
        "b.safetensors",
        &["`lm_head.weight`", "`a.safetensors`", "`b.safetensors`"],
    );
    refuse_index("itself", "model.safetensors.index.json", &["model.safetensors.index.json"]);
    let (_outer, path) = sharded(|_| ());
    fs::remove_file(path.join("b.safetensors")).expect("removed");
    refused("a shard that is not there", &["b.safetensors", "No such file"], || open(&path));
    let (_outer, path) = sharded(|map| {
        map.insert("ghost".to_owned(), json!("b.safetensors"));
    });
    refused("a tensor that is not there", &["`ghost`", "does not hold it"], || open(&path));
    let (_outer, path) = sharded(|map| _ = map.remove("lm_head.weight"));
    refused("a tensor without a place", &["`lm_head.weight`", "nowhere"], || open(&path));
    let (_outer, path) = sharded(|map| map.extend((0..1_001).map(|n| (n.to_string(), json!(n.to_string())))));
    refused("1001 shards", &["1003 shards"], || open(&path));
    let (_outer, path) = sharded(|map| {
        map.insert("x".to_owned(), json!(1));
    });
    refused("a number for a shard", &["index.json", "expected a string"], || open(&path));
}

/// A tensor in both shards, which the index cannot place twice.
#[test]
fn a_tensor_in_two_shards() {
    let (_outer, path) = sharded(|_| ());
    let twice: Vec<Toy> = toy::hugging_face(false).into_iter().skip(29).collect();
    fs::write(path.join("b.safetensors"), safetensors(&twice)).expect("written");
    refused("a tensor in two shards", &["b.safetensors", "twice"], || open(&path));
}

/// A shard opened by itself is an incomplete model.
#[test]
fn a_shard_alone() {
    let (_outer, path) = sharded(|_| ());
    refused("a shard", &["missing"], || open(shard(&path)).and_then(Checkpoint::weights));
}

fn shard(folder: &Path) -> PathBuf {
    folder.join("a.safetensors")
}
