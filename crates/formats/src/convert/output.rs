//! Files and folders that appear under their name only when they are whole.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempDir};

use super::Progress;
use super::item::Item;
use crate::{Error, Problem};

/// Refuses to write a checkpoint over itself: its bytes are still being read.
pub(super) fn refuse_input(input: &Path, out: &Path) -> Result<(), Error> {
    let (Ok(input), Ok(found)) = (input.canonicalize(), out.canonicalize()) else { return Ok(()) };
    if found == input || found.parent() == Some(&input) {
        let what = "expected another name for the output: this one belongs to the checkpoint being read";
        return Err(Error::new(out, Problem::Unsupported(what.to_owned())));
    }
    Ok(())
}

/// The folder that `out` lies in.
fn parent(out: &Path) -> &Path {
    match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Lets the user's own mask decide who may read, instead of hiding the output as a temporary file.
#[cfg(unix)]
fn open_to_all(builder: &mut Builder<'_, '_>, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    builder.permissions(std::fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn open_to_all(_builder: &mut Builder<'_, '_>, _mode: u32) {}

/// A file being written beside its final place.
pub(super) struct Output {
    writer: BufWriter<NamedTempFile>,
    written: u64,
}

impl Output {
    /// A nameless neighbour of `out`, gone again unless [`Output::finish`] is reached.
    pub(super) fn beside(out: &Path) -> Result<Self, Problem> {
        if out.is_dir() {
            return Err(Problem::Unsupported("expected a name for a file, found a folder there".to_owned()));
        }
        let mut builder = Builder::new();
        builder.prefix(".wkv7-").suffix(".part");
        open_to_all(&mut builder, 0o666);
        let file = builder.tempfile_in(parent(out))?;
        Ok(Self { writer: BufWriter::with_capacity(1 << 20, file), written: 0 })
    }

    /// Appends bytes.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.writer.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Appends zeros up to a multiple of `alignment`.
    pub(super) fn pad(&mut self, alignment: u64) -> Result<(), Problem> {
        let padded = self.written.next_multiple_of(alignment);
        // Below the alignment, which is small.
        self.put(&vec![0; (padded - self.written) as usize])
    }

    /// Gives the file its name; its size.
    pub(super) fn finish(self, out: &Path) -> Result<u64, Problem> {
        let file = self.writer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.persist(out).map_err(|error| error.error)?;
        Ok(self.written)
    }
}

/// How far all tensors are.
pub(super) struct Meter<'a> {
    done: u64,
    total: u64,
    progress: Progress<'a>,
}

impl<'a> Meter<'a> {
    /// Nothing done of all `items`.
    pub(super) fn new(items: &[Item], progress: Progress<'a>) -> Result<Self, Problem> {
        let mut meter = Self { done: 0, total: items.iter().map(Item::bytes).sum(), progress };
        meter.advance(0)?;
        Ok(meter)
    }

    fn advance(&mut self, bytes: usize) -> Result<(), Problem> {
        self.done += bytes as u64;
        if (self.progress)(self.done, self.total) { Ok(()) } else { Err(Problem::Cancelled) }
    }

    /// Writes one tensor.
    pub(super) fn write(&mut self, item: &Item, output: &mut Output) -> Result<(), Problem> {
        item.write(&mut |bytes| {
            output.put(bytes)?;
            self.advance(bytes.len())
        })
    }
}

/// A folder being filled beside its final place.
pub(super) struct Folder {
    staged: TempDir,
}

impl Folder {
    /// A neighbour of `out`, gone again unless [`Folder::finish`] is reached.
    pub(super) fn beside(out: &Path) -> Result<Self, Problem> {
        if let Ok(mut entries) = std::fs::read_dir(out)
            && entries.next().is_some()
        {
            return Err(Problem::Unsupported(
                "expected a new or an empty folder, found files in it".to_owned(),
            ));
        }
        if out.is_file() {
            return Err(Problem::Unsupported("expected a name for a folder, found a file there".to_owned()));
        }
        let mut builder = Builder::new();
        builder.prefix(".wkv7-").suffix(".part");
        open_to_all(&mut builder, 0o777);
        Ok(Self { staged: builder.tempdir_in(parent(out))? })
    }

    /// Where a file of the folder lies for now.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.staged.path().join(name)
    }

    /// Writes a small file.
    pub(super) fn put(&self, name: &str, text: &str) -> Result<u64, Problem> {
        let mut file = File::create(self.path(name))?;
        file.write_all(text.as_bytes())?;
        Ok(text.len() as u64)
    }

    /// Gives the folder its name.
    pub(super) fn finish(self, out: &Path) -> Result<(), Problem> {
        if out.is_dir() {
            std::fs::remove_dir(out)?; // empty, or this fails
        }
        std::fs::rename(self.staged.path(), out)?;
        // Nothing is left under the old name for the guard to remove.
        _ = self.staged.keep();
        Ok(())
    }
}
