//! Adapters: thin matrices that are added to the large ones, `W + (alpha / rank) B A`, when a model is opened.
//!
//! Read are the files of the RWKV-PEFT world and of `wkv7 tune lora`: `blocks.0.att.key.lora_A` `[rank, inputs]`
//! and `blocks.0.att.key.lora_B` `[outputs, rank]`, as `.pth` or safetensors. A `.pth` does not say its alpha.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rayon::prelude::*;
use wkv7_core::{Bytes, Dtype, Tensor, Tensors, blocks};
use wkv7_formats::{TensorsFile, open_tensors};

use crate::Error;

/// An adapter to add to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// Its file.
    pub path: PathBuf,
    /// What B A is multiplied with, times the rank; `None` where the file says it itself.
    pub alpha: Option<f64>,
}

impl FromStr for Adapter {
    type Err = Infallible;

    /// `FILE`, or `FILE:ALPHA`; a number behind the last colon of a file that is there is part of its name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let parts = text.rsplit_once(':').and_then(|(path, alpha)| Some((path, alpha.parse().ok()?)));
        Ok(match parts {
            Some((path, alpha)) if !Path::new(text).exists() => {
                Self { path: path.into(), alpha: Some(alpha) }
            }
            _ => Self { path: text.into(), alpha: None },
        })
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.alpha {
            Some(alpha) => write!(f, "{}:{alpha}", self.path.display()),
            None => write!(f, "{}", self.path.display()),
        }
    }
}

/// The large matrices of a layer, which adapters stand beside.
const TARGETS: [&str; 6] = ["att.receptance", "att.key", "att.value", "att.output", "ffn.key", "ffn.value"];

/// `tensors` of a model under official names, with `adapters` added one after another.
///
/// A matrix that is added to lies in memory from then on: in F32 where it was F64 or F32, in its own type where that
/// is F16 or BF16, in BF16 where it shared scales in blocks. All others are shared with `tensors`.
///
/// # Errors
/// [`Error::File`] for a file that cannot be read, [`Error::Adapter`] for one that is no adapter of this model or does not say
/// its alpha.
pub fn merge(tensors: &Tensors, adapters: &[Adapter]) -> Result<Tensors, Error> {
    let mut merged = tensors.clone();
    for adapter in adapters {
        let refused = |problem| Error::Adapter { path: adapter.path.clone(), problem };
        let TensorsFile { tensors, facts } = open_tensors(&adapter.path)?;
        let alpha = alpha(adapter, &facts).map_err(refused)?;
        for (name, pair) in pairs(&tensors).map_err(refused)? {
            let matrix =
                merged.remove(&name).ok_or_else(|| refused(format!("the model has no tensor `{name}`")))?;
            let sum = pair.added(&name, &matrix, alpha).map_err(refused)?;
            merged.insert(name, sum)?;
        }
    }
    Ok(merged)
}

/// What was asked for, else what the file says.
fn alpha(adapter: &Adapter, facts: &BTreeMap<String, String>) -> Result<f64, String> {
    let said = facts.get("alpha").map(String::as_str);
    let alpha = adapter.alpha.or_else(|| said?.parse().ok());
    match (alpha, said) {
        (Some(alpha), _) if alpha.is_finite() => Ok(alpha),
        (None, None) => {
            Err("the file does not say its alpha; give it behind the name, as in FILE:64".to_owned())
        }
        (alpha, said) => {
            let found = alpha.map(|alpha| alpha.to_string()).or(said.map(str::to_owned)).unwrap_or_default();
            Err(format!("expected a finite number as alpha, found {found:?}"))
        }
    }
}

/// The thin matrices of one large one.
#[derive(Debug)]
struct Pair<'a> {
    a: &'a Tensor, // [rank, inputs]
    b: &'a Tensor, // [outputs, rank]
}

/// All pairs of a file, by the name of the large matrix.
fn pairs(tensors: &Tensors) -> Result<BTreeMap<String, Pair<'_>>, String> {
    let mut halves: BTreeMap<String, [Option<&Tensor>; 2]> = BTreeMap::new();
    for (name, tensor) in tensors.iter() {
        let official = name.strip_prefix("model.").unwrap_or(name);
        let half = [".lora_A", ".lora_B"].into_iter().position(|ending| official.ends_with(ending));
        let known = half.map(|half| (half, &official[..official.len() - ".lora_A".len()]));
        let known = known.filter(|(_, matrix)| is_target(matrix));
        let (half, matrix) = known.ok_or_else(|| {
            format!(
                "tensor `{name}` is no part of an adapter, expected names such as `blocks.0.att.key.lora_A`"
            )
        })?;
        halves.entry(format!("{matrix}.weight")).or_default()[half] = Some(tensor);
    }
    let mut pairs = BTreeMap::new();
    for (name, halves) in halves {
        let [Some(a), Some(b)] = halves else {
            let missing = if halves[0].is_none() { "A" } else { "B" };
            return Err(format!("tensor `{}.lora_{missing}` is missing", name.trim_end_matches(".weight")));
        };
        pairs.insert(name, Pair { a, b });
    }
    if pairs.is_empty() { Err("there is no tensor in it".to_owned()) } else { Ok(pairs) }
}

/// Whether `name` is `blocks.N.` and a large matrix.
fn is_target(name: &str) -> bool {
    let parts = name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.'));
    parts.is_some_and(|(_, leaf)| TARGETS.contains(&leaf))
}

impl Pair<'_> {
    /// `matrix`, of the name `name`, with this added.
    fn added(&self, name: &str, matrix: &Tensor, alpha: f64) -> Result<Tensor, String> {
        let (outputs, inputs, rank) = (matrix.rows(), matrix.columns(), self.a.rows());
        if rank == 0 || self.a.shape() != [rank, inputs] || self.b.shape() != [outputs, rank] {
            let (a, b) = (self.a.shape(), self.b.shape());
            return Err(format!(
                "the adapter of `{name}` has shapes {a:?} and {b:?}, expected [rank, {inputs}] and [{outputs}, rank]"
            ));
        }
        let dtype = match matrix.dtype() {
            Dtype::F64 | Dtype::F32 => Dtype::F32,
            dtype if dtype.is_block() => Dtype::BF16,
            dtype => dtype,
        };
        let (a, b, scale) = (self.a.to_f32(), self.b.to_f32(), (alpha / rank as f64) as f32);
        let row_bytes = dtype.block_bytes() * inputs; // a plain type, and no larger than the matrix in F64
        let mut bytes = vec![0; row_bytes * outputs];
        let rows = bytes.par_chunks_exact_mut(row_bytes).zip(b.par_chunks_exact(rank)).enumerate();
        rows.try_for_each_init(
            || vec![0.0; inputs],
            |sums, (row, (bytes, b))| {
                matrix.read_row(row, sums);
                for (a, b) in a.chunks_exact(inputs).zip(b) {
                    let b = b * scale;
                    sums.iter_mut().zip(a).for_each(|(sum, a)| *sum += b * a);
                }
                blocks::quantize(dtype, sums, bytes).map_err(|error| format!("`{name}`, row {row}: {error}"))
            },
        )?;
        Tensor::new(name, dtype, matrix.shape(), Bytes::from(bytes)).map_err(|error| error.to_string())
    }
}
