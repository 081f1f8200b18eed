//! Safetensors files: official names, web-rwkv's transposed thin matrices, or Hugging Face / fla names.

mod header;

use std::collections::BTreeMap;
use std::path::Path;

use wkv7_core::{Bytes, Tensor};

use crate::names::{self, Named, Naming, Orientation};
use crate::{Checkpoint, Format, Problem, recipe};

pub(crate) use header::{Entry, Header};

/// Whether `file` begins as a safetensors file does: eight bytes of length, then a JSON object.
pub(crate) fn looks_like(file: &Bytes) -> bool {
    file.as_slice().get(8) == Some(&b'{')
}

/// Opens one file that is a whole checkpoint.
pub(crate) fn read(path: &Path, file: Bytes) -> Result<Checkpoint, Problem> {
    let file_bytes = file.len() as u64;
    let (named, metadata) = tensors(&file)?;
    let arranged = names::arrange(named, Orientation::Official)?;
    let format = match (arranged.naming, arranged.orientation) {
        (Naming::HuggingFace, _) => Format::HuggingFace,
        (Naming::Official, Orientation::Official) => Format::Safetensors,
        (Naming::Official, Orientation::Transposed) => Format::WebRwkv,
    };
    Ok(Checkpoint {
        path: path.to_owned(),
        format,
        tensors: arranged.tensors,
        recipe: recipe::stated(&metadata)?,
        vocabulary: None,
        chat_template: None,
        metadata,
        file_bytes,
    })
}

/// What the header's `__metadata__` says.
type Metadata = BTreeMap<String, String>;

/// Every tensor under the name it has in the file, as views of `file`, and the metadata.
pub(crate) fn tensors(file: &Bytes) -> Result<(Vec<Named>, Metadata), Problem> {
    let header = Header::parse(file.as_slice())?;
    let mut named = Vec::with_capacity(header.entries.len());
    for entry in header.entries {
        names::check(&entry.name)?;
        let bytes = file.slice(entry.range.clone()).ok_or_else(|| {
            Problem::broken("safetensors", format!("tensor `{}` lies outside the file", entry.name))
        })?;
        let shape = names::folded_shape(&entry.name, &entry.shape);
        let tensor = Tensor::new(&entry.name, entry.dtype, &shape, bytes)?;
        named.push((entry.name, tensor));
    }
    Ok((named, header.metadata))
}
