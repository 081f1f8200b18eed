//! Torch zip archives.
use crate::names::Named;
use crate::{Checkpoint, Problem};
use std::path::Path;
use wkv7_core::Bytes;
pub(crate) fn looks_like(file: &Bytes) -> bool {
    file.as_slice().starts_with(b"PK\x03\x04") || file.as_slice().starts_with(b"PK\x05\x06")
}
pub(crate) fn read(_path: &Path, _file: Bytes) -> Result<Checkpoint, Problem> {
    Err(Problem::Unsupported("pth".to_owned()))
}
pub(crate) fn tensors(_file: &Bytes) -> Result<Vec<Named>, Problem> {
    Err(Problem::Unsupported("pth".to_owned()))
}
pub(crate) fn is_legacy(_bytes: &[u8]) -> bool {
    false
}
