//! Writing a binidx pair, document by document.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use wkv7_formats::WholeFile;

use super::Error;
use super::binidx::{Element, MAGIC, VERSION, paths};

/// A pair of files being written; both appear under their names when they are whole.
///
/// Tokens go to the file as they come; in memory stay four bytes a document, and the last one.
#[derive(Debug)]
pub struct Writer {
    bin: WholeFile,
    idx: WholeFile,
    paths: [PathBuf; 2],
    element: Element,
    vocab: usize,
    sizes: Vec<i32>,
    tokens: u64,
    bytes: Vec<u8>, // of the last document
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Documents, which are the items.
    pub documents: u64,
    /// Tokens, the ends of documents among them.
    pub tokens: u64,
    /// How they are stored.
    pub element: Element,
}

impl Writer {
    /// Begins `prefix`.bin and `prefix`.idx for ids below `vocab`: in 16 bits where these suffice, else in 32.
    ///
    /// # Errors
    /// A folder stands in the way, there is none to hold the files, or the system refuses.
    pub fn create(prefix: impl AsRef<Path>, vocab: usize) -> Result<Self, Error> {
        let paths = paths(prefix.as_ref());
        let [bin, idx] = &paths;
        let (bin, idx) = (WholeFile::beside(bin)?, WholeFile::beside(idx)?);
        let element = if vocab <= 1 << 16 { Element::U16 } else { Element::I32 };
        Ok(Self { bin, idx, paths, element, vocab, sizes: Vec::new(), tokens: 0, bytes: Vec::new() })
    }

    /// Appends a document. Nothing is added to its `tokens`: their last should be [`END`](super::END).
    ///
    /// # Errors
    /// An id that is not below the vocabulary's size, a document beyond 2^31 tokens, a full disk. Nothing of the
    /// document is written then, unless the disk is full.
    pub fn push(&mut self, tokens: &[u32]) -> Result<(), Error> {
        let size = i32::try_from(tokens.len()).map_err(|_| Error::Setting {
            what: format!("a document of {} tokens, expected fewer than 2^31", tokens.len()),
        })?;
        self.bytes.clear();
        for (at, &id) in tokens.iter().enumerate() {
            if id as usize >= self.vocab || i32::try_from(id).is_err() {
                let (name, at) = (self.paths[0].display().to_string(), self.tokens + at as u64);
                return Err(Error::Vocabulary { name, at, id: id.into(), vocab: self.vocab as u64 });
            }
            self.bytes.extend_from_slice(&id.to_le_bytes()[..self.element.size()]); // what is left out is zero
        }
        self.bin.write_all(&self.bytes).map_err(Error::io(&self.paths[0]))?;
        self.sizes.push(size);
        self.tokens += tokens.len() as u64;
        Ok(())
    }

    /// Writes the index and gives both files their names.
    ///
    /// # Errors
    /// [`Error::TooFew`] where no token was written, and what the system says.
    pub fn finish(mut self) -> Result<Summary, Error> {
        let [bin, idx] = &self.paths;
        if self.tokens == 0 {
            let (name, why) = (bin.display().to_string(), "to write".to_owned());
            return Err(Error::TooFew { name, found: 0, expected: 1, why });
        }
        write_index(&mut self.idx, self.element, &self.sizes).map_err(Error::io(idx))?;
        let summary =
            Summary { documents: self.sizes.len() as u64, tokens: self.tokens, element: self.element };
        // Between the two renames an older index stands beside the new tokens, and its sizes do not fit.
        self.bin.finish().map_err(Error::io(bin))?;
        self.idx.finish().map_err(Error::io(idx))?;
        Ok(summary)
    }
}

/// One item a document.
fn write_index(idx: &mut WholeFile, element: Element, sizes: &[i32]) -> io::Result<()> {
    let items = sizes.len() as u64;
    idx.write_all(MAGIC)?;
    idx.write_all(&VERSION.to_le_bytes())?;
    idx.write_all(&[element.code()])?;
    idx.write_all(&items.to_le_bytes())?;
    idx.write_all(&(items + 1).to_le_bytes())?;
    sizes.iter().try_for_each(|size| idx.write_all(&size.to_le_bytes()))?;
    let mut pointer = 0_u64;
    for &size in sizes {
        idx.write_all(&pointer.to_le_bytes())?;
        pointer += u64::from(size.unsigned_abs()) * element.size() as u64;
    }
    (0..=items).try_for_each(|item| idx.write_all(&item.to_le_bytes()))
}
