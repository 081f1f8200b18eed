//! A checkpoint: tensors under official names, and what its file says beside them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use wkv7_core::{Bytes, Recipe, Tensors, Weights};

use crate::error::{Error, InFile as _};

/// How a checkpoint was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A torch zip archive with official names.
    Pth,
    /// Safetensors with official names.
    Safetensors,
    /// Safetensors with web-rwkv's transposed thin matrices.
    WebRwkv,
    /// Hugging Face / fla names, one file or a folder of shards.
    HuggingFace,
    /// GGUF of architecture `rwkv7`.
    Gguf,
    /// rwkv.cpp's own file.
    RwkvCpp,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pth => "pth",
            Self::Safetensors => "safetensors",
            Self::WebRwkv => "web-rwkv safetensors",
            Self::HuggingFace => "Hugging Face",
            Self::Gguf => "GGUF",
            Self::RwkvCpp => "rwkv.cpp",
        })
    }
}

/// A vocabulary as a GGUF stores it; index = token id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    /// `tokenizer.ggml.model`: `rwkv` for the World kind.
    pub model: String,
    /// Escaped token texts, bytes as they stand in the file.
    pub tokens: Vec<Vec<u8>>,
    /// Token types: 1 normal, 3 control, 5 unused, 6 byte.
    pub types: Vec<i32>,
}

/// A checkpoint, opened: nothing but headers has been read.
#[derive(Debug)]
pub struct Checkpoint {
    /// The file or folder.
    pub path: PathBuf,
    /// How it is stored.
    pub format: Format,
    /// Its tensors under official names, in official orientation.
    pub tensors: Tensors,
    /// Constants that the file gives, or the usual ones.
    pub recipe: Recipe,
    /// The vocabulary inside, where the format carries one.
    pub vocabulary: Option<Vocabulary>,
    /// The chat template inside: text, never run here.
    pub chat_template: Option<String>,
    /// Further facts that the file states about itself, as text.
    pub metadata: BTreeMap<String, String>,
    /// Bytes of all its files.
    pub file_bytes: u64,
}

impl Checkpoint {
    /// Checks every tensor and sorts them into a model's places.
    ///
    /// # Errors
    /// Names the file and the first tensor that is missing, superfluous or of a wrong shape.
    pub fn weights(self) -> Result<Weights, Error> {
        let Self { path, tensors, recipe, .. } = self;
        Weights::new(tensors, recipe).in_file(&path)
    }
}

/// Opens the checkpoint at `path`, a file or a folder; its kind is told by content, not by name.
///
/// Costs milliseconds whatever the size: the weights stay in the file, memory-mapped.
///
/// # Errors
/// Names the file, what was expected in it and what was found.
pub fn open(path: impl AsRef<Path>) -> Result<Checkpoint, Error> {
    crate::detect::open(path.as_ref())
}

/// Reads a checkpoint of one file that lies in memory; `name` stands for its path in messages.
///
/// # Errors
/// As [`open`].
pub fn from_bytes(name: impl AsRef<Path>, bytes: Bytes) -> Result<Checkpoint, Error> {
    let name = name.as_ref();
    crate::detect::read(name, bytes).in_file(name)
}
