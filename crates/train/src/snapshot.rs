//! All that an optimizer needs to go on, in one file: parameters, moments, and what the trainer says about itself.
//!
//! One file, since two could be of different steps after a kill. It is a safetensors file in f32: the parameters under
//! their official names, the moments under `first.` and `second.` before these.

use std::collections::BTreeMap;
use std::path::Path;

use wkv7_core::{Dtype, Recipe, Tensors, Weights};
use wkv7_formats::convert::{Numbers, Progress, Summary, Target, write_numbers};
use wkv7_formats::{Problem, open_tensors, recipe};

use crate::{Entry, Error, Layout, Moments, files};

/// What the metadata key `format` says in a snapshot.
const FORMAT: &str = "wkv7-training";
/// The version that is written and the only one that is read.
const VERSION: &str = "1";
/// Metadata keys that are not the caller's.
const OURS: [&str; 3] = ["format", "version", "steps"];
const PREFIXES: [&str; 2] = ["first.", "second."];

/// Training, stopped between two steps.
#[derive(Debug)]
pub struct Snapshot {
    /// Where the parameters lie.
    pub layout: Layout,
    /// The parameters, in that layout.
    pub parameters: Vec<f32>,
    /// The moments, in that layout, and the steps taken.
    pub moments: Moments,
    /// What the caller of [`save`] wanted kept.
    pub facts: BTreeMap<String, String>,
}

/// Writes a snapshot. The old file stays until the new one is whole and on the disk.
///
/// # Errors
/// [`Error::WrongLength`]; [`Error::File`] for a folder that is not writable, a full disk, numbers that are not finite, or
/// where `progress` asked to stop.
pub fn save(
    layout: &Layout,
    parameters: &[f32],
    moments: &Moments,
    facts: &BTreeMap<String, String>,
    path: &Path,
    progress: Progress<'_>,
) -> Result<Summary, Error> {
    layout.check("parameters", parameters)?;
    layout.check("first moments", &moments.first)?;
    layout.check("second moments", &moments.second)?;
    let sources = [("", parameters), (PREFIXES[0], &moments.first), (PREFIXES[1], &moments.second)];
    let mut named = Vec::new();
    for (prefix, values) in sources {
        for Entry { name, shape, range, .. } in layout.entries() {
            named.push((format!("{prefix}{name}"), shape.as_slice(), &values[range.clone()]));
        }
    }
    let numbers = named.iter().map(|(name, shape, values)| Numbers { name, shape, values });
    let numbers: Vec<Numbers<'_>> = numbers.collect();
    let mut facts = facts.clone();
    let steps = moments.steps.to_string();
    facts.extend(recipe::facts(&layout.config().recipe));
    facts.extend(
        OURS.iter().zip([FORMAT, VERSION, &steps]).map(|(key, fact)| ((*key).to_owned(), fact.to_owned())),
    );
    Ok(write_numbers(&numbers, path, Target::Safetensors, Dtype::F32, &facts, progress)?)
}

/// Reads a snapshot of a model with the constants `recipe`, but for the rate range, which the file states.
///
/// # Errors
/// [`Error::File`] where the file is no snapshot or is broken; [`Error::Model`] where its tensors make no model or lack
/// moments.
pub fn load(path: &Path, recipe: Recipe) -> Result<Snapshot, Error> {
    let file = open_tensors(path)?;
    let (mut facts, mut tensors) = (file.facts, file.tensors);
    let recipe = Recipe {
        rate_range: recipe::stated(&facts).map_err(|what| wkv7_formats::Error::new(path, what))?.rate_range,
        ..recipe
    };
    facts.remove(recipe::RATE_RANGE);
    let refused = |what: String| Error::from(wkv7_formats::Error::new(path, Problem::NotACheckpoint(what)));
    let [format, version, steps] = OURS.map(|key| facts.remove(key).unwrap_or_default());
    if format != FORMAT || version != VERSION {
        return Err(refused(format!(
            "expected training of format {FORMAT:?}, version {VERSION:?}; found {format:?}, {version:?}"
        )));
    }
    let steps = steps.parse().map_err(|_| refused(format!("expected a number of steps, found {steps:?}")))?;
    let mut split = |prefix: &str| -> Result<Tensors, Error> {
        let names: Vec<String> = tensors.iter().map(|(name, _)| name.to_owned()).collect();
        let mut found = Tensors::new();
        for name in names.iter().filter(|name| name.starts_with(prefix)) {
            if let Some(tensor) = tensors.remove(name) {
                found.insert(&name[prefix.len()..], tensor)?;
            }
        }
        Ok(found)
    };
    let [first, second] = PREFIXES.map(&mut split);
    let weights = Weights::new(tensors, recipe)?;
    let layout = Layout::of(&weights)?;
    let parameters = files::flatten(&layout, &weights)?;
    let moments = Moments {
        first: files::gather(&layout, &first?, |_| false)?,
        second: files::gather(&layout, &second?, |_| false)?,
        steps,
    };
    Ok(Snapshot { layout, parameters, moments, facts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AdamW, NewModel, Random, Trained, initialise};

    fn step(layout: &Layout, parameters: &mut [f32], moments: &mut Moments) {
        let mut gradients = layout.zeros();
        for entry in layout.entries() {
            let mut random = Random::part(moments.steps, &entry.name, 0);
            gradients[entry.range.clone()].iter_mut().for_each(|g| *g = random.normal() as f32);
        }
        let adam = AdamW { weight_decay: 0.1, ..AdamW::default() };
        adam.step(&Trained::all(layout), 1e-3, parameters, &mut gradients, moments).expect("lengths fit");
    }

    #[test]
    fn going_on_is_as_if_never_stopped() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("last.safetensors");
        let model = NewModel { layers: 2, channels: 24, head_size: 8, vocab: 50, ffn: None, ranks: None };
        let layout = model.layout().expect("a model");
        let (mut parameters, mut moments) = (initialise(&layout, 1).expect("fits"), Moments::new(&layout));
        (0..3).for_each(|_| step(&layout, &mut parameters, &mut moments));
        let facts = BTreeMap::from([("seed".to_owned(), "7".to_owned())]);
        save(&layout, &parameters, &moments, &facts, &path, &mut |_, _| true).expect("written");
        let mut again = load(&path, Recipe::default()).expect("reads");
        assert_eq!((&again.facts, again.layout.entries()), (&facts, layout.entries()));
        assert_eq!(again.moments, moments);
        (0..3).for_each(|_| step(&layout, &mut parameters, &mut moments));
        (0..3).for_each(|_| step(&again.layout, &mut again.parameters, &mut again.moments));
        assert!(again.parameters == parameters && again.moments == moments && moments.steps == 6);
    }

    #[test]
    fn other_files_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.safetensors");
        let model = NewModel { layers: 1, channels: 8, head_size: 8, vocab: 5, ffn: None, ranks: None };
        let layout = model.layout().expect("a model");
        let (parameters, moments) = (initialise(&layout, 1).expect("fits"), Moments::new(&layout));
        files::save(&layout, &parameters, &path, Dtype::F32, &BTreeMap::new(), &mut |_, _| true)
            .expect("written");
        let error = load(&path, Recipe::default()).expect_err("weights alone").to_string();
        assert!(error.contains("a.safetensors: expected training") && error.contains("\"pt\""), "{error}");
        let facts = BTreeMap::from(OURS.map(|key| (key.to_owned(), "1".to_owned())));
        let facts = facts.into_iter().chain([("format".to_owned(), FORMAT.to_owned())]).collect();
        files::save(&layout, &parameters, &path, Dtype::F32, &facts, &mut |_, _| true).expect("written");
        let error = load(&path, Recipe::default()).expect_err("no moments").to_string();
        assert!(error.contains("is missing"), "{error}");
        assert!(
            save(&layout, &parameters[1..], &moments, &BTreeMap::new(), &path, &mut |_, _| true).is_err()
        );
    }
}
