//! A state file with its shapes: a state itself is only numbers.

use std::path::Path;

use anyhow::Context as _;
use wkv7::formats::state_file::StateFile;

/// A state file and how many layers share its numbers.
pub struct Shaped {
    /// The file's content.
    pub file: StateFile,
    /// Layers.
    pub layers: usize,
    /// Heads of each.
    pub heads: usize,
    /// Channels of a head.
    pub head_size: usize,
}

impl Shaped {
    /// Reads the state file at `path`.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let file = StateFile::load(path)?;
        // The reader has checked that the header is sound and the shapes fit each other.
        let bytes = wkv7::formats::map(path)?;
        let (_, header) = safetensors::SafeTensors::read_metadata(bytes.as_slice())
            .with_context(|| path.display().to_string())?;
        let shape = header.info("wkv").map(|info| info.shape.clone()).unwrap_or_default();
        let &[layers, heads, head_size, _] = shape.as_slice() else {
            anyhow::bail!("{}: tensor `wkv` has shape {shape:?}, expected four dimensions", path.display());
        };
        Ok(Self { file, layers, heads, head_size })
    }

    /// Its three parts: both shifts with the memory between them.
    pub fn parts(&self) -> [&[f32]; 3] {
        let state = &self.file.state;
        [&state.att_shift, &state.wkv, &state.ffn_shift]
    }

    /// The numbers of a part, layer by layer.
    pub fn by_layer<'a>(&self, part: &'a [f32]) -> impl Iterator<Item = &'a [f32]> {
        part.chunks(part.len().div_ceil(self.layers.max(1)).max(1))
    }
}

/// Euclidean length.
pub fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|value| f64::from(value) * f64::from(value)).sum::<f64>().sqrt()
}
