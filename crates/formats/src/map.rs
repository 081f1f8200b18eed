//! Files as memory maps.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;
use wkv7_core::{Bytes, Source};

use crate::error::{Error, InFile as _, Problem};

/// Maps the whole of a file. Reading the bytes reads the file, page by page, when they are touched.
///
/// # Errors
/// Where `path` is a folder, is empty or cannot be opened.
pub fn map(path: &Path) -> Result<Bytes, Error> {
    // Asked before opening: a pipe would wait for a writer.
    let metadata = std::fs::metadata(path).in_file(path)?;
    if !metadata.is_file() {
        let what = "expected a file, found a folder, a pipe or a device".to_owned();
        return Err(Error::new(path, Problem::NotACheckpoint(what)));
    }
    let file = File::open(path).in_file(path)?;
    if file.metadata().in_file(path)?.len() == 0 {
        return Err(Error::new(path, Problem::NotACheckpoint("the file is empty".to_owned())));
    }
    // SAFETY: the map is private and read-only. As with every mapped file, truncating it while it is in
    // use is an error of whoever truncates it; the bytes are only ever read as plain integers.
    #[allow(unsafe_code)]
    let map = unsafe { Mmap::map(&file) }.in_file(path)?;
    Ok(Bytes::new(Mapped { map, file }))
}

/// A memory map and the file under it.
struct Mapped {
    map: Mmap,
    file: File,
}

impl Source for Mapped {
    fn bytes(&self) -> &[u8] {
        &self.map
    }

    fn copy_out(&self, offset: usize, out: &mut [u8]) {
        if read_at(&self.file, offset, out).is_err() {
            out.copy_from_slice(&self.map[offset..offset + out.len()]);
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: usize, out: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset as u64)
}

/// Elsewhere the map is read.
#[cfg(not(unix))]
fn read_at(_file: &File, _offset: usize, _out: &mut [u8]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
