//! Numbers in memory, written as tensors: what a trainer has.

use std::collections::BTreeMap;
use std::path::Path;

use wkv7_core::Dtype;

use super::item::Item;
use super::output::{Meter, Output};
use super::{Progress, Summary, Target, pth, safetensors};
use crate::error::InFile as _;
use crate::{Error, Problem};

/// A tensor of f32 in memory.
#[derive(Debug, Clone, Copy)]
pub struct Numbers<'a> {
    /// The name to write.
    pub name: &'a str,
    /// The shape to write, slowest dimension first.
    pub shape: &'a [usize],
    /// As many numbers as the shape has.
    pub values: &'a [f32],
}

/// Writes `tensors` as `dtype`, a plain type, to one file at `out`: a safetensors file or, in their order, a `.pth`.
/// Nothing is copied but a few megabytes at a time. The file is replaced once the new one is whole and on the disk.
///
/// `facts` become the metadata of a safetensors file; a `.pth` has no place for any.
///
/// # Errors
/// Numbers that are not finite or that `dtype` cannot hold, by tensor; a shape that does not fit its numbers; a target
/// or type that does not hold plain tensors; a full disk; [`Problem::Cancelled`].
pub fn write_numbers(
    tensors: &[Numbers<'_>],
    out: &Path,
    target: Target,
    dtype: Dtype,
    facts: &BTreeMap<String, String>,
    progress: Progress<'_>,
) -> Result<Summary, Error> {
    write(tensors, out, target, dtype, facts, progress).in_file(out)
}

fn write(
    tensors: &[Numbers<'_>],
    out: &Path,
    target: Target,
    dtype: Dtype,
    facts: &BTreeMap<String, String>,
    progress: Progress<'_>,
) -> Result<Summary, Problem> {
    let mut items =
        tensors.iter().map(|tensor| Item::numbers(tensor, dtype)).collect::<Result<Vec<_>, _>>()?;
    let mut meter = Meter::new(&items, progress)?;
    let mut output = Output::beside(out)?;
    match target {
        Target::Safetensors => safetensors::write_file(&mut items, facts, &mut output, &mut meter)?,
        Target::Pth if facts.is_empty() => pth::write_file(&items, &mut output, &mut meter)?,
        Target::Pth => {
            let names: Vec<&str> = facts.keys().map(String::as_str).collect();
            let what = format!("a .pth has no place for `{}`; write safetensors", names.join("`, `"));
            return Err(Problem::Unsupported(what));
        }
        Target::Gguf | Target::HuggingFace => {
            let what = format!("expected safetensors or pth for tensors alone, found {target}");
            return Err(Problem::Unsupported(what));
        }
    }
    let summary = Summary::of(&items, Vec::new());
    Ok(Summary { bytes: output.finish()?, ..summary })
}
