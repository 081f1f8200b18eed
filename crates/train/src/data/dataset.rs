//! Documents as one stream of tokens, the last part of it held out.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wkv7_tokenizer::Tokenizer;

use super::text::{Encoded, Reading};
use super::{Batches, BinIdx, Error, HeldOut, Order, Progress};

/// The part of a stream that is held out unless [`Dataset::hold_out`] says otherwise.
pub const HELD_OUT: f64 = 0.01;
/// The largest part that can be.
const MOST: f64 = 0.5;

/// A stream of tokens made of documents, from a binidx pair or from memory, for a model of `vocab` tokens.
///
/// Cloning copies no data. Every token that it gives is below `vocab`: those in memory are checked at once, those of
/// a pair when they are read, since a pair may be larger than memory ([`Dataset::check`] reads all of it).
#[derive(Debug, Clone)]
pub struct Dataset {
    source: Source,
    vocab: usize,
    split: usize, // where the held-out part begins
}

/// Where tokens lie.
#[derive(Debug, Clone)]
enum Source {
    Pair(BinIdx),
    Memory { name: Arc<str>, tokens: Arc<Vec<u32>>, starts: Arc<Vec<usize>> },
}

/// A part of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is learned.
    Training,
    /// What only measures; the end of the stream.
    HeldOut,
}

impl Dataset {
    /// Opens a binidx pair.
    ///
    /// # Errors
    /// Those of [`BinIdx::open`].
    pub fn open(prefix: impl AsRef<Path>, vocab: usize) -> Result<Self, Error> {
        Self { source: Source::Pair(BinIdx::open(prefix)?), vocab, split: 0 }.hold_out(HELD_OUT)
    }

    /// Encodes the documents of text files into memory, four bytes a token.
    ///
    /// # Errors
    /// A file that cannot be read, a line or document that cannot be encoded, an id that is not below `vocab`.
    pub fn from_text(
        paths: &[PathBuf],
        reading: &Reading,
        tokenizer: &dyn Tokenizer,
        vocab: usize,
    ) -> Result<Self, Error> {
        let (mut tokens, mut starts) = (Vec::new(), Vec::new());
        for path in paths {
            for document in Encoded::open(path, reading, tokenizer)? {
                starts.push(tokens.len());
                tokens.append(&mut document?);
            }
        }
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        Self::in_memory(&names.join(", "), tokens, starts, vocab)
    }

    /// Takes documents from memory as they are; their last tokens should be [`END`](super::END). `name` is for
    /// errors.
    ///
    /// # Errors
    /// [`Error::Vocabulary`].
    pub fn from_documents(
        name: &str,
        documents: impl IntoIterator<Item = Vec<u32>>,
        vocab: usize,
    ) -> Result<Self, Error> {
        let (mut tokens, mut starts) = (Vec::new(), Vec::new());
        for mut document in documents {
            starts.push(tokens.len());
            tokens.append(&mut document);
        }
        Self::in_memory(name, tokens, starts, vocab)
    }

    fn in_memory(name: &str, tokens: Vec<u32>, starts: Vec<usize>, vocab: usize) -> Result<Self, Error> {
        if let Some(at) = tokens.iter().position(|&id| id as usize >= vocab) {
            let (id, vocab) = (tokens[at].into(), vocab as u64);
            return Err(Error::Vocabulary { name: name.to_owned(), at: at as u64, id, vocab });
        }
        let source = Source::Memory { name: name.into(), tokens: tokens.into(), starts: starts.into() };
        Self { source, vocab, split: 0 }.hold_out(HELD_OUT)
    }

    /// Holds out the last documents, which together have about `part` of the tokens: 0 for none, at most a half.
    ///
    /// The part begins at the border of documents nearest to its place, unless that would hold out less than half or
    /// more than twice as much: then a long document is cut.
    ///
    /// # Errors
    /// [`Error::Setting`] for a part out of range.
    pub fn hold_out(mut self, part: f64) -> Result<Self, Error> {
        if !(0.0..=MOST).contains(&part) {
            return Err(Error::Setting {
                what: format!("expected a held-out part from 0 to {MOST}, found {part}"),
            });
        }
        let total = self.tokens();
        let wanted = (total as f64 * part).round() as usize;
        let place = total - wanted.min(total);
        let document = self.document_at(place);
        let borders = [self.start(document), self.start(document + 1)];
        let fair = |border: &usize| (wanted.div_ceil(2)..=2 * wanted).contains(&(total - border));
        let near = borders.into_iter().filter(|border| *border > 0 && fair(border));
        self.split = near.min_by_key(|border| border.abs_diff(place)).unwrap_or(place);
        Ok(self)
    }

    /// What errors call it.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.source {
            Source::Pair(pair) => pair.path().display().to_string(),
            Source::Memory { name, .. } => name.to_string(),
        }
    }

    /// Tokens of the whole stream.
    #[must_use]
    pub fn tokens(&self) -> usize {
        match &self.source {
            Source::Pair(pair) => pair.tokens(),
            Source::Memory { tokens, .. } => tokens.len(),
        }
    }

    /// One more than the largest id that it gives.
    #[must_use]
    pub fn vocab(&self) -> usize {
        self.vocab
    }

    /// Where `part` lies in the stream.
    #[must_use]
    pub fn range(&self, part: Part) -> Range<usize> {
        match part {
            Part::Training => 0..self.split,
            Part::HeldOut => self.split..self.tokens(),
        }
    }

    /// Appends the tokens of `range` of the stream to `out`.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for an id of a pair, [`Error::Setting`] for a range that reaches outside; `out` is then
    /// as it was.
    pub fn read(&self, range: Range<usize>, out: &mut Vec<u32>) -> Result<(), Error> {
        match &self.source {
            Source::Pair(pair) => pair.read(range, self.vocab, out),
            Source::Memory { tokens, .. } => {
                let what = || format!("expected tokens of the {} there are, found {range:?}", tokens.len());
                let part = tokens.get(range.clone()).ok_or_else(|| Error::Setting { what: what() })?;
                out.extend_from_slice(part);
                Ok(())
            }
        }
    }

    /// Reads all of a pair, so that an id that is not below the vocabulary's size is found now and not in the middle
    /// of a run; `progress` hears of tokens.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] for the first of them, [`Error::Cancelled`].
    pub fn check(&self, progress: Progress<'_>) -> Result<(), Error> {
        const AT_ONCE: usize = 1 << 20;
        let Source::Pair(pair) = &self.source else { return Ok(()) };
        let (total, mut seen) = (pair.tokens(), Vec::new());
        for start in (0..total).step_by(AT_ONCE) {
            let end = total.min(start + AT_ONCE);
            seen.clear();
            pair.read(start..end, self.vocab, &mut seen)?;
            if !progress(end as u64, total as u64) {
                return Err(Error::Cancelled);
            }
        }
        Ok(())
    }

    /// The documents of `part`. One that was cut is in both, each time with what lies on that side.
    #[must_use]
    pub fn documents(&self, part: Part) -> Documents<'_> {
        let range = self.range(part);
        let indices = if range.is_empty() {
            0..0
        } else {
            self.document_at(range.start)..self.document_at(range.end - 1) + 1
        };
        Documents { dataset: self, range, indices }
    }

    /// The batches of the training part: samples of `context + 1` tokens, `batch` of them a step, in the order of
    /// `seed` ([`Order`]; 0 is the official one).
    ///
    /// # Errors
    /// [`Error::Setting`] for a batch or context of 0, [`Error::TooFew`] for less than three contexts of tokens.
    pub fn batches(&self, context: usize, batch: usize, seed: u64) -> Result<Batches, Error> {
        let order = Order::new(self.range(Part::Training).len() as u64, context as u64, seed);
        let order = order.map_err(|error| match error {
            Error::TooFew { found, expected, why, .. } => {
                Error::TooFew { name: format!("training part of {}", self.name()), found, expected, why }
            }
            other => other,
        })?;
        Batches::new(self.clone(), order, context, batch)
    }

    /// The batches of the held-out part, in the order of the stream.
    ///
    /// # Errors
    /// [`Error::Setting`] for a batch or context of 0.
    pub fn held_out(&self, context: usize, batch: usize) -> Result<HeldOut, Error> {
        HeldOut::new(self.clone(), context, batch)
    }

    /// How many documents there are.
    fn count(&self) -> usize {
        match &self.source {
            Source::Pair(pair) => pair.documents(),
            Source::Memory { starts, .. } => starts.len(),
        }
    }

    /// Where document `index` begins; the end of the stream for their number.
    fn start(&self, index: usize) -> usize {
        match &self.source {
            Source::Pair(pair) => pair.start(index),
            Source::Memory { tokens, starts, .. } => starts.get(index).copied().unwrap_or(tokens.len()),
        }
    }

    /// The last document that begins at token `at` or before; the first where there is none.
    fn document_at(&self, at: usize) -> usize {
        let (mut known, mut beyond) = (0, self.count().max(1));
        while beyond - known > 1 {
            let middle = known + (beyond - known) / 2;
            if self.start(middle) <= at { known = middle } else { beyond = middle }
        }
        known
    }
}

/// Documents one by one, as tuning on pairs of prompt and answer takes them.
#[derive(Debug, Clone)]
pub struct Documents<'a> {
    dataset: &'a Dataset,
    range: Range<usize>,   // of tokens
    indices: Range<usize>, // of the whole dataset's documents
}

impl Documents<'_> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The tokens of document `index`, counted from 0.
    ///
    /// # Errors
    /// [`Error::Setting`] where there is no such document, [`Error::Vocabulary`] for an id of a pair.
    pub fn get(&self, index: usize) -> Result<Vec<u32>, Error> {
        let Some(document) = self.indices.clone().nth(index) else {
            let what = format!("expected one of the {} documents there are, found {index}", self.len());
            return Err(Error::Setting { what });
        };
        let start = self.dataset.start(document).max(self.range.start);
        let end = self.dataset.start(document + 1).min(self.range.end);
        let mut tokens = Vec::new();
        self.dataset.read(start..end, &mut tokens)?;
        Ok(tokens)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<Vec<u32>, Error>> {
        (0..self.len()).map(|index| self.get(index))
    }
}
