//! A binidx pair made of text.

use std::path::{Path, PathBuf};

use wkv7_tokenizer::Tokenizer;

use super::text::{Encoded, Reading};
use super::{BinIdx, Error, Progress, Summary, Writer, shuffled};

/// How a pair is made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Build {
    /// How text is read.
    pub reading: Reading,
    /// Shuffles the documents of all files, anew for each repetition; `None` leaves them in order.
    pub shuffle_seed: Option<u64>,
    /// How often every document is written, at least once.
    pub repeat: u64,
}

impl Default for Build {
    fn default() -> Self {
        Self { reading: Reading::default(), shuffle_seed: None, repeat: 1 }
    }
}

/// Bytes between two calls of the progress callback.
const STRIDE: u64 = 1 << 20;

/// Encodes the documents of `inputs`, as [`text`](super::text) tells them apart, and writes them as `out`.bin and
/// `out`.idx, which appear when they are whole.
///
/// `progress` hears of bytes: of those read and, where documents are shuffled or repeated, then of those written. In
/// that case every document is encoded once, into a file beside `out` that is gone at the end.
///
/// # Errors
/// A file that cannot be read, a line or document that cannot be encoded (naming file and line), no document at all,
/// a full disk, [`Error::Cancelled`]. Nothing is left behind then.
pub fn build(
    inputs: &[PathBuf],
    out: &Path,
    tokenizer: &dyn Tokenizer,
    wanted: &Build,
    progress: Progress<'_>,
) -> Result<Summary, Error> {
    if wanted.repeat == 0 {
        return Err(Error::Setting {
            what: "expected every document at least once, found 0 times".to_owned(),
        });
    }
    let vocab = tokenizer.vocab();
    let mut writer = Writer::create(out, vocab)?; // first, for its errors
    if wanted.shuffle_seed.is_none() && wanted.repeat == 1 {
        encode(inputs, tokenizer, &wanted.reading, &mut writer, progress)?;
        return writer.finish();
    }
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = tempfile::Builder::new().prefix(".wkv7-").suffix(".part").tempdir_in(parent);
    let folder = folder.map_err(Error::io(out))?;
    let mut once = Writer::create(folder.path().join("once"), vocab)?;
    encode(inputs, tokenizer, &wanted.reading, &mut once, progress)?;
    once.finish()?;
    repeat(&BinIdx::open(folder.path().join("once"))?, vocab, wanted, &mut writer, progress)?;
    writer.finish()
}

/// Writes every document of `inputs`.
fn encode(
    inputs: &[PathBuf],
    tokenizer: &dyn Tokenizer,
    reading: &Reading,
    writer: &mut Writer,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let size = |path: &PathBuf| std::fs::metadata(path).map(|facts| facts.len()).map_err(Error::io(path));
    let total = inputs.iter().map(size).sum::<Result<u64, _>>()?; // a pipe has none
    let mut meter = Meter { total, heard: 0, progress };
    let mut before = 0;
    for path in inputs {
        let mut documents = Encoded::open(path, reading, tokenizer)?;
        while let Some(document) = documents.next() {
            writer.push(&document?)?;
            meter.at(before + documents.bytes())?;
        }
        before += documents.bytes();
    }
    Ok(())
}

/// Writes the documents of `pair` as often and in such order as is wanted.
fn repeat(
    pair: &BinIdx,
    vocab: usize,
    wanted: &Build,
    writer: &mut Writer,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let bytes = |tokens: usize| (tokens * pair.element().size()) as u64;
    let total = bytes(pair.tokens()).saturating_mul(wanted.repeat);
    let mut meter = Meter { total, heard: 0, progress };
    let (mut document, mut done) = (Vec::new(), 0);
    for round in 0..wanted.repeat {
        let order = wanted.shuffle_seed.map(|seed| shuffled(pair.documents(), seed, round));
        for place in 0..pair.documents() {
            let index = order.as_ref().map_or(place, |order| order[place]);
            document.clear();
            pair.read(pair.start(index)..pair.start(index + 1), vocab, &mut document)?;
            writer.push(&document)?;
            done += bytes(document.len());
            meter.at(done)?;
        }
    }
    Ok(())
}

/// Tells of progress, but not of every document.
struct Meter<'a> {
    total: u64,
    heard: u64,
    progress: Progress<'a>,
}

impl Meter<'_> {
    fn at(&mut self, done: u64) -> Result<(), Error> {
        if done - self.heard < STRIDE && done < self.total {
            return Ok(());
        }
        self.heard = done;
        if (self.progress)(done, self.total.max(done)) { Ok(()) } else { Err(Error::Cancelled) }
    }
}
