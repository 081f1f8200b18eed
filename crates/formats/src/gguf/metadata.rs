//! The typed keys and values at the head of a file.

use std::collections::BTreeMap;
use std::fmt;

use super::{FORMAT, shown};
use crate::Problem;
use crate::cursor::Cursor;

/// Keys in one file; published ones have some thirty.
const MAX_ENTRIES: u64 = 1 << 16;
/// Bytes in a key, as ggml has it.
const MAX_KEY: u64 = 65_535;
/// Bytes in a text; the longest in published files are chat templates of some ten thousand.
const MAX_TEXT: u64 = 1 << 24;
/// Elements in an array; the longest in published files are lists of merges, some 500 thousand.
const MAX_ELEMENTS: u64 = 1 << 23;
/// The least that an entry takes: an empty key, a type, a byte.
const LEAST_ENTRY: u64 = 8 + 4 + 1;

/// The type of a value, by ggml's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    Text = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::Text,
        Self::Array,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    /// Bytes of a value of fixed size.
    fn size(self) -> Option<u64> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::Text | Self::Array => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::F32 => "f32",
            Self::Bool => "bool",
            Self::Text => "text",
            Self::Array => "array",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F64 => "f64",
        })
    }
}

/// A value still lying in the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    /// A number or a bool, little endian, of the size that its kind has.
    Plain(Kind, &'a [u8]),
    /// A text.
    Text(&'a [u8]),
    /// Elements of one kind, one after another.
    Array { kind: Kind, count: usize, bytes: &'a [u8] },
}

impl Value<'_> {
    fn describe(&self) -> String {
        match self {
            Self::Plain(kind, _) => kind.to_string(),
            Self::Text(_) => Kind::Text.to_string(),
            Self::Array { kind, count, .. } => format!("an array of {count} {kind}"),
        }
    }

    /// A number, a bool or a text as text; `None` for arrays.
    pub(super) fn to_text(self) -> Option<String> {
        fn le<const N: usize>(bytes: &[u8]) -> [u8; N] {
            let mut array = [0; N];
            array.copy_from_slice(bytes); // a plain value has its kind's size
            array
        }
        Some(match self {
            Self::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Self::Array { .. } => return None,
            Self::Plain(kind, bytes) => match kind {
                Kind::U8 => bytes[0].to_string(),
                Kind::I8 => (bytes[0] as i8).to_string(),
                Kind::Bool => (bytes[0] != 0).to_string(),
                Kind::U16 => u16::from_le_bytes(le(bytes)).to_string(),
                Kind::I16 => i16::from_le_bytes(le(bytes)).to_string(),
                Kind::U32 => u32::from_le_bytes(le(bytes)).to_string(),
                Kind::I32 => i32::from_le_bytes(le(bytes)).to_string(),
                Kind::F32 => f32::from_le_bytes(le(bytes)).to_string(),
                Kind::U64 => u64::from_le_bytes(le(bytes)).to_string(),
                Kind::I64 => i64::from_le_bytes(le(bytes)).to_string(),
                Kind::F64 => f64::from_le_bytes(le(bytes)).to_string(),
                Kind::Text | Kind::Array => return None,
            },
        })
    }
}

/// All keys of a file with their values.
#[derive(Debug)]
pub(super) struct Metadata<'a> {
    entries: BTreeMap<&'a str, Value<'a>>,
}

impl<'a> Metadata<'a> {
    /// Reads `count` entries.
    pub(super) fn read(cursor: &mut Cursor<'a>, count: u64) -> Result<Self, Problem> {
        cursor.check_count(count, MAX_ENTRIES, LEAST_ENTRY, "metadata entries")?;
        let mut entries = BTreeMap::new();
        for n in 0..count {
            let key = cursor.text(MAX_KEY, format_args!("metadata key {n}"))?;
            let key = std::str::from_utf8(key).map_err(|_| {
                Problem::broken(FORMAT, format!("metadata key {n}: expected UTF-8, found `{}`", shown(key)))
            })?;
            let value = read_value(cursor, key)?;
            if entries.insert(key, value).is_some() {
                let what = format!("metadata key `{}` appears twice", shown(key.as_bytes()));
                return Err(Problem::broken(FORMAT, what));
            }
        }
        Ok(Self { entries })
    }

    /// All of them, sorted by key.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        self.entries.iter().map(|(&key, &value)| (key, value))
    }

    /// Whether the file has this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The value of `key`, where there is one, which must be a u32.
    pub(super) fn u32(&self, key: &str) -> Result<Option<u32>, Problem> {
        Ok(self.four_bytes(key, Kind::U32, "u32")?.map(u32::from_le_bytes))
    }

    /// The value of `key`, where there is one, which must be an f32.
    pub(super) fn f32(&self, key: &str) -> Result<Option<f32>, Problem> {
        Ok(self.four_bytes(key, Kind::F32, "f32")?.map(f32::from_le_bytes))
    }

    /// The bytes of `key`'s value, where there is one, which must be of the four-byte type `kind`.
    fn four_bytes(&self, key: &str, kind: Kind, name: &'static str) -> Result<Option<[u8; 4]>, Problem> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(&Value::Plain(found, bytes)) if found == kind => {
                let mut number = [0; 4];
                number.copy_from_slice(bytes); // values are as long as their type says
                Ok(Some(number))
            }
            Some(other) => Err(wrong_type(key, name, other)),
        }
    }

    /// The value of `key`, where there is one, which must be a text.
    pub(super) fn text(&self, key: &str) -> Result<Option<&'a [u8]>, Problem> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(&Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(wrong_type(key, "text", other)),
        }
    }

    /// Count and bytes of the array at `key`, where there is one, whose elements must be of `kind`.
    pub(super) fn array(&self, key: &str, kind: Kind) -> Result<Option<(usize, &'a [u8])>, Problem> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(&Value::Array { kind: found, count, bytes }) if found == kind => Ok(Some((count, bytes))),
            Some(other) => Err(wrong_type(key, &format!("an array of {kind}"), other)),
        }
    }
}

fn wrong_type(key: &str, expected: &str, found: &Value<'_>) -> Problem {
    let found = found.describe();
    Problem::broken(FORMAT, format!("metadata `{key}`: expected {expected}, found {found}"))
}

fn read_kind(cursor: &mut Cursor<'_>, key: &str) -> Result<Kind, Problem> {
    let number = cursor.u32(format_args!("type of metadata `{}`", shown(key.as_bytes())))?;
    Kind::ALL.into_iter().find(|&kind| kind as u32 == number).ok_or_else(|| {
        let key = shown(key.as_bytes());
        Problem::broken(FORMAT, format!("metadata `{key}`: expected a type from 0 to 12, found {number}"))
    })
}

fn read_value<'a>(cursor: &mut Cursor<'a>, key: &str) -> Result<Value<'a>, Problem> {
    let kind = read_kind(cursor, key)?;
    let name = || shown(key.as_bytes());
    match (kind, kind.size()) {
        (Kind::Array, _) => read_array(cursor, key),
        (_, None) => cursor.text(MAX_TEXT, format_args!("metadata `{}`", name())).map(Value::Text),
        (_, Some(size)) => {
            let bytes = cursor.take(size, format_args!("metadata `{}`", name()))?;
            if kind == Kind::Bool && bytes[0] > 1 {
                let what = format!("metadata `{}`: expected a bool, 0 or 1, found {}", name(), bytes[0]);
                return Err(Problem::broken(FORMAT, what));
            }
            Ok(Value::Plain(kind, bytes))
        }
    }
}

fn read_array<'a>(cursor: &mut Cursor<'a>, key: &str) -> Result<Value<'a>, Problem> {
    let kind = read_kind(cursor, key)?;
    let name = shown(key.as_bytes());
    let count = cursor.u64(format_args!("length of array `{name}`"))?;
    if kind == Kind::Array {
        return Err(Problem::broken(
            FORMAT,
            format!("metadata `{name}`: expected plain elements, found arrays in an array"),
        ));
    }
    let least = kind.size().unwrap_or(8); // a text takes its length at least
    cursor.check_count(count, MAX_ELEMENTS, least, &format!("elements of array `{name}`"))?;
    let start = *cursor;
    match kind.size() {
        // No overflow: the count was checked against the rest of the file.
        Some(size) => _ = cursor.take(count * size, format_args!("array `{name}`"))?,
        None => {
            for n in 0..count {
                cursor.text(MAX_TEXT, format_args!("element {n} of array `{name}`"))?;
            }
        }
    }
    let mut whole = start;
    let bytes = whole.take((cursor.at() - start.at()) as u64, format_args!("array `{name}`"))?;
    // Below MAX_ELEMENTS.
    Ok(Value::Array { kind, count: count as usize, bytes })
}
