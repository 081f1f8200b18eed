//! Files of tensors that are no whole model: a trainer's state, adapters.

use std::collections::BTreeMap;
use std::path::Path;

use wkv7_core::Tensors;

use crate::error::{Error, InFile as _, Problem};
use crate::{map, pth, safetensors};

/// Tensors under the names they have in their file, and what the file says beside them.
#[derive(Debug, Clone)]
pub struct TensorsFile {
    /// The tensors; their numbers lie in the mapped file.
    pub tensors: Tensors,
    /// The metadata of a safetensors file; empty for a `.pth`.
    pub facts: BTreeMap<String, String>,
}

/// Opens a safetensors file or a `.pth`, told by content. Nothing is asked of names; a tensor has at most two
/// dimensions larger than one.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn open_tensors(path: impl AsRef<Path>) -> Result<TensorsFile, Error> {
    let path = path.as_ref();
    let file = map(path)?;
    let (named, facts) = if pth::looks_like(&file) {
        (pth::tensors(&file).in_file(path)?, BTreeMap::new())
    } else if safetensors::looks_like(&file) {
        safetensors::tensors(&file).in_file(path)?
    } else {
        let what = "expected a safetensors file or a .pth archive".to_owned();
        return Err(Error::new(path, Problem::NotACheckpoint(what)));
    };
    let mut tensors = Tensors::new();
    for (name, tensor) in named {
        tensors.insert(name, tensor).in_file(path)?;
    }
    Ok(TensorsFile { tensors, facts })
}

#[cfg(test)]
mod tests {
    use wkv7_core::Dtype;

    use super::*;
    use crate::convert::{Numbers, Target, write_numbers};

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let tensors = [
            Numbers { name: "b.lora_A", shape: &[2, 3], values: &[1.0, -2.0, 3.5, 0.0, -0.0, 1e-40] },
            Numbers { name: "a", shape: &[1], values: &[7.0] },
        ];
        let facts = BTreeMap::from([("rank".to_owned(), "2".to_owned())]);
        for (target, facts) in [(Target::Safetensors, &facts), (Target::Pth, &BTreeMap::new())] {
            let path = folder.path().join(target.to_string());
            write_numbers(&tensors, &path, target, Dtype::F32, facts, &mut |_, _| true).expect("written");
            let file = open_tensors(&path).expect("reads");
            assert_eq!(file.tensors.len(), 2);
            for Numbers { name, shape, values } in tensors {
                let tensor = file.tensors.get(name).expect("there");
                let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(
                    (tensor.shape(), bits(&tensor.to_f32())),
                    (shape, bits(values)),
                    "{target} {name}"
                );
            }
            assert!(facts.iter().all(|(name, fact)| file.facts.get(name) == Some(fact)));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        let write = |numbers, target, dtype| {
            write_numbers(&[numbers], &path, target, dtype, &BTreeMap::new(), &mut |_, _| true)
                .expect_err("refused")
                .to_string()
        };
        let two = Numbers { name: "two", shape: &[2], values: &[1.0, 1e6] };
        let three = Numbers { shape: &[usize::MAX, 3], ..two };
        assert!(write(three, Target::Pth, Dtype::F32).contains("`two`"));
        assert!(write(two, Target::Pth, Dtype::F16).contains("too large for F16"));
        assert!(write(two, Target::Gguf, Dtype::F32).contains("found gguf"));
        assert!(write(two, Target::Safetensors, Dtype::Q8_0).contains("not Q8_0"));
        assert!(!path.exists());
        std::fs::write(&path, b"GGUF").expect("written");
        assert!(
            open_tensors(&path).expect_err("no such file").to_string().contains("expected a safetensors")
        );
    }
}
