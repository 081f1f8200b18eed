//! Files and folders that appear under their name only when they are whole.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Progress;
use super::item::Item;
use crate::whole_file::{existing_parent, staging};
use crate::{Error, Problem, WholeFile};

/// Refuses to write a checkpoint over itself: its bytes are still being read.
pub(super) fn refuse_input(input: &Path, out: &Path) -> Result<(), Error> {
    let (Ok(input), Ok(found)) = (input.canonicalize(), out.canonicalize()) else { return Ok(()) };
    if found == input || found.parent() == Some(&input) {
        let what = "expected another name for the output: this one belongs to the checkpoint being read";
        return Err(Error::new(out, Problem::Unsupported(what.to_owned())));
    }
    Ok(())
}

/// A file being written, and how long it is so far.
pub(super) struct Output {
    file: WholeFile,
    written: u64,
}

impl Output {
    /// Gone again unless [`Output::finish`] is reached.
    pub(super) fn beside(out: &Path) -> Result<Self, Problem> {
        Ok(Self { file: WholeFile::stage(out)?, written: 0 })
    }

    /// Bytes so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Appends bytes.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.file.write_all(bytes)?;
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
    pub(super) fn finish(self) -> Result<u64, Problem> {
        self.file.finish()?;
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
    pub(super) fn new(items: &[Item<'_>], progress: Progress<'a>) -> Result<Self, Problem> {
        let mut meter = Self { done: 0, total: items.iter().map(Item::bytes).sum(), progress };
        meter.advance(0)?;
        Ok(meter)
    }

    fn advance(&mut self, bytes: usize) -> Result<(), Problem> {
        self.done += bytes as u64;
        if (self.progress)(self.done, self.total) { Ok(()) } else { Err(Problem::Cancelled) }
    }

    /// Hands one tensor to `sink`, a chunk at a time.
    pub(super) fn write(
        &mut self,
        item: &Item<'_>,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        item.write(&mut |bytes| {
            sink(bytes)?;
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
        Ok(Self { staged: staging(0o777).tempdir_in(existing_parent(out)?)? })
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
