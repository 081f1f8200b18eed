//! Hugging Face / fla folders: names, `config.json`, shards.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};
use wkv7_core::{Dtype, Recipe, Tensor, Weights, weights};

use super::item::Item;
use super::output::{Folder, Meter, Output};
use super::{Convert, Notes, Progress, Summary, check_rates, plain_dtype, safetensors};
use crate::Problem;

/// Bytes of tensors in one file, as the hub's own tools have it.
const SHARD: u64 = 5_000_000_000;

/// Writes `weights` as a folder.
pub(super) fn write(
    weights: &Weights,
    out: &Path,
    options: &Convert,
    progress: Progress<'_>,
) -> Result<Summary, Problem> {
    write_shards(weights, out, options, progress, SHARD)
}

/// As [`write`], with at most `limit` bytes of tensors in a file.
fn write_shards(
    weights: &Weights,
    out: &Path,
    options: &Convert,
    progress: Progress<'_>,
    limit: u64,
) -> Result<Summary, Problem> {
    check_norms(weights)?;
    check_rates(weights, options.target)?;
    let mut notes = Notes::default();
    let items = items(weights, options, &mut notes)?;
    note_ranks(weights, &mut notes);
    let summary = Summary::of(&items, notes.0);
    let folder = Folder::beside(out)?;
    let mut bytes = folder.put("config.json", &format!("{:#}\n", config(weights, &items)))?;
    let mut meter = Meter::new(&items, progress)?;
    let total: u64 = items.iter().map(Item::bytes).sum();
    let mut shards = split(items, limit);
    let count = shards.len();
    let mut places = Map::new();
    for (n, shard) in shards.iter_mut().enumerate() {
        let name = match count {
            1 => "model.safetensors".to_owned(),
            _ => format!("model-{:05}-of-{count:05}.safetensors", n + 1),
        };
        let mut output = Output::beside(&folder.path(&name))?;
        safetensors::write_file(shard, &BTreeMap::new(), &mut output, &mut meter)?;
        bytes += output.finish()?;
        places.extend(shard.iter().map(|item| (item.name().to_owned(), Value::from(name.as_str()))));
    }
    if count > 1 {
        let index = json!({"metadata": {"total_size": total}, "weight_map": places});
        bytes += folder.put("model.safetensors.index.json", &format!("{index:#}\n"))?;
    }
    folder.finish(out)?;
    Ok(Summary { bytes, ..summary })
}

/// fla computes the group norm's constant from the layer norm's; a model that differs would change in silence.
fn check_norms(weights: &Weights) -> Result<(), Problem> {
    let Recipe { layer_norm_eps, group_norm_eps, .. } = weights.config().recipe;
    let head_size = weights.config().head_size;
    let theirs = head_size as f32 * layer_norm_eps;
    if theirs != group_norm_eps {
        return Err(Problem::Unsupported(format!(
            "a Hugging Face folder gives heads of {head_size} channels a group norm epsilon of {theirs:e}, \
             this model has {group_norm_eps:e}; write safetensors or GGUF instead"
        )));
    }
    Ok(())
}

fn note_ranks(weights: &Weights, notes: &mut Notes) {
    let ranks = &weights.config().ranks;
    if ranks.windows(2).skip(1).any(|pair| pair[0] != pair[1]) {
        notes.add("ranks differ between layers: fla, which has one for all, will not load this".to_owned());
    }
}

/// Groups of at most `limit` bytes, in order; a larger tensor has one of its own.
fn split(items: Vec<Item<'_>>, limit: u64) -> Vec<Vec<Item<'_>>> {
    let mut shards: Vec<Vec<Item<'_>>> = Vec::new();
    let mut room = 0;
    for item in items {
        match shards.last_mut() {
            Some(shard) if item.bytes() <= room => {
                room -= item.bytes();
                shard.push(item);
            }
            _ => {
                room = limit.saturating_sub(item.bytes());
                shards.push(vec![item]);
            }
        }
    }
    shards
}

fn items(model: &Weights, options: &Convert, notes: &mut Notes) -> Result<Vec<Item<'static>>, Problem> {
    let mut items = Vec::new();
    for (name, tensor) in model.tensors().iter() {
        if weights::is_unused(name) {
            notes.add("the first layer's unused value residual was left out".to_owned());
            continue;
        }
        if name.ends_with(".time_state") {
            notes.add("tuned initial states were left out: the folder has no place for them".to_owned());
            continue;
        }
        // Present: every other official name was checked when the weights were made.
        let Some((theirs, form)) = name_of(name) else { continue };
        let dtype = plain_dtype(tensor.dtype(), options, notes)?;
        let tensor = tensor.clone();
        let (shape, tensor) = match form {
            Form::Same => (tensor.shape().to_vec(), tensor),
            Form::Vector => (vec![tensor.len()], tensor),
            Form::Token => (vec![1, 1, tensor.len()], tensor),
            Form::Thin => {
                let turned: Tensor = tensor.transposed();
                (turned.shape().to_vec(), turned)
            }
        };
        items.push(Item::new(theirs, shape, dtype, vec![tensor])?);
    }
    Ok(items)
}

/// How a tensor stands in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Same,
    Vector,
    /// `[1, 1, channels]`.
    Token,
    /// Transposed.
    Thin,
}

/// fla's name and form for an official name.
fn name_of(official: &str) -> Option<(String, Form)> {
    let outside = match official {
        "emb.weight" => Some(("model.embeddings.weight", Form::Same)),
        "head.weight" => Some(("lm_head.weight", Form::Same)),
        "ln_out.weight" => Some(("model.norm.weight", Form::Vector)),
        "ln_out.bias" => Some(("model.norm.bias", Form::Vector)),
        _ => None,
    };
    if let Some((name, form)) = outside {
        return Some((name.to_owned(), form));
    }
    let (layer, leaf) = official.strip_prefix("blocks.")?.split_once('.')?;
    let (module, rest) = leaf.split_once('.')?;
    let (leaf, form) = match module {
        "ln0" => (format!("pre_norm.{rest}"), Form::Vector),
        "ln1" => (format!("attn_norm.{rest}"), Form::Vector),
        "ln2" => (format!("ffn_norm.{rest}"), Form::Vector),
        "ffn" if rest == "x_k" => ("ffn.x_k".to_owned(), Form::Vector),
        "ffn" => (format!("ffn.{rest}"), Form::Same),
        "att" => {
            let (name, form) = time_mix_name(rest)?;
            (format!("attn.{name}"), form)
        }
        _ => return None,
    };
    Some((format!("model.layers.{layer}.{leaf}"), form))
}

fn time_mix_name(leaf: &str) -> Option<(String, Form)> {
    let same = |name: &str| Some((name.to_owned(), Form::Same));
    match leaf {
        "receptance.weight" => same("r_proj.weight"),
        "key.weight" => same("k_proj.weight"),
        "value.weight" => same("v_proj.weight"),
        "output.weight" => same("o_proj.weight"),
        "ln_x.weight" => Some(("g_norm.weight".to_owned(), Form::Vector)),
        "ln_x.bias" => Some(("g_norm.bias".to_owned(), Form::Vector)),
        "r_k" => same("r_k"),
        "k_k" | "k_a" => Some((leaf.to_owned(), Form::Vector)),
        _ if leaf.starts_with("x_") => Some((leaf.to_owned(), Form::Token)),
        _ => {
            let (net, part) = leaf.split_at_checked(1)?;
            Some(match part {
                "0" => (format!("{net}_lora.lora.2.bias"), Form::Vector),
                "1" => (format!("{net}_lora.lora.0.weight"), Form::Thin),
                "2" => (format!("{net}_lora.lora.2.weight"), Form::Thin),
                _ => return None,
            })
        }
    }
}

/// `config.json` with the keys of fla.
fn config(weights: &Weights, items: &[Item<'_>]) -> Value {
    let config = weights.config();
    let ranks = config.ranks.last().copied().unwrap_or_default();
    // The shortest decimal of the f32: as f64 it would gain digits that nobody wrote.
    let eps: f64 = config.recipe.layer_norm_eps.to_string().parse().unwrap_or(1e-5);
    let torch = match items.iter().max_by_key(|item| item.bytes()).map(Item::dtype) {
        Some(Dtype::F16) => "float16",
        Some(Dtype::BF16) => "bfloat16",
        Some(Dtype::F64) => "float64",
        _ => "float32",
    };
    json!({
        "architectures": ["RWKV7ForCausalLM"],
        "model_type": "rwkv7",
        "attn": null,
        "attn_mode": "chunk",
        "hidden_size": config.channels,
        "hidden_ratio": config.ffn as f64 / config.channels as f64,
        "intermediate_size": config.ffn,
        "hidden_act": "sqrelu",
        "head_dim": config.head_size,
        "num_heads": config.heads,
        "num_hidden_layers": config.layers,
        "value_dim": vec![config.channels; config.layers],
        "vocab_size": config.vocab,
        "decay_low_rank_dim": ranks.decay,
        "a_low_rank_dim": ranks.rate,
        // A single layer has no value residual; fla wants a number all the same.
        "v_low_rank_dim": if ranks.value == 0 { ranks.rate } else { ranks.value },
        "gate_low_rank_dim": ranks.gate,
        "norm_first": true,
        "norm_bias": true,
        "norm_eps": eps,
        "fuse_norm": false,
        "use_cache": true,
        "tie_word_embeddings": false,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "torch_dtype": torch,
    })
}

#[cfg(test)]
mod tests {
    use wkv7_testkit::TinyModel;

    use super::super::Target;
    use super::*;

    #[test]
    fn large_models_are_split_and_found_again() {
        let folder = tempfile::tempdir().expect("scratch");
        let out = folder.path().join("model");
        let weights = TinyModel { head_size: 64, ..TinyModel::default() }.weights();
        let options = Convert::to(Target::HuggingFace);
        let summary = write_shards(&weights, &out, &options, &mut |_, _| true, 60_000).expect("written");
        let names = |folder: &Path| std::fs::read_dir(folder).expect("folder").count();
        assert!(names(&out) > 4, "{} files", names(&out));
        let index = std::fs::read_to_string(out.join("model.safetensors.index.json")).expect("index");
        assert!(index.contains("model-00001-of-"), "{index}");
        let found = crate::open(&out).expect("read");
        assert_eq!(summary.bytes, on_disk(&out));
        assert_eq!(found.weights().expect("a model").fingerprint(), weights.fingerprint());
    }

    fn on_disk(folder: &Path) -> u64 {
        std::fs::read_dir(folder)
            .expect("folder")
            .map(|entry| entry.expect("entry").metadata().expect("there").len())
            .sum()
    }
}
