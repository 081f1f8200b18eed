//! A state file with its shapes: a state itself is only numbers.

use std::path::Path;

use wkv7::formats::state_file::{Shape, StateFile};

/// A state file and how many layers share its numbers.
pub struct Shaped {
    /// The file's content.
    pub file: StateFile,
    /// Its sizes.
    pub shape: Shape,
}

impl Shaped {
    /// Reads the state file at `path`.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let (file, shape) = StateFile::load_shaped(path)?;
        Ok(Self { file, shape })
    }

    /// Its three parts: both shifts with the memory between them.
    pub fn parts(&self) -> [&[f32]; 3] {
        let state = &self.file.state;
        [&state.att_shift, &state.wkv, &state.ffn_shift]
    }

    /// The numbers of a part, layer by layer.
    pub fn by_layer<'a>(&self, part: &'a [f32]) -> impl Iterator<Item = &'a [f32]> {
        part.chunks(part.len().div_ceil(self.shape.layers.max(1)).max(1))
    }
}

/// Euclidean length.
pub fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}
