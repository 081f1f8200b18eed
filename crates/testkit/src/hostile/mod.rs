//! Hostile files as tables: what is wrong, the bytes, and the words that the refusal must hold.
//!
//! The readers' tests open them in memory, the command's tests from disk. Names begin with the number of the
//! published incident that a file repeats, where there is one.

pub mod folders;
pub mod gguf;
pub mod plain;
pub mod pth;
pub mod rwkv_cpp;
pub mod safetensors;

pub use folders::Folder;

/// A broken file and the words that its message must hold.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is wrong with it.
    pub name: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
    /// What the message must mention.
    pub words: &'static [&'static str],
}

/// A case, short to write in a table.
#[must_use]
pub fn case(name: &'static str, bytes: Vec<u8>, words: &'static [&'static str]) -> Case {
    Case { name, bytes, words }
}
