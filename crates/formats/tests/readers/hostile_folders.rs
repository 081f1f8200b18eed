//! Things that are no checkpoint at all, and folders that lie.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use wkv7_formats::{Checkpoint, open};
use wkv7_testkit::hostile::{Folder, folders, plain};

use crate::hostile::refused;

#[test]
fn no_checkpoint_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    for case in plain::no_checkpoint() {
        let file = folder.path().join("broken-file");
        fs::write(&file, &case.bytes).expect("written");
        refused(case.name, case.words, || open(&file));
    }
    refused("nothing", &["No such file"], || open(folder.path().join("broken-file-not-there")));
}

/// A folder called `broken-file` below a temporary one, so that messages can be told apart from paths.
fn written(folder: &Folder) -> (TempDir, PathBuf) {
    let outer = tempfile::tempdir().expect("a folder");
    let path = outer.path().join("broken-file");
    fs::create_dir(&path).expect("made");
    for (name, bytes) in &folder.files {
        fs::write(path.join(name), bytes).expect("written");
    }
    (outer, path)
}

#[test]
fn folders_that_lie() {
    for folder in
        [folders::without_a_model(), folders::configs_that_lie(), folders::shards_that_lie()].concat()
    {
        let (_outer, path) = written(&folder);
        refused(folder.name, folder.words, || open(&path).and_then(Checkpoint::weights));
    }
}

/// What the folders above spoil.
#[test]
fn the_sound_folder_is_sound() {
    let (_outer, path) = written(&folders::sound());
    open(&path).and_then(Checkpoint::weights).unwrap_or_else(|error| panic!("{error}"));
}

/// A shard opened by itself is an incomplete model.
#[test]
fn a_shard_alone() {
    let (_outer, path) = written(&folders::sound());
    let alone = path.join("a.safetensors");
    refused("a shard beside its config", &["`num_hidden_layers` 2, the tensors have 1"], || open(&alone));
    fs::remove_file(path.join("config.json")).expect("removed");
    refused("a shard", &["missing"], || open(&alone).and_then(Checkpoint::weights));
}

/// A file with Hugging Face names takes its constants from the `config.json` beside it only where that fits.
#[test]
fn a_file_beside_a_config_that_lies() {
    for folder in folders::configs_that_lie() {
        let (_outer, path) = written(&folder);
        refused(folder.name, folder.words, || open(path.join("model.safetensors")));
    }
}
