//! The pair of files in which the official trainer takes its tokens (Megatron's "MMIDIDX"), read where it lies.
//!
//! `.bin` is nothing but tokens, back to back. `.idx`, little endian:
//!
//! ```text
//! "MMIDIDX\0\0"   u64 version = 1   u8 element type   u64 items   u64 documents
//! i32 sizes [items]        tokens of each item
//! i64 pointers [items]     where each begins in .bin, in bytes
//! i64 documents            first item of each document, and the number of items behind them
//! ```
//!
//! The official trainer reads the stream from the first pointer on and looks at nothing else. Here every number is
//! checked once, when the pair is opened; nothing is allocated by any of them.

use std::ffi::OsString;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use wkv7_core::Bytes;

use super::{Error, Progress};

/// What an index file begins with.
pub(super) const MAGIC: &[u8; 9] = b"MMIDIDX\0\0";
/// The one version of the format.
pub(super) const VERSION: u64 = 1;
/// Bytes before the sizes.
const HEAD: u64 = 9 + 8 + 1 + 8 + 8;
/// Tokens between two calls of a progress callback.
const STRIDE: usize = 1 << 20;

/// How a token is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits; what is written for vocabularies beyond 16 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// Unsigned, 16 bits; what RWKV uses.
    U16,
}

impl Element {
    const ALL: [(Self, u8, usize, &'static str); 6] = [
        (Self::U8, 1, 1, "u8"),
        (Self::I8, 2, 1, "i8"),
        (Self::I16, 3, 2, "i16"),
        (Self::I32, 4, 4, "i32"),
        (Self::I64, 5, 8, "i64"),
        (Self::U16, 8, 2, "u16"),
    ];

    fn row(self) -> (Self, u8, usize, &'static str) {
        Self::ALL.into_iter().find(|row| row.0 == self).unwrap_or(Self::ALL[0]) // every variant has a row
    }

    /// Its number in an index.
    pub(super) fn code(self) -> u8 {
        self.row().1
    }

    /// Bytes of one.
    #[must_use]
    pub fn size(self) -> usize {
        self.row().2
    }

    /// The token in `bytes`, which are as many as its size.
    fn value(self, bytes: &[u8]) -> i64 {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        match self {
            Self::U8 => i64::from(wide[0]),
            Self::I8 => i64::from(wide[0] as i8),
            Self::I16 => i64::from(i16::from_le_bytes([wide[0], wide[1]])),
            Self::U16 => i64::from(u16::from_le_bytes([wide[0], wide[1]])),
            Self::I32 => i64::from(i32::from_le_bytes([wide[0], wide[1], wide[2], wide[3]])),
            Self::I64 => i64::from_le_bytes(wide),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().3)
    }
}

/// An open pair. Cloning copies no data.
#[derive(Debug, Clone)]
pub struct BinIdx {
    path: PathBuf, // of .bin
    element: Element,
    tokens: Bytes, // from the first pointer on
    pointers: Bytes,
    documents: Option<Bytes>, // where they say anything
    items: usize,
}

impl BinIdx {
    /// Opens `prefix`.bin and `prefix`.idx; either of these names will do as well.
    ///
    /// # Errors
    /// A file that is missing, empty, cut short or too long; an element type of fractions; sizes and pointers that do
    /// not follow each other from the first pointer to the end of `.bin`; documents that do not ascend.
    pub fn open(prefix: impl AsRef<Path>) -> Result<Self, Error> {
        let [bin, idx] = paths(prefix.as_ref());
        Self::from_bytes(prefix, &wkv7_formats::map(&idx)?, &wkv7_formats::map(&bin)?)
    }

    /// What is in `idx` and `bin`, as if they were the files that `prefix` names.
    ///
    /// # Errors
    /// Those of [`BinIdx::open`], but for missing files.
    pub fn from_bytes(prefix: impl AsRef<Path>, idx: &Bytes, bin: &Bytes) -> Result<Self, Error> {
        let [path, index_path] = paths(prefix.as_ref());
        let index = Index::read(&index_path, idx)?;
        let tokens = index.check(&index_path, &path, bin)?;
        let Index { element, items, pointers, documents, .. } = index;
        let documents = (documents.len() > 8).then_some(documents);
        Ok(Self { path, element, tokens, pointers, documents, items })
    }

    /// The file of the tokens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How tokens are stored.
    #[must_use]
    pub fn element(&self) -> Element {
        self.element
    }

    /// Tokens of the whole stream.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.tokens.len() / self.element.size()
    }

    /// Items, which are documents unless the index says that documents have several.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items
    }

    /// Documents.
    #[must_use]
    pub fn documents(&self) -> usize {
        self.documents.as_ref().map_or(self.items, |documents| documents.len() / 8 - 1)
    }

    /// Where document `index` begins in the stream; the end of the stream for their number and beyond.
    #[must_use]
    pub fn start(&self, index: usize) -> usize {
        let item = match &self.documents {
            Some(documents) => number(documents, index).unwrap_or(i64::MAX),
            None => i64::try_from(index).unwrap_or(i64::MAX),
        };
        let pointer = usize::try_from(item).ok().and_then(|item| number(&self.pointers, item));
        let first = number(&self.pointers, 0).unwrap_or(0);
        pointer.map_or(self.tokens(), |pointer| (pointer - first) as usize / self.element.size())
    }

    /// Appends the tokens of `range` of the stream to `out`.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for the first id that is not below `vocab`, [`Error::Setting`] for a range that reaches
    /// outside; `out` is then as it was.
    pub fn read(&self, range: Range<usize>, vocab: usize, out: &mut Vec<u32>) -> Result<(), Error> {
        let size = self.element.size();
        let at = |token: usize| token.checked_mul(size);
        let bytes = at(range.start).zip(at(range.end)).and_then(|(start, end)| self.tokens.slice(start..end));
        let bytes = bytes.ok_or_else(|| Error::Setting {
            what: format!("expected tokens of the {} there are, found {range:?}", self.tokens()),
        })?;
        let before = out.len();
        for (at, token) in bytes.as_slice().chunks_exact(size).enumerate() {
            let id = self.element.value(token);
            match u32::try_from(id) {
                Ok(id) if (id as usize) < vocab => out.push(id),
                _ => {
                    out.truncate(before);
                    let (name, at) = (self.path.display().to_string(), (range.start + at) as u64);
                    return Err(Error::Vocabulary { name, at, id, vocab: vocab as u64 });
                }
            }
        }
        Ok(())
    }

    /// The largest and the smallest id of the whole stream, which reads all of it; `progress` hears of tokens.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn extremes(&self, progress: Progress<'_>) -> Result<(i64, i64), Error> {
        let (mut largest, mut smallest, mut done) = (i64::MIN, i64::MAX, 0);
        for part in self.tokens.as_slice().chunks(STRIDE * self.element.size()) {
            for token in part.chunks_exact(self.element.size()) {
                let id = self.element.value(token);
                (largest, smallest) = (largest.max(id), smallest.min(id));
            }
            done += part.len() / self.element.size();
            if !progress(done as u64, self.tokens() as u64) {
                return Err(Error::Cancelled);
            }
        }
        Ok((largest, smallest))
    }
}

/// What the names of both files have in common: `prefix` without `.bin` or `.idx`.
#[must_use]
pub fn stem(prefix: &Path) -> PathBuf {
    let named = prefix.extension().is_some_and(|extension| extension == "bin" || extension == "idx");
    if named { prefix.with_extension("") } else { prefix.to_owned() }
}

/// The names of both files: the tokens, the index.
pub(super) fn paths(prefix: &Path) -> [PathBuf; 2] {
    [".bin", ".idx"].map(|ending| {
        let mut name = OsString::from(stem(prefix));
        name.push(ending);
        PathBuf::from(name)
    })
}

/// The parts of an index file, of the lengths that its head promises.
struct Index {
    element: Element,
    items: usize,
    sizes: Bytes,     // i32 each
    pointers: Bytes,  // i64 each
    documents: Bytes, // i64 each
}

impl Index {
    fn read(path: &Path, bytes: &Bytes) -> Result<Self, Error> {
        let broken = |what: String| Error::broken(path, what);
        let all = bytes.as_slice();
        if !all.starts_with(MAGIC) {
            return Err(broken("expected it to begin with MMIDIDX, which it does not".to_owned()));
        }
        let length = all.len() as u64;
        if length < HEAD {
            return Err(broken(format!("expected a head of {HEAD} bytes, found {length} bytes in all")));
        }
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&all[at..at + 8]); // inside the head
            u64::from_le_bytes(word)
        };
        let (version, code, items, documents) = (word(9), all[17], word(18), word(26));
        if version != VERSION {
            return Err(broken(format!("expected version {VERSION}, found {version}")));
        }
        let row = Element::ALL.into_iter().find(|row| row.1 == code);
        let Some((element, ..)) = row else {
            let known = "1 u8, 2 i8, 3 i16, 4 i32, 5 i64 or 8 u16";
            return Err(broken(format!("expected an element type of integers ({known}), found {code}")));
        };
        let promised = items
            .checked_mul(4 + 8)
            .and_then(|bytes| bytes.checked_add(documents.checked_mul(8)?)?.checked_add(HEAD));
        if promised != Some(length) {
            let promised = promised.map_or("far more".to_owned(), |bytes| bytes.to_string());
            return Err(broken(format!(
                "expected {promised} bytes for {items} items and {documents} documents, found {length}"
            )));
        }
        if items == 0 {
            return Err(broken("expected at least one item, found none".to_owned()));
        }
        // All below the file's length, which fits memory.
        let (head, items) = (HEAD as usize, items as usize);
        let (pointers, documents) = (head + 4 * items, head + 12 * items);
        let part = |range| bytes.slice(range).ok_or_else(|| broken("expected as many bytes".to_owned()));
        Ok(Self {
            element,
            items,
            sizes: part(head..pointers)?,
            pointers: part(pointers..documents)?,
            documents: part(documents..bytes.len())?,
        })
    }

    /// Checks every number against those beside it and against `.bin`; the tokens, from the first pointer on.
    fn check(&self, idx: &Path, bin: &Path, bytes: &Bytes) -> Result<Bytes, Error> {
        let broken = |what: String| Err(Error::broken(idx, what));
        let (length, size) = (bytes.len() as u64, self.element.size() as u64);
        let first = number(&self.pointers, 0).unwrap_or(0);
        let Some(tokens) = usize::try_from(first).ok().and_then(|first| bytes.slice(first..bytes.len()))
        else {
            return broken(format!("item 0 begins at byte {first}, expected one of the {length} in .bin"));
        };
        let mut end = first as u64;
        let sizes = self.sizes.as_slice().chunks_exact(4);
        let pointers = self.pointers.as_slice().chunks_exact(8);
        for (item, (count, pointer)) in sizes.zip(pointers).enumerate() {
            let (count, pointer) = (Element::I32.value(count), Element::I64.value(pointer));
            let Ok(count) = u64::try_from(count) else {
                return broken(format!("item {item} has {count} tokens, expected at least 0"));
            };
            if u64::try_from(pointer) != Ok(end) {
                return broken(format!(
                    "item {item} begins at byte {pointer}, expected {end}, where the last ends"
                ));
            }
            end += count * size; // at most 2^31 * 8 more than a length, once
            if end > length {
                return broken(format!(
                    "item {item} ends at byte {end}, expected at most the {length} in .bin"
                ));
            }
        }
        if end != length {
            let what = format!("expected {end} bytes, where the last item of .idx ends, found {length}");
            return Err(Error::broken(bin, what));
        }
        if tokens.is_empty() {
            return broken("expected at least one token, found items of none".to_owned());
        }
        self.check_documents(idx)?;
        Ok(tokens)
    }

    /// Documents ascend from item 0 to the number of items. Of merged files some writers keep the first number only.
    fn check_documents(&self, idx: &Path) -> Result<(), Error> {
        let items = self.items as i64;
        let mut last = 0;
        for (document, item) in self.documents.as_slice().chunks_exact(8).enumerate() {
            let item = Element::I64.value(item);
            if item < last || item > items || (document == 0 && item != 0) {
                let expected = if document == 0 { 0..=0 } else { last..=items };
                let what = format!("document {document} begins at item {item}, expected {expected:?}");
                return Err(Error::broken(idx, what));
            }
            last = item;
        }
        if self.documents.len() > 8 && last != items {
            let what = format!("the last document ends at item {last}, expected {items}");
            return Err(Error::broken(idx, what));
        }
        Ok(())
    }
}

/// Number `index` of those in `bytes`.
fn number(bytes: &Bytes, index: usize) -> Option<i64> {
    let at = index.checked_mul(8)?;
    bytes.as_slice().get(at..at.checked_add(8)?).map(|bytes| Element::I64.value(bytes))
}
