//! Torch zip archives.
use std::path::Path;
use wkv7_core::Bytes;
use crate::{Checkpoint, Problem};
pub(crate) fn read(_path: &Path, _file: Bytes) -> Result<Checkpoint, Problem> { Err(Problem::Unsupported("pth".to_owned())) }
pub(crate) fn is_legacy(_bytes: &[u8]) -> bool { false }
