//! Results so far, one JSON value a line, so that a run can be stopped and taken up again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Model, ModelInfo};

/// What the first line of a record says: results of anything else do not belong here.
#[derive(Debug, Serialize)]
pub(super) struct About<'a> {
    task: &'a str,
    model: String,
    backend: &'a str,
    vocabulary: String,
    start: String,
    data: String,
}

impl<'a> About<'a> {
    /// The evaluation `task` of `model` over `data`, a digest of all that is evaluated and of what matters beside.
    pub fn of(task: &'a str, model: &'a Model, data: String) -> Self {
        let vocabulary = model.tokenizer().map_or_else(
            |_| "none".to_owned(),
            |tokenizer| format!("{} of {} tokens", tokenizer.name(), tokenizer.vocab()),
        );
        let start = model.start().map_or_else(
            || "zeros".to_owned(),
            |start| {
                let mut digest = Digest::new();
                for part in [&start.state.att_shift, &start.state.wkv, &start.state.ffn_shift] {
                    digest.add(part.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>());
                }
                digest.text()
            },
        );
        let ModelInfo { fingerprint, backend, .. } = model.info();
        Self { task, model: fingerprint.to_string(), backend, vocabulary, start, data }
    }
}

/// A line: an item's number and its result.
#[derive(Debug, Serialize, serde::Deserialize)]
struct Line<T> {
    item: usize,
    result: T,
}

/// Results by item, kept in memory and, if asked, in a file.
#[derive(Debug)]
pub(super) struct Record<T> {
    results: BTreeMap<usize, T>,
    file: Option<(PathBuf, File)>,
}

impl<T: Serialize + DeserializeOwned> Record<T> {
    /// Reads what is in the file at `path`, or begins it.
    pub fn open(path: Option<&Path>, about: &About<'_>) -> Result<Self, Error> {
        let mut record = Self { results: BTreeMap::new(), file: None };
        let Some(path) = path else { return Ok(record) };
        let io = |source| Error::Io { what: path.display().to_string(), source };
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(io)?;
        // A run that was killed may have left half a line. Nothing is cut before the file is known to be a record.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let known = if whole == 0 { begins_header(&text, about) } else { record.read(&text[..whole], about) };
        known.map_err(|problem| Error::Resume { path: path.into(), problem })?;
        file.set_len(whole as u64).map_err(io)?;
        file.seek(SeekFrom::Start(whole as u64)).map_err(io)?;
        record.file = Some((path.into(), file));
        if whole == 0 {
            record.write(about)?;
        }
        Ok(record)
    }

    fn read(&mut self, text: &str, about: &About<'_>) -> Result<(), String> {
        let mut lines = text.lines().enumerate();
        let Some((_, first)) = lines.next() else { return Ok(()) };
        let want = serde_json::to_value(about).map_err(|error| error.to_string())?;
        match serde_json::from_str::<Value>(first) {
            Ok(found) if found == want => {}
            Ok(found) => return Err(format!("holds results of {found}, expected {want}")),
            Err(error) => return Err(format!("line 1 is no record of results: {error}")),
        }
        for (number, line) in lines {
            let line: Line<T> =
                serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))?;
            self.results.insert(line.item, line.result);
        }
        Ok(())
    }

    fn write(&mut self, value: &impl Serialize) -> Result<(), Error> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        let failed = |source| Error::Io { what: path.display().to_string(), source };
        let mut line = serde_json::to_vec(value).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        file.write_all(&line).map_err(failed)
    }

    /// The file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    /// Adds the result of item `item`.
    pub fn add(&mut self, item: usize, result: T) -> Result<(), Error> {
        let line = Line { item, result };
        self.write(&line)?;
        self.results.insert(item, line.result);
        Ok(())
    }

    /// Items below `count` that have no result yet.
    pub fn missing(&self, count: usize) -> Vec<usize> {
        (0..count).filter(|item| !self.results.contains_key(item)).collect()
    }

    /// Results of the items below `count`, by item.
    pub fn results(&self, count: usize) -> impl Iterator<Item = (usize, &T)> {
        self.results.range(..count).map(|(item, result)| (*item, result))
    }
}

/// Whether `text`, which has no whole line, is nothing or the beginning of the first line that a record has.
fn begins_header(text: &str, about: &About<'_>) -> Result<(), String> {
    let header = serde_json::to_string(about).map_err(|error| error.to_string())?;
    if header.starts_with(text) { Ok(()) } else { Err("is no record of results".to_owned()) }
}

/// FNV-1a over parts: tells different data apart in a record; no protection against malice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(super) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

impl Digest {
    /// Of nothing.
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// With one more part, and its end.
    pub fn add(&mut self, part: impl AsRef<[u8]>) {
        for byte in part.as_ref().iter().copied().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// 16 hexadecimal digits.
    pub fn text(self) -> String {
        format!("{:016x}", self.0)
    }
}
