//! Parameters from and to checkpoints.

use std::collections::BTreeMap;
use std::path::Path;

use wkv7_core::{Dtype, Error as ModelError, Recipe, Tensor, Tensors, Weights, weights};
use wkv7_formats::convert::{Numbers, Progress, Summary, Target, write_numbers};

use crate::numerics::numbers;
use crate::{Entry, Error, Layout};

/// The parameters of `weights`, of any element type, as f32 in the places of `layout`.
///
/// The first layer's unused value residual stays zero where `weights` lack it; a tuned initial state is no parameter
/// and is left out.
///
/// # Errors
/// [`Error::Model`] where `weights` have other sizes than `layout`.
pub fn flatten(layout: &Layout, weights: &Weights) -> Result<Vec<f32>, Error> {
    gather(layout, weights.tensors(), weights::is_unused)
}

/// Tensors of the layout's names and shapes in its places; those that `may_lack` names may be missing and are zero.
pub(crate) fn gather(
    layout: &Layout,
    tensors: &Tensors,
    may_lack: impl Fn(&str) -> bool,
) -> Result<Vec<f32>, Error> {
    let mut gathered = layout.zeros();
    for entry in layout.entries() {
        match tensors.get(&entry.name) {
            Some(tensor) => read(entry, tensor, &mut gathered[entry.range.clone()])?,
            None if may_lack(&entry.name) => {}
            None => return Err(ModelError::MissingTensor { name: entry.name.clone() }.into()),
        }
    }
    Ok(gathered)
}

/// Reads one tensor.
fn read(entry: &Entry, tensor: &Tensor, values: &mut [f32]) -> Result<(), Error> {
    check_shape(entry, tensor)?;
    numbers(tensor, values);
    Ok(())
}

/// Refuses a tensor that does not fit its place.
pub(crate) fn check_shape(entry: &Entry, tensor: &Tensor) -> Result<(), Error> {
    let columns = entry.shape.last().copied().unwrap_or(1);
    if tensor.columns() == columns && tensor.len() == entry.range.len() {
        return Ok(());
    }
    let (want, found) = (format!("{:?}", entry.shape), tensor.shape().to_vec());
    Err(ModelError::WrongShape { name: entry.name.clone(), want, found }.into())
}

/// A copy of the parameters as f32 tensors under their official names.
///
/// # Errors
/// [`Error::WrongLength`] where `parameters` are not as long as `layout`.
pub fn tensors(layout: &Layout, parameters: &[f32]) -> Result<Tensors, Error> {
    layout.check("parameters", parameters)?;
    let mut tensors = Tensors::new();
    for Entry { name, shape, range, .. } in layout.entries() {
        tensors.insert(name.as_str(), Tensor::from_f32(name, shape, &parameters[range.clone()])?)?;
    }
    Ok(tensors)
}

/// A copy of the parameters as a model that any backend loads.
///
/// # Errors
/// Those of [`tensors`].
pub fn model(layout: &Layout, parameters: &[f32]) -> Result<Weights, Error> {
    let recipe: Recipe = layout.config().recipe;
    Ok(Weights::new(tensors(layout, parameters)?, recipe)?)
}

/// Writes the parameters with official names and shapes, as `dtype`: a `.safetensors` (or `.st`) or a `.pth`, by the
/// name of `path`. `facts` become the metadata of a safetensors file, together with what is unusual in the layout's
/// recipe; a `.pth` has no place for any.
///
/// No copy is made. The old file stays until the new one is whole and on the disk.
///
/// # Errors
/// [`Error::WrongLength`]; [`Error::File`] for another extension, facts in a `.pth`, numbers that `dtype` cannot hold or
/// that are not finite, a folder that is not there or not writable, a full disk, or where `progress` asked to stop.
pub fn save(
    layout: &Layout,
    parameters: &[f32],
    path: &Path,
    dtype: Dtype,
    facts: &BTreeMap<String, String>,
    progress: Progress<'_>,
) -> Result<Summary, Error> {
    layout.check("parameters", parameters)?;
    let target = Target::from_path(path)?;
    let numbers = |entry| {
        let Entry { name, shape, range, .. }: &Entry = entry;
        Numbers { name, shape, values: &parameters[range.clone()] }
    };
    let numbers: Vec<Numbers<'_>> = layout.entries().iter().map(numbers).collect();
    let mut facts = facts.clone();
    facts.extend(wkv7_formats::recipe::facts(&layout.config().recipe));
    Ok(write_numbers(&numbers, path, target, dtype, &facts, progress)?)
}
