//! Hugging Face / fla folders.
use std::path::Path;
use crate::{Checkpoint, Error, Problem};
pub(crate) fn read(path: &Path) -> Result<Checkpoint, Error> { Err(Error::new(path, Problem::Unsupported("hf".to_owned()))) }
