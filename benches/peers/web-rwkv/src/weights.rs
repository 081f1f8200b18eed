//! The same F16 numbers for both engines: those of an official safetensors file, rounded. wkv7 gets them as tensors,
//! web-rwkv as a file of its own, with the thin matrices turned.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use wkv7_core::{Bytes, Recipe, Tensor, Tensors, Weights};

/// The weights at `from` in F16; written to `to` as web-rwkv reads them.
pub fn halve(from: &Path, to: &Path) -> Result<Weights> {
    // SAFETY: nobody writes the file while it is measured.
    let data = unsafe { Mmap::map(&File::open(from)?)? };
    let file = SafeTensors::deserialize(&data).with_context(|| from.display().to_string())?;
    let mut tensors = Tensors::new();
    let mut turned = Vec::new(); // (name, shape, bytes)
    for (name, view) in file.tensors() {
        let bytes = numbers(&view)?;
        let mut shape = view.shape().to_vec();
        let tensor = Tensor::new(&name, wkv7_core::Dtype::F16, &shape, Bytes::from(bytes.clone()))?;
        tensors.insert(name.clone(), tensor)?;
        let bytes = match shape.as_slice() {
            &[rows, columns] if is_thin(&name) => {
                shape = vec![columns, rows];
                turn(&bytes, columns)
            }
            _ => bytes,
        };
        turned.push((name, shape, bytes));
    }
    let views = turned
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F16, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>>>()?;
    safetensors::serialize_to_file(views, None, to).with_context(|| to.display().to_string())?;
    Ok(Weights::new(tensors, Recipe::default())?)
}

/// F16, as bytes.
fn numbers(view: &TensorView<'_>) -> Result<Vec<u8>> {
    let (pairs, _) = view.data().as_chunks::<2>();
    Ok(match view.dtype() {
        Dtype::F16 => view.data().to_vec(),
        Dtype::BF16 => {
            pairs.iter().flat_map(|x| f16::from_f32(bf16::from_le_bytes(*x).to_f32()).to_le_bytes()).collect()
        }
        other => bail!("{other:?} is not read here, expected F16 or BF16"),
    })
}

fn is_thin(name: &str) -> bool {
    let leaf = name.rsplit_once(".att.").map(|(_, leaf)| leaf);
    leaf.is_some_and(|leaf| ["w1", "w2", "a1", "a2", "g1", "g2", "v1", "v2"].contains(&leaf))
}

fn turn(bytes: &[u8], columns: usize) -> Vec<u8> {
    let (numbers, _) = bytes.as_chunks::<2>();
    (0..columns).flat_map(|column| numbers[column..].iter().step_by(columns)).flatten().copied().collect()
}
