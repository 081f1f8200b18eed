//! Recorded inputs and outputs: `*.expected.safetensors`.

use std::path::{Path, PathBuf};

use safetensors::tensor::{SafeTensors, TensorView};
use safetensors::{Dtype, SafeTensorError};
use wkv7_core::State;

/// What a model should give for a sequence fed from a zero state.
#[derive(Debug, Clone)]
pub struct Golden {
    /// The sequence.
    pub tokens: Vec<u32>,
    /// Numbers per row of logits.
    pub vocab: usize,
    /// `[tokens, vocab]`: the logits after each token.
    pub logits: Vec<f32>,
    /// The state after the last token, where it was recorded.
    pub state: Option<State>,
}

/// Golden data that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct BadGolden {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

/// What can be wrong with golden data.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is not safetensors, or lacks a tensor.
    #[error(transparent)]
    Container(#[from] SafeTensorError),
    /// A tensor is not of the type or shape expected.
    #[error("tensor `{name}`: {what}")]
    Tensor {
        /// Its name.
        name: String,
        /// What was expected and what found.
        what: String,
    },
}

impl Golden {
    /// Reads `tokens` (i32, tokens), `logits` (f32, tokens by vocab) and, where present, `state.att_shift`,
    /// `state.wkv` and `state.ffn_shift` (f32).
    ///
    /// # Errors
    /// [`BadGolden`] names the file and what is wrong.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, BadGolden> {
        let path = path.as_ref();
        Self::read(path).map_err(|problem| BadGolden { path: path.to_owned(), problem })
    }

    fn read(path: &Path) -> Result<Self, Problem> {
        let bytes = std::fs::read(path)?;
        let file = SafeTensors::deserialize(&bytes)?;
        let tokens = numbers("tokens", &file.tensor("tokens")?, Dtype::I32, u32::from_le_bytes)?;
        let tensor = file.tensor("logits")?;
        let logits = floats("logits", &tensor)?;
        let &[rows, vocab] = tensor.shape() else {
            return Err(wrong("logits", format!("shape {:?}, expected [tokens, vocab]", tensor.shape())));
        };
        if rows != tokens.len() || vocab == 0 {
            return Err(wrong("logits", format!("{rows} rows of {vocab} for {} tokens", tokens.len())));
        }
        let state = if file.names().contains(&"state.wkv") {
            let part = |name: &str| floats(name, &file.tensor(name)?);
            let (att_shift, wkv) = (part("state.att_shift")?, part("state.wkv")?);
            Some(State { att_shift, wkv, ffn_shift: part("state.ffn_shift")? })
        } else {
            None
        };
        Ok(Self { tokens, vocab, logits, state })
    }
}

fn wrong(name: &str, what: String) -> Problem {
    Problem::Tensor { name: name.to_owned(), what }
}

fn numbers<T>(
    name: &str,
    tensor: &TensorView<'_>,
    dtype: Dtype,
    read: fn([u8; 4]) -> T,
) -> Result<Vec<T>, Problem> {
    if tensor.dtype() != dtype {
        return Err(wrong(name, format!("type {:?}, expected {dtype:?}", tensor.dtype())));
    }
    Ok(tensor.data().as_chunks::<4>().0.iter().map(|&bytes| read(bytes)).collect())
}

fn floats(name: &str, tensor: &TensorView<'_>) -> Result<Vec<f32>, Problem> {
    numbers(name, tensor, Dtype::F32, f32::from_le_bytes)
}

/// The shared fixtures folder, `../shared/fixtures` beside the checkout; says that it skips where it is absent.
#[must_use]
pub fn fixtures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no folder {}", folder.display());
    None
}

/// The project's own golden data, `tests/golden`.
#[must_use]
pub fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}
