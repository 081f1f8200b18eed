//! Data as a trainer meets it: files written, read back, broken, cut into batches.

mod build;
mod hostile;
mod pair;
mod stream;
mod text;

use std::path::PathBuf;

use tempfile::TempDir;

/// A folder for one test.
fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Writes `content` as `name` in `folder`.
fn write(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("written");
    path
}

/// The names of what lies in `folder`, in order.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).expect("listed");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("there").file_name();
    let mut names: Vec<String> = entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}
