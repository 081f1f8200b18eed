//! Writing checkpoints: safetensors and `.pth` with official names, GGUF for llama.cpp, Hugging Face folders.
//!
//! [`convert`] streams: one tensor after another, a few megabytes at a time, rows in parallel. What it writes
//! appears under its name only when it is whole; an error or a cancellation leaves nothing behind.
//!
//! | file | what |
//! |---|---|
//! | `item` | one tensor on its way into a file |
//! | `output` | files and folders that appear when they are whole |
//! | `official` | official names and shapes |
//! | `safetensors` | the container |
//! | `pth` | torch archives |
//! | `numbers` | tensors in memory |
//! | `gguf` | which tensor gets which type, and the metadata |
//! | `hugging_face` | names, `config.json`, shards |

mod gguf;
mod hugging_face;
mod item;
mod numbers;
mod official;
mod output;
mod pth;
mod safetensors;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use wkv7_core::{Dtype, Weights};

use crate::error::InFile as _;
use crate::{Checkpoint, Error, Problem, Vocabulary};
use item::Item;

pub use numbers::{Numbers, write_numbers};

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// One safetensors file with official names and shapes.
    Safetensors,
    /// One torch archive with official names and shapes, as the official trainer and `torch.load` read it.
    Pth,
    /// One GGUF of architecture `rwkv7`, as llama.cpp loads it.
    Gguf,
    /// A Hugging Face / fla folder: `config.json` and safetensors, in shards above 5 GB.
    HuggingFace,
}

impl Target {
    /// What a path asks for: `.safetensors` or `.st`, `.pth`, `.gguf`, or a folder (existing, or without an extension).
    ///
    /// # Errors
    /// Another extension.
    pub fn from_path(path: &Path) -> Result<Self, Error> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("safetensors" | "st") => Ok(Self::Safetensors),
            Some("pth") => Ok(Self::Pth),
            Some("gguf") => Ok(Self::Gguf),
            None => Ok(Self::HuggingFace),
            Some(_) if path.is_dir() => Ok(Self::HuggingFace),
            Some(other) => {
                let what = format!(
                    "expected a name that ends in .safetensors, .st, .pth or .gguf, or a folder without an \
                     extension; found .{other}"
                );
                Err(Error::new(path, Problem::Unsupported(what)))
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Safetensors => "safetensors",
            Self::Pth => "pth",
            Self::Gguf => "gguf",
            Self::HuggingFace => "hugging-face",
        })
    }
}

/// A word that names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no target; known: safetensors pth gguf hugging-face")]
pub struct UnknownTarget(pub String);

impl FromStr for Target {
    type Err = UnknownTarget;

    /// Takes `safetensors`, `pth`, `gguf`, `hugging-face` and `hf`.
    fn from_str(text: &str) -> Result<Self, UnknownTarget> {
        match text.to_ascii_lowercase().as_str() {
            "safetensors" => Ok(Self::Safetensors),
            "pth" => Ok(Self::Pth),
            "gguf" => Ok(Self::Gguf),
            "hugging-face" | "huggingface" | "hf" => Ok(Self::HuggingFace),
            _ => Err(UnknownTarget(text.to_owned())),
        }
    }
}

/// How to convert.
#[derive(Debug, Clone)]
pub struct Convert {
    /// What to write.
    pub target: Target,
    /// Type of the large matrices.
    ///
    /// `None` keeps every number: each tensor's own type where the target can hold it, F32 otherwise (so block
    /// types become F32 in safetensors and `.pth`). A plain type goes to every tensor of these, and in a GGUF to
    /// those that llama.cpp lets have it. Block types exist in GGUF only: the six large matrices of each layer
    /// and the embedding take it, the head takes Q6_K (with Q8_0: Q8_0), all else stays plain. Rows that are not
    /// whole blocks fall back to a larger type, and [`Summary::notes`] says so.
    pub dtype: Option<Dtype>,
    /// Vocabulary for a GGUF; `None` takes the checkpoint's own, or raw bytes for 256 tokens.
    pub vocabulary: Option<Vocabulary>,
}

impl Convert {
    /// Every number kept, vocabulary of the source.
    #[must_use]
    pub fn to(target: Target) -> Self {
        Self { target, dtype: None, vocabulary: None }
    }
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Bytes of all files.
    pub bytes: u64,
    /// Tensors, and their bytes, by type.
    pub dtypes: BTreeMap<Dtype, (usize, u64)>,
    /// What the caller should know: fallbacks, widened types, what others will not read. One line each.
    pub notes: Vec<String>,
}

impl Summary {
    fn of(items: &[Item<'_>], notes: Vec<String>) -> Self {
        let mut dtypes = BTreeMap::new();
        for item in items {
            let (count, bytes): &mut (usize, u64) = dtypes.entry(item.dtype()).or_default();
            *count += 1;
            *bytes += item.bytes();
        }
        Self { bytes: 0, dtypes, notes }
    }
}

/// Told (done, total) in bytes of tensors; returns whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

/// Writes `checkpoint` to `out`. A file there is replaced once the new one is whole; a folder must be empty.
///
/// # Errors
/// A checkpoint that is no consistent model; a type that the target cannot hold; numbers that the type cannot
/// hold, by tensor; `out` being the checkpoint itself; a full disk; [`Problem::Cancelled`].
pub fn convert(
    checkpoint: &Checkpoint,
    out: &Path,
    options: &Convert,
    progress: Progress<'_>,
) -> Result<Summary, Error> {
    output::refuse_input(&checkpoint.path, out)?;
    // Cloning copies names and shapes; the numbers stay in the file.
    let weights = Weights::new(checkpoint.tensors.clone(), checkpoint.recipe).in_file(&checkpoint.path)?;
    match options.target {
        Target::Safetensors => safetensors::write_official(&weights, out, options, progress),
        Target::Pth => pth::write(&weights, out, options, progress),
        Target::Gguf => gguf::write(checkpoint, &weights, out, options, progress),
        Target::HuggingFace => hugging_face::write(&weights, out, options, progress),
    }
    .in_file(out)
}

/// Whoever reads `target` knows one rate range; a model that differs would change in silence.
fn check_rates(weights: &Weights, target: Target) -> Result<(), Problem> {
    let range = weights.config().recipe.rate_range;
    if range != 1.0 {
        return Err(Problem::Unsupported(format!(
            "{target} means in-context learning rates up to 1, this model has them up to {range}; write safetensors"
        )));
    }
    Ok(())
}

/// The type that safetensors or a `.pth` keeps a tensor of `found` in.
fn plain_dtype(found: Dtype, options: &Convert, notes: &mut Notes) -> Result<Dtype, Problem> {
    match options.dtype {
        Some(dtype) if dtype.is_block() => Err(Problem::Unsupported(format!(
            "{} holds F64 F32 F16 BF16, not {dtype}; write a .gguf for that",
            if options.target == Target::Pth { "a .pth" } else { "safetensors" }
        ))),
        Some(dtype) => Ok(dtype),
        None if found.is_block() => {
            notes.add(format!("{found} tensors became F32, which keeps their numbers exactly"));
            Ok(Dtype::F32)
        }
        None => Ok(found),
    }
}

/// Lines for the summary, each once.
#[derive(Debug, Default)]
struct Notes(Vec<String>);

impl Notes {
    fn add(&mut self, note: String) {
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_names_the_target() {
        let target = |path: &str| Target::from_path(Path::new(path)).ok();
        assert_eq!(target("a/b.SafeTensors"), Some(Target::Safetensors));
        assert_eq!(target("b.st"), Some(Target::Safetensors));
        assert_eq!(target("b.gguf"), Some(Target::Gguf));
        assert_eq!(target("a.b/model"), Some(Target::HuggingFace));
        assert_eq!(target("/"), Some(Target::HuggingFace));
        assert_eq!(target("m.pth"), Some(Target::Pth));
        let error = Target::from_path(Path::new("m.onnx")).expect_err("not written").to_string();
        assert!(error.contains("found .onnx"), "{error}");
    }

    #[test]
    fn targets_round_trip_as_text() {
        for target in [Target::Safetensors, Target::Pth, Target::Gguf, Target::HuggingFace] {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        assert!("onnx".parse::<Target>().is_err());
    }
}
