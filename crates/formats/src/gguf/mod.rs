//! GGUF files of architecture `rwkv7`.
use std::path::Path;
use wkv7_core::Bytes;
use crate::{Checkpoint, Problem};
pub(crate) fn read(_path: &Path, _file: Bytes) -> Result<Checkpoint, Problem> { Err(Problem::Unsupported("GGUF".to_owned())) }
