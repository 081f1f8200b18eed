//! rwkv.cpp files.
use std::path::Path;
use wkv7_core::Bytes;
use crate::{Checkpoint, Problem};
pub(crate) fn read(_path: &Path, _file: Bytes) -> Result<Checkpoint, Problem> { Err(Problem::Unsupported("rwkv.cpp".to_owned())) }
