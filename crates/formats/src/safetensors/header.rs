//! The header of a safetensors file: a length, a JSON object, and after it nothing but numbers.
//!
//! The rules are those of the `safetensors` crate. Two things are stricter or clearer here: a name given
//! twice is an error (a JSON map would keep the last), and every message names the tensor.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use wkv7_core::Dtype;

use crate::error::{Problem, shown};

/// A header longer than this belongs to no model: 2,000 tensors take some 250 kB.
const MAX_HEADER: u64 = 8 << 20;
/// More tensors than any model has; a header that claims more is made to waste memory.
const MAX_TENSORS: usize = 100_000;
/// Entries of `__metadata__`; published files have a handful.
const MAX_FACTS: usize = 1 << 16;
/// More dimensions than any tensor has, tuned states included.
const MAX_DIMENSIONS: usize = 8;
/// The length field in front.
const LENGTH_BYTES: usize = 8;

/// One tensor of the file; its bytes lie inside the file and are as many as type and shape ask for.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Name as written.
    pub(crate) name: String,
    /// Element type.
    pub(crate) dtype: Dtype,
    /// Row-major shape.
    pub(crate) shape: Vec<usize>,
    /// Where its bytes lie in the file.
    pub(crate) range: Range<usize>,
}

/// A header, checked.
#[derive(Debug)]
pub(crate) struct Header {
    /// Tensors in the order of their bytes.
    pub(crate) entries: Vec<Entry>,
    /// What `__metadata__` says.
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Header {
    /// Reads and checks the header of the file `file`; touches nothing behind it.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, Problem> {
        let text = text(file)?;
        let raw: RawHeader =
            serde_json::from_str(text).map_err(|e| broken(format!("header: {}", shown(&e.to_string()))))?;
        let start = LENGTH_BYTES + text.len();
        let mut entries =
            raw.entries.into_iter().map(|raw| raw.check(start, file.len())).collect::<Result<Vec<_>, _>>()?;
        // Empty tensors share their start with the next one, so the end decides.
        entries.sort_by_key(|entry| (entry.range.start, entry.range.end));
        check_cover(&entries, start, file.len())?;
        Ok(Self { entries, metadata: raw.metadata })
    }
}

fn broken(what: impl Into<String>) -> Problem {
    Problem::broken("safetensors", what)
}

/// The JSON text of the header.
fn text(file: &[u8]) -> Result<&str, Problem> {
    let Some((length, rest)) = file.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(broken(format!("expected 8 bytes of header length, found {} in all", file.len())));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER {
        return Err(broken(format!("header length is {length} bytes, expected at most {MAX_HEADER}")));
    }
    let header = usize::try_from(length).ok().and_then(|length| rest.get(..length)).ok_or_else(|| {
        broken(format!("header length is {length} bytes, found {} after it in the file", rest.len()))
    })?;
    std::str::from_utf8(header).map_err(|e| broken(format!("header is not UTF-8: {e}")))
}

/// Every byte behind the header belongs to exactly one tensor.
fn check_cover(entries: &[Entry], start: usize, file_len: usize) -> Result<(), Problem> {
    let mut at = start;
    for entry in entries {
        if entry.range.start != at {
            let how = if entry.range.start < at { "overlaps the tensor before it" } else { "leaves a gap" };
            let (name, found) = (shown(&entry.name), entry.range.start - start);
            let want = at - start;
            return Err(broken(format!("tensor {name} {how}: expected offset {want}, found {found}")));
        }
        at = entry.range.end;
    }
    if at != file_len {
        let (want, found) = (at - start, file_len - start);
        return Err(broken(format!("tensors take {want} bytes of data, the file has {found}")));
    }
    Ok(())
}

/// The header as JSON gives it.
#[derive(Default)]
struct RawHeader {
    entries: Vec<RawEntry>,
    metadata: BTreeMap<String, String>,
}

struct RawEntry {
    name: String,
    info: RawInfo,
}

#[derive(Deserialize)]
struct RawInfo {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2], // from the end of the header
}

impl RawEntry {
    fn check(self, start: usize, file_len: usize) -> Result<Entry, Problem> {
        let name = shown(&self.name);
        let RawInfo { dtype, shape, data_offsets: [from, to] } = self.info;
        let dtype = match dtype.as_str() {
            "F64" => Dtype::F64,
            "F32" => Dtype::F32,
            "F16" => Dtype::F16,
            "BF16" => Dtype::BF16,
            _ => {
                let dtype = shown(&dtype);
                let what = format!("tensor {name} has element type {dtype}, expected F64, F32, F16 or BF16");
                return Err(Problem::Unsupported(what));
            }
        };
        let data_len = file_len - start;
        if from > to || to > data_len {
            let what =
                format!("tensor {name} lies at {from}..{to}, expected inside {data_len} bytes of data");
            return Err(broken(what));
        }
        if shape.len() > MAX_DIMENSIONS {
            let found = shape.len();
            return Err(broken(format!(
                "tensor {name} has {found} dimensions, expected at most {MAX_DIMENSIONS}"
            )));
        }
        let bytes = shape.iter().try_fold(dtype.block_bytes(), |bytes, &n| bytes.checked_mul(n));
        if bytes != Some(to - from) {
            let want =
                bytes.map_or_else(|| "more than any memory".to_owned(), |bytes| format!("{bytes} bytes"));
            let what =
                format!("tensor {name} of {dtype} {shape:?} takes {want}, its offsets give {}", to - from);
            return Err(broken(what));
        }
        Ok(Entry { name: self.name, dtype, shape, range: start + from..start + to })
    }
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
        let mut header = RawHeader::default();
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format!("tensor `{name}` appears twice")));
            }
            if name == "__metadata__" {
                header.metadata = map.next_value()?;
                if header.metadata.len() > MAX_FACTS {
                    return Err(A::Error::custom(format!("more than {MAX_FACTS} entries of `__metadata__`")));
                }
                continue;
            }
            if header.entries.len() == MAX_TENSORS {
                return Err(A::Error::custom(format!("more than {MAX_TENSORS} tensors")));
            }
            let info =
                map.next_value().map_err(|error| A::Error::custom(format!("tensor `{name}`: {error}")))?;
            header.entries.push(RawEntry { name, info });
        }
        Ok(header)
    }
}
