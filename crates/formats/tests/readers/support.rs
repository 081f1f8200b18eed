//! What the tests of the readers share.

use std::path::PathBuf;

use wkv7_core::Tensors;
use wkv7_formats::Checkpoint;

/// A file of the shared fixtures folder; `None`, said aloud, where the folder is absent.
pub fn fixture(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures").join(name);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

pub fn open(path: PathBuf) -> Checkpoint {
    wkv7_formats::open(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// Asserts that `found` holds the tensors of `want`, each number bit-equal after `round`.
pub fn assert_same(found: &Tensors, want: &Tensors, round: fn(f32) -> f32) {
    let names = |tensors: &Tensors| tensors.iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(found), names(want));
    for (name, tensor) in want.iter() {
        let found = found.get(name).expect("same names");
        assert_eq!((found.len(), found.columns()), (tensor.len(), tensor.columns()), "{name}");
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        let want = bits(tensor.to_f32().into_iter().map(round).collect());
        assert_eq!(bits(found.to_f32()), want, "{name}");
    }
}
