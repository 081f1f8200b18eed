//! Text as documents of tokens.
//!
//! A file whose name ends in `.jsonl` or `.ndjson` holds a JSON object a line, of which one key is read: `"text"`,
//! which is encoded, or `"tokens"`, which are taken as they are. Blank lines are skipped.
//!
//! Any other file is text, bytes as they are: one document, or several where a line of its own separates them
//! ([`Reading::separator`]); the line ends around a separator then belong to no document. Documents without a byte
//! are skipped.
//!
//! Behind each document comes token [`END`].

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use wkv7_tokenizer::Tokenizer;

use super::{END, Error};

/// Longest line of JSON, and longest document of text, in bytes.
const LONGEST: u64 = 1 << 30;

/// How text is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The line between two documents of plain text, without its end: `<|endoftext|>`, or nothing for a blank line.
    /// Where this is `None`, a file is one document.
    pub separator: Option<String>,
}

/// The documents of one file, one after another, each as its tokens with [`END`] behind them; after an error, none.
pub struct Encoded<'a> {
    lines: Lines,
    json: bool,
    separator: Option<&'a [u8]>,
    tokenizer: &'a dyn Tokenizer,
    ended: bool,
}

impl<'a> Encoded<'a> {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path, reading: &'a Reading, tokenizer: &'a dyn Tokenizer) -> Result<Self, Error> {
        let separator = reading.separator.as_deref().map(str::as_bytes);
        Ok(Self { lines: Lines::open(path)?, json: is_json(path), separator, tokenizer, ended: false })
    }

    /// Bytes of the file read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.lines.bytes
    }

    /// A line of JSON as tokens.
    fn json(&mut self) -> Result<Option<Vec<u32>>, Error> {
        let Some(line) = self.lines.filled()? else { return Ok(None) };
        let object: Object = self.lines.object(&line)?;
        let expected = "expected one key of \"text\" and \"tokens\", found";
        match (object.text, object.tokens) {
            (Some(text), None) => self.encode(text.as_bytes(), self.lines.line).map(Some),
            (None, Some(tokens)) => self.checked(tokens).map(Some),
            (None, None) => Err(self.lines.refused(format!("{expected} neither"))),
            (Some(_), Some(_)) => Err(self.lines.refused(format!("{expected} both"))),
        }
    }

    /// A document of plain text as tokens.
    fn plain(&mut self) -> Result<Option<Vec<u32>>, Error> {
        loop {
            let first = self.lines.line + 1;
            let (mut text, mut more, mut separated) = (Vec::new(), true, false);
            while more && !separated {
                let before = text.len();
                more = self.lines.append(&mut text)?;
                separated = more && self.separator.is_some_and(|line| line == line_of(&text[before..]));
                if separated {
                    text.truncate(before);
                }
            }
            let text = if self.separator.is_some() { inner_lines(&text) } else { &text };
            if !text.is_empty() {
                return self.encode(text, first).map(Some);
            }
            if !more {
                return Ok(None);
            }
        }
    }

    /// The tokens of `text`, which begins in line `line`.
    fn encode(&self, text: &[u8], line: u64) -> Result<Vec<u32>, Error> {
        let mut tokens = self.lines.encoded(text, line, self.tokenizer)?;
        tokens.push(END);
        Ok(tokens)
    }

    /// `tokens` from a file, each of which the vocabulary must have.
    fn checked(&self, mut tokens: Vec<u32>) -> Result<Vec<u32>, Error> {
        self.lines.check(&tokens, self.tokenizer)?;
        tokens.push(END);
        Ok(tokens)
    }
}

impl Iterator for Encoded<'_> {
    type Item = Result<Vec<u32>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let document = if self.json { self.json() } else { self.plain() };
        self.ended = !matches!(document, Ok(Some(_)));
        document.transpose()
    }
}

/// What is read of a line of JSON.
#[derive(Deserialize)]
struct Object {
    text: Option<String>,
    tokens: Option<Vec<u32>>,
}

/// Whether the name of a file says that it holds a JSON object a line.
pub(crate) fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "jsonl" || ending == "ndjson")
}

/// A file, line by line.
pub(crate) struct Lines {
    reader: BufReader<File>,
    path: PathBuf,
    line: u64,
    bytes: u64,
}

impl Lines {
    /// Before its first line.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let reader = BufReader::with_capacity(1 << 18, File::open(path).map_err(Error::io(path))?);
        Ok(Self { reader, path: path.into(), line: 0, bytes: 0 })
    }

    /// The number of the line read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.line
    }

    /// The next line that is not blank.
    pub(crate) fn filled(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut line = Vec::new();
        while line.trim_ascii().is_empty() {
            line.clear();
            if !self.append(&mut line)? {
                return Ok(None);
            }
        }
        Ok(Some(line))
    }

    /// What the JSON of the line read last says.
    pub(crate) fn object<'de, T: Deserialize<'de>>(&self, line: &'de [u8]) -> Result<T, Error> {
        serde_json::from_slice(line).map_err(|error| {
            let said = error.to_string();
            let what = said.split(" at line ").next().unwrap_or_default(); // the line is another one
            self.refused(format!("column {}: {what}", error.column()))
        })
    }

    /// The tokens of `text`, which begins in line `line`.
    pub(crate) fn encoded(
        &self,
        text: &[u8],
        line: u64,
        tokenizer: &dyn Tokenizer,
    ) -> Result<Vec<u32>, Error> {
        let mut tokens = Vec::new();
        let path = || self.path.clone();
        tokenizer.encode(text, &mut tokens).map_err(|source| Error::Encode { path: path(), line, source })?;
        Ok(tokens)
    }

    /// Refuses a token that the vocabulary does not have.
    pub(crate) fn check(&self, tokens: &[u32], tokenizer: &dyn Tokenizer) -> Result<(), Error> {
        let vocab = tokenizer.vocab();
        match tokens.iter().find(|&&id| id as usize >= vocab) {
            Some(id) => Err(self.refused(format!("token {id}, expected an id below {vocab}"))),
            None => Ok(()),
        }
    }

    /// Appends the next line with its end to `text`; whether there was one.
    fn append(&mut self, text: &mut Vec<u8>) -> Result<bool, Error> {
        let room = (LONGEST + 1).saturating_sub(text.len() as u64);
        let read = self.reader.by_ref().take(room).read_until(b'\n', text).map_err(Error::io(&self.path))?;
        self.bytes += read as u64;
        self.line += u64::from(read > 0);
        if text.len() as u64 > LONGEST {
            return Err(self.refused(format!("expected a document of at most {LONGEST} bytes, found more")));
        }
        Ok(read > 0)
    }

    /// What is wrong with the line read last.
    pub(crate) fn refused(&self, what: String) -> Error {
        Error::Line { path: self.path.clone(), line: self.line, what }
    }
}

/// A line without its end.
fn line_of(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// `text` without the line ends before and behind it.
fn inner_lines(text: &[u8]) -> &[u8] {
    let inner = |byte: &u8| !matches!(byte, b'\n' | b'\r');
    let first = text.iter().position(inner).unwrap_or(text.len());
    let end = text.iter().rposition(inner).map_or(first, |last| last + 1);
    &text[first..end]
}
