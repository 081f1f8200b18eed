//! Hugging Face / fla folders: `config.json`, and tensors in one file or in shards with an index.

mod config;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use serde::Deserialize;
use wkv7_core::{Recipe, Tensors};

use crate::error::{Error, InFile as _, Problem, shown};
use crate::names::{self, Named, Orientation};
use crate::{Checkpoint, Format, map, pth, safetensors};
use config::FolderConfig;

/// Files that hold all tensors, and indices of shards, in the order in which they are looked for.
const WHOLE: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];
const INDICES: [&str; 2] = ["model.safetensors.index.json", "pytorch_model.bin.index.json"];
/// More tensors than any model has.
const MAX_TENSORS: usize = 100_000;
/// More shards than any model has.
const MAX_SHARDS: usize = 1_000;

/// Opens the folder at `path`.
pub(crate) fn read(path: &Path) -> Result<Checkpoint, Error> {
    let config_path = path.join("config.json");
    if !config_path.exists() {
        return Err(Error::new(path, Problem::NotACheckpoint(no_config(path))));
    }
    let config = FolderConfig::read(&config_path)?;
    let recipe = config.recipe().in_file(&config_path)?;
    let (named, file_bytes) = folder_tensors(path)?;
    let mut tensors = names::arrange(named, Orientation::Official).in_file(path)?.tensors;
    if config.ties_head() {
        tie_head(&mut tensors).in_file(path)?;
    }
    config.check_sizes(&tensors).in_file(path)?;
    Ok(Checkpoint {
        path: path.to_owned(),
        format: Format::HuggingFace,
        tensors,
        recipe,
        vocabulary: None,
        chat_template: None,
        metadata: BTreeMap::new(),
        file_bytes,
    })
}

/// The constants for a file with Hugging Face names: those of the `config.json` beside it, where there is one, which
/// must fit the file's `tensors`.
pub(crate) fn recipe_beside(file: &Path, tensors: &Tensors) -> Result<Recipe, Error> {
    let config_path = file.with_file_name("config.json");
    if !config_path.exists() {
        return Ok(Recipe::default());
    }
    let config = FolderConfig::read(&config_path)?;
    config.check_sizes(tensors).in_file(file)?;
    config.recipe().in_file(&config_path)
}

fn tie_head(tensors: &mut Tensors) -> Result<(), Problem> {
    if let (None, Some(emb)) = (tensors.get("head.weight"), tensors.get("emb.weight")) {
        let head = emb.clone();
        tensors.insert("head.weight", head)?;
    }
    Ok(())
}

/// Every tensor of the folder under the name it has there, and the bytes of all its files.
fn folder_tensors(folder: &Path) -> Result<(Vec<Named>, u64), Error> {
    if let Some(index) = INDICES.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
        return sharded(folder, &index);
    }
    match WHOLE.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
        Some(path) => file_tensors(&path),
        None => {
            let what = format!("expected {} or {} beside config.json, found neither", WHOLE[0], INDICES[0]);
            Err(Error::new(folder, Problem::NotACheckpoint(what)))
        }
    }
}

/// The tensors of one file, which is safetensors or a torch archive.
fn file_tensors(path: &Path) -> Result<(Vec<Named>, u64), Error> {
    let file = map(path)?;
    let len = file.len() as u64;
    let named = if pth::looks_like(&file) {
        pth::tensors(&file).in_file(path)?
    } else {
        safetensors::tensors(&file).in_file(path)?.0
    };
    Ok((named, len))
}

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>, // tensor name -> file name of its shard
}

fn sharded(folder: &Path, index_path: &Path) -> Result<(Vec<Named>, u64), Error> {
    let Index { mut weight_map } = config::json(index_path)?;
    if weight_map.len() > MAX_TENSORS {
        let what = format!("{} tensors, expected at most {MAX_TENSORS}", weight_map.len());
        return Err(Error::new(index_path, Problem::broken("Hugging Face", what)));
    }
    let shards: BTreeSet<String> = weight_map.values().cloned().collect();
    check_shards(&shards).in_file(index_path)?;
    let (mut all, mut bytes) = (Vec::new(), 0);
    for shard in &shards {
        let (named, len) = file_tensors(&folder.join(shard))?;
        for (name, _) in &named {
            let place = weight_map.remove(name);
            check_place(name, place.as_deref(), shard).in_file(index_path)?;
        }
        all.extend(named);
        bytes += len;
    }
    if let Some((name, shard)) = weight_map.first_key_value() {
        let what =
            format!("tensor {} is said to be in {}, which does not hold it", shown(name), shown(shard));
        return Err(Error::new(index_path, Problem::broken("Hugging Face", what)));
    }
    Ok((all, bytes))
}

/// A shard is named by a plain file name: an index must not reach outside its folder.
fn check_shards(shards: &BTreeSet<String>) -> Result<(), Problem> {
    if shards.len() > MAX_SHARDS {
        let what = format!("{} shards, expected at most {MAX_SHARDS}", shards.len());
        return Err(Problem::broken("Hugging Face", what));
    }
    for shard in shards {
        let mut parts = Path::new(shard).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if !plain || shard.contains(['/', '\\', '\0', ':']) {
            let what = format!("shard {}, expected the name of a file in the same folder", shown(shard));
            return Err(Problem::broken("Hugging Face", what));
        }
    }
    Ok(())
}

fn check_place(name: &str, place: Option<&str>, shard: &str) -> Result<(), Problem> {
    if place == Some(shard) {
        return Ok(());
    }
    let said = place.map_or_else(|| "nowhere, or twice".to_owned(), shown);
    let what = format!("tensor {} is in {}, the index places it in {said}", shown(name), shown(shard));
    Err(Problem::broken("Hugging Face", what))
}

/// What to do with a folder that is no Hugging Face folder.
fn no_config(folder: &Path) -> String {
    let known = |name: &String| {
        [".pth", ".safetensors", ".st", ".gguf", ".bin"].iter().any(|ending| name.ends_with(ending))
    };
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<String> =
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(known).take(4).collect();
    files.sort();
    match files.as_slice() {
        [] => "a folder without config.json, expected a checkpoint file or a Hugging Face folder".to_owned(),
        [file] => format!("a folder without config.json; open {} inside it", shown(file)),
        _ => {
            let files: Vec<String> = files.iter().map(|file| shown(file)).collect();
            format!("a folder without config.json; open one of the files inside it: {}", files.join(", "))
        }
    }
}
