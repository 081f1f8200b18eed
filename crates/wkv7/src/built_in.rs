//! The model inside the library, so that a first try needs no file.

use wkv7_formats::Checkpoint;

use crate::Error;

/// What stands for a path where the model inside the library is meant.
pub const BUILT_IN: &str = "built-in";

/// The checkpoint inside the library: a GGUF in Q8_0 with its vocabulary. No byte of it is copied.
///
/// # Errors
/// [`Error::NoBuiltIn`] in a build without the feature `built-in`.
pub fn built_in() -> Result<Checkpoint, Error> {
    embedded()
}

/// The file, which begins a cache line, as one that is mapped does: a GGUF aligns its tensors to its beginning.
#[cfg(feature = "built-in")]
static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../model/wkv7-goose.gguf"));

/// What begins a cache line.
#[cfg(feature = "built-in")]
#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

/// What the build embedded.
#[cfg(feature = "built-in")]
fn embedded() -> Result<Checkpoint, Error> {
    Ok(wkv7_formats::from_bytes(BUILT_IN, wkv7_core::Bytes::from_static(&FILE.0))?)
}

/// The build embedded nothing.
#[cfg(not(feature = "built-in"))]
fn embedded() -> Result<Checkpoint, Error> {
    Err(Error::NoBuiltIn)
}

#[cfg(all(test, feature = "built-in"))]
mod tests {
    use super::*;

    /// What the repository and the package may grow by.
    const MOST_BYTES: usize = 4_000_000;

    #[test]
    fn the_file_is_small_and_aligned() {
        assert!(FILE.0.len() <= MOST_BYTES, "{} bytes", FILE.0.len());
        assert!(FILE.0.as_ptr().addr().is_multiple_of(64));
    }

    #[test]
    fn its_tensors_lie_in_the_program() {
        let checkpoint = built_in().expect("a checkpoint");
        assert_eq!(checkpoint.file_bytes, FILE.0.len() as u64);
        let held = FILE.0.as_ptr_range();
        for (name, tensor) in checkpoint.tensors.iter() {
            assert!(held.contains(&tensor.bytes().as_slice().as_ptr()), "{name}");
        }
    }
}
