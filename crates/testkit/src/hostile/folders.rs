//! Hugging Face folders that lie.

use serde_json::{Map, Value, json};

use crate::files::toy::{self, Toy};
use crate::files::write::safetensors;

/// A broken folder and the words that its message must hold.
#[derive(Debug, Clone)]
pub struct Folder {
    /// What is wrong with it.
    pub name: &'static str,
    /// Names and contents of its files.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// What the message must mention.
    pub words: &'static [&'static str],
}

fn folder(name: &'static str, files: Vec<(&'static str, Vec<u8>)>, words: &'static [&'static str]) -> Folder {
    Folder { name, files, words }
}

const CONFIG: &str = r#"{"model_type": "rwkv7", "hidden_size": 8, "head_dim": 4, "num_hidden_layers": 2}"#;

/// Folders that lack something.
#[must_use]
pub fn without_a_model() -> Vec<Folder> {
    let x = || b"x".to_vec();
    vec![
        folder("empty", vec![], &["without config.json", "expected a checkpoint"]),
        folder("one file", vec![("a.pth", x()), ("notes.txt", x())], &["open `a.pth` inside it"]),
        folder("two files", vec![("a.pth", x()), ("b.gguf", x())], &["`a.pth`, `b.gguf`"]),
        folder("config alone", vec![("config.json", CONFIG.into())], &["expected model.safetensors"]),
        folder(
            "a git-lfs pointer inside",
            vec![
                ("config.json", CONFIG.into()),
                ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n".to_vec()),
            ],
            &["model.safetensors"],
        ),
    ]
}

/// Folders whose `config.json` is broken, of another model, or contradicts the tensors.
#[must_use]
pub fn configs_that_lie() -> Vec<Folder> {
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    let large = format!("{{\"model_type\": \"rwkv7\", \"x\": \"{}\"}}", "a".repeat(9 << 20));
    let with = |name, config: &str, words| {
        let model = safetensors(&toy::hugging_face(false));
        folder(name, vec![("config.json", config.into()), ("model.safetensors", model)], words)
    };
    vec![
        with("empty config", "", &["config.json", "empty"]),
        with("no JSON", "nonsense", &["config.json", "line 1"]),
        with("an array", "[]", &["config.json"]),
        with("deep", &deep, &["config.json", "EOF while parsing"]),
        with("another model", r#"{"model_type": "llama"}"#, &["`model_type` is `llama`, expected `rwkv7`"]),
        with("no type", "{}", &["`model_type` is ``"]),
        with("activation", r#"{"model_type": "rwkv7", "hidden_act": "gelu"}"#, &["`hidden_act` is `gelu`"]),
        with("eps 0", r#"{"model_type": "rwkv7", "norm_eps": 0}"#, &["`norm_eps` is 0"]),
        with("eps -1", r#"{"model_type": "rwkv7", "norm_eps": -1.0}"#, &["`norm_eps` is -1"]),
        with(
            "eps that is 0 in f32",
            r#"{"model_type": "rwkv7", "norm_eps": 1e-300}"#,
            &["`norm_eps` is 1e-300"],
        ),
        with("negative", r#"{"model_type": "rwkv7", "hidden_size": -8}"#, &["config.json", "-8"]),
        with(
            "channels",
            r#"{"model_type": "rwkv7", "hidden_size": 16}"#,
            &["`hidden_size` 16, the tensors have 8"],
        ),
        with("layers", r#"{"model_type": "rwkv7", "num_hidden_layers": 3}"#, &["`num_hidden_layers` 3"]),
        with("heads", r#"{"model_type": "rwkv7", "head_size": 64}"#, &["`head_dim` 64, the tensors have 4"]),
        with("9 MB of config", &large, &["expected at most 8388608 bytes"]),
    ]
}

/// The toy in shards `a` and `b`, the second from tensor `second` on, with an index after `change`.
fn sharded(
    name: &'static str,
    second: usize,
    words: &'static [&'static str],
    change: impl FnOnce(&mut Map<String, Value>),
) -> Folder {
    let toys = toy::hugging_face(false);
    let (a, b): (&[Toy], &[Toy]) = (&toys[..30], &toys[second..]);
    let mut map = Map::new();
    for (shard, toys) in [("b.safetensors", b), ("a.safetensors", a)] {
        map.extend(toys.iter().map(|toy| (toy.name.clone(), json!(shard))));
    }
    change(&mut map);
    let index = json!({ "metadata": {}, "weight_map": map }).to_string();
    let files = vec![
        ("config.json", CONFIG.into()),
        ("model.safetensors.index.json", index.into()),
        ("a.safetensors", safetensors(a)),
        ("b.safetensors", safetensors(b)),
    ];
    folder(name, files, words)
}

/// The folder of two shards as it should be.
#[must_use]
pub fn sound() -> Folder {
    sharded("sound", 30, &[], |_| ())
}

/// Folders whose index or shards contradict each other, or reach outside.
#[must_use]
pub fn shards_that_lie() -> Vec<Folder> {
    const HEAD: &str = "lm_head.weight";
    let elsewhere = |name, shard: &str| {
        let words: &'static [&'static str] =
            &["index.json", "expected the name of a file in the same folder"];
        sharded(name, 30, words, |map| _ = map.insert(HEAD.to_owned(), json!(shard)))
    };
    let mut absent = sharded("a shard that is not there", 30, &["b.safetensors", "No such file"], |_| ());
    absent.files.pop();
    vec![
        elsewhere("a shard in the parent folder", "../a.safetensors"),
        elsewhere("an absolute shard", "/etc/passwd"),
        elsewhere("the parent folder as a shard", ".."),
        elsewhere("the folder as a shard", "."),
        elsewhere("a shard without a name", ""),
        elsewhere("a shard in a folder", "x/a.safetensors"),
        elsewhere("a shard behind a backslash", "x\\a"),
        elsewhere("a shard on a drive", "C:a"),
        sharded("another shard", 30, &["`lm_head.weight`", "`a.safetensors`", "`b.safetensors`"], |map| {
            map.insert(HEAD.to_owned(), json!("b.safetensors"));
        }),
        sharded("the index as a shard", 30, &["model.safetensors.index.json"], |map| {
            map.insert(HEAD.to_owned(), json!("model.safetensors.index.json"));
        }),
        absent,
        sharded("a tensor that is not there", 30, &["`ghost`", "does not hold it"], |map| {
            map.insert("ghost".to_owned(), json!("b.safetensors"));
        }),
        sharded("a tensor without a place", 30, &["`lm_head.weight`", "nowhere"], |map| {
            map.remove(HEAD);
        }),
        sharded("1001 shards", 30, &["1003 shards"], |map| {
            map.extend((0..1_001).map(|n| (n.to_string(), json!(n.to_string()))));
        }),
        sharded("an index of 600 000 tensors", 30, &["600069 tensors, expected at most 100000"], |map| {
            map.extend((0..600_000).map(|n| (format!("{n:x}"), json!("a"))));
        }),
        sharded("a number for a shard", 30, &["index.json", "expected a string"], |map| {
            map.insert("x".to_owned(), json!(1));
        }),
        sharded("a tensor in two shards", 29, &["b.safetensors", "twice"], |_| ()),
    ]
}
