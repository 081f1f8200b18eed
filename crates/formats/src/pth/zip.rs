//! The zip container of a torch archive: stored members, found through the central directory.
//!
//! Torch leaves sizes out of the local headers and pads them, so the directory at the end of the file is
//! the truth; a local header only tells where its name and padding stop. The directory is checked as a
//! whole before any member is given out: every member inside the file, none over another, names unique.

use std::collections::HashMap;
use std::ops::Range;

use wkv7_core::Bytes;

use crate::error::{Problem, shown};

/// More members than any model has.
const MAX_MEMBERS: u64 = 100_000;

const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCATOR: [u8; 4] = *b"PK\x06\x07"; // of the zip64 end record
const LOCATOR_BYTES: usize = 20;
const END64: [u8; 4] = *b"PK\x06\x06";
const END64_BYTES: usize = 56;
const ENTRY: [u8; 4] = *b"PK\x01\x02";
const ENTRY_BYTES: usize = 46;
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;

/// The members of an archive by name; each range lies inside the file and outside all others.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    members: HashMap<&'a str, Range<usize>>,
}

impl<'a> Archive<'a> {
    /// Reads the directory of the archive `file`.
    pub(super) fn read(file: &'a Bytes) -> Result<Self, Problem> {
        let directory = Directory::find(file.as_slice())?;
        let mut rest = &file.as_slice()[directory.range.clone()];
        let mut members = HashMap::new();
        let mut taken = Vec::new(); // from each local header to the end of its data
        for index in 0..directory.count {
            let (entry, behind) = Entry::read(rest, index)?;
            rest = behind;
            let data = entry.locate(file, directory.range.start)?;
            if members.insert(entry.name, data.clone()).is_some() {
                return Err(broken(format!("member {} appears twice", shown(entry.name))));
            }
            taken.push((entry.local..data.end, entry.name));
        }
        if !rest.is_empty() {
            let what = format!("directory goes on after the {} members that it claims", directory.count);
            return Err(broken(what));
        }
        check_apart(taken)?;
        Ok(Self { members })
    }

    /// Where the data of member `name` lies in the file.
    pub(super) fn member(&self, name: &str) -> Option<Range<usize>> {
        self.members.get(name).cloned()
    }

    /// Names of all members.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.members.keys().copied()
    }
}

fn broken(what: impl Into<String>) -> Problem {
    Problem::broken(super::FORMAT, what)
}

/// `len` bytes at `at`, where the file has them.
fn bytes_at(file: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    file.get(at..at.checked_add(len)?)
}

fn u16_at(record: &[u8], at: usize) -> u64 {
    record.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |b| u64::from(u16::from_le_bytes(*b)))
}

fn u32_at(record: &[u8], at: usize) -> u64 {
    record.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |b| u64::from(u32::from_le_bytes(*b)))
}

fn u64_at(record: &[u8], at: usize) -> u64 {
    record.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |b| u64::from_le_bytes(*b))
}

/// Where the directory lies, and how many members it claims.
struct Directory {
    range: Range<usize>,
    count: u64,
}

impl Directory {
    fn find(file: &[u8]) -> Result<Self, Problem> {
        let end = find_end(file)?;
        let record = &file[end..];
        let (mut disks, mut count) = (u16_at(record, 4) | u16_at(record, 6), u16_at(record, 10));
        let (mut size, mut start) = (u32_at(record, 12), u32_at(record, 16));
        let mut limit = end;
        if let Some((at, record)) = find_end64(file, end)? {
            disks = u32_at(record, 16) | u32_at(record, 20);
            (count, size, start) = (u64_at(record, 32), u64_at(record, 40), u64_at(record, 48));
            limit = at;
        }
        if disks != 0 {
            return Err(broken("the archive spans several disks, expected one"));
        }
        let range = (|| {
            let start = usize::try_from(start).ok()?;
            let stop = start.checked_add(usize::try_from(size).ok()?)?;
            (stop <= limit).then_some(start..stop)
        })();
        let Some(range) = range else {
            let what =
                format!("directory of {size} bytes at offset {start}, expected it before offset {limit}");
            return Err(broken(what));
        };
        let room = (size / ENTRY_BYTES as u64).min(MAX_MEMBERS);
        if count > room {
            let what = format!("directory of {size} bytes claims {count} members, expected at most {room}");
            return Err(broken(what));
        }
        Ok(Self { range, count })
    }
}

/// The end record: the last one whose comment stops exactly at the end of the file.
fn find_end(file: &[u8]) -> Result<usize, Problem> {
    let missing = || {
        let what = format!("no end record among the last bytes of {}; the file may be cut short", file.len());
        broken(what)
    };
    let last = file.len().checked_sub(END_BYTES).ok_or_else(missing)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    let fits = |&at: &usize| {
        file[at..].starts_with(&END) && u16_at(&file[at..], END_BYTES - 2) == (last - at) as u64
    };
    (first..=last).rev().find(fits).ok_or_else(missing)
}

/// The zip64 end record, where a locator stands right before the end record.
fn find_end64(file: &[u8], end: usize) -> Result<Option<(usize, &[u8])>, Problem> {
    let Some(at) = end.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
    let locator = &file[at..end];
    if !locator.starts_with(&LOCATOR) {
        return Ok(None);
    }
    let target = u64_at(locator, 8);
    let record = usize::try_from(target).ok().filter(|&target| target < at).and_then(|target| {
        bytes_at(&file[..at], target, END64_BYTES).filter(|record| record.starts_with(&END64))
    });
    match record {
        Some(record) => Ok(Some((target as usize, record))), // it fitted `usize` above
        None => Err(broken(format!("no zip64 end record at offset {target}"))),
    }
}

/// One line of the directory.
struct Entry<'a> {
    name: &'a str,
    size: usize,
    local: usize, // offset of the local header
}

impl<'a> Entry<'a> {
    /// Reads the entry at the front of `rest`; gives what follows it.
    fn read(rest: &'a [u8], index: u64) -> Result<(Self, &'a [u8]), Problem> {
        let cut = || broken(format!("entry {index} of the directory is cut short or damaged"));
        let record = rest.get(..ENTRY_BYTES).filter(|record| record.starts_with(&ENTRY)).ok_or_else(cut)?;
        let lengths = [28, 30, 32].map(|at| u16_at(record, at) as usize); // name, extra, comment
        let [name_end, extra_end, end] = [
            ENTRY_BYTES + lengths[0],
            ENTRY_BYTES + lengths[0] + lengths[1],
            ENTRY_BYTES + lengths.iter().sum::<usize>(),
        ];
        let name = rest.get(ENTRY_BYTES..name_end).ok_or_else(cut)?;
        let extra = rest.get(name_end..extra_end).ok_or_else(cut)?;
        let behind = rest.get(end..).ok_or_else(cut)?;
        let name = checked_name(name, index)?;
        if u16_at(record, 8) & 1 != 0 {
            return Err(Problem::Unsupported(format!("member {} is encrypted", shown(name))));
        }
        let method = u16_at(record, 10);
        let [packed, size, local] = sizes(record, extra);
        if method != 0 || packed != size {
            let what = format!(
                "member {} is compressed (method {method}), expected stored members; load it in torch and \
                 save it again with `torch.save(torch.load(path), path)`",
                shown(name)
            );
            return Err(Problem::Unsupported(what));
        }
        let too_far = |_| broken(format!("member {} has {size} bytes at offset {local}", shown(name)));
        let (size, local) =
            (usize::try_from(size).map_err(too_far)?, usize::try_from(local).map_err(too_far)?);
        Ok((Self { name, size, local }, behind))
    }

    /// The member's data, which ends before the directory starts.
    ///
    /// The headers lie all over the file, so they are read from it and not through the map.
    fn locate(&self, file: &Bytes, directory: usize) -> Result<Range<usize>, Problem> {
        let name = shown(self.name);
        let name_start = self.local.saturating_add(LOCAL_BYTES);
        let read = |from: usize, len: usize| {
            let to = from.checked_add(len).filter(|&to| to <= directory)?;
            file.copy_of(from..to)
        };
        let record = read(self.local, LOCAL_BYTES + self.name.len())
            .or_else(|| read(self.local, LOCAL_BYTES))
            .filter(|record| record.starts_with(&LOCAL))
            .ok_or_else(|| broken(format!("member {name}: no local header at offset {}", self.local)))?;
        let [name_len, extra_len] = [26, 28].map(|at| u16_at(&record, at) as usize);
        if name_len != self.name.len() || &record[LOCAL_BYTES..] != self.name.as_bytes() {
            return Err(broken(format!("member {name} has another name in its local header")));
        }
        let start = name_start + name_len + extra_len;
        let range = start.checked_add(self.size).filter(|&end| end <= directory).map(|end| start..end);
        range.ok_or_else(|| {
            let size = self.size;
            broken(format!(
                "member {name} has {size} bytes at offset {start}, expected its end before {directory}"
            ))
        })
    }
}

/// Packed size, size and local header offset; a field of all ones stands in the zip64 extra field.
fn sizes(record: &[u8], extra: &[u8]) -> [u64; 3] {
    let mut wide = zip64_extra(extra);
    let mut widened = |value: u64| {
        if value != u64::from(u32::MAX) {
            return value;
        }
        let Some((first, rest)) = wide.split_first_chunk::<8>() else { return u64::MAX };
        wide = rest;
        u64::from_le_bytes(*first)
    };
    let size = widened(u32_at(record, 24)); // the extra field gives the size first
    let packed = widened(u32_at(record, 20));
    [packed, size, widened(u32_at(record, 42))]
}

/// The zip64 field among the extra fields, or nothing.
fn zip64_extra(mut extra: &[u8]) -> &[u8] {
    while extra.len() >= 4 {
        let (kind, len) = (u16_at(extra, 0), u16_at(extra, 2) as usize);
        let Some(body) = bytes_at(extra, 4, len) else { break };
        if kind == 1 {
            return body;
        }
        extra = &extra[4 + len..];
    }
    &[]
}

/// A name that stays inside the archive's own folder.
fn checked_name(name: &[u8], index: u64) -> Result<&str, Problem> {
    let Ok(name) = std::str::from_utf8(name) else {
        return Err(broken(format!("member {index} has a name that is not UTF-8")));
    };
    let escapes = name.starts_with('/')
        || name.contains(['\\', '\0'])
        || name.split('/').any(|part| part == "..")
        || name.get(1..2) == Some(":");
    if name.is_empty() || escapes {
        return Err(broken(format!("member {} has a name that leaves the archive", shown(name))));
    }
    Ok(name)
}

/// No two members share bytes.
fn check_apart(mut taken: Vec<(Range<usize>, &str)>) -> Result<(), Problem> {
    taken.sort_by_key(|(range, _)| range.start);
    for pair in taken.windows(2) {
        if let [(before, first), (after, second)] = pair
            && after.start < before.end
        {
            let what = format!(
                "members {} and {} overlap: {}..{} and {}..{}",
                shown(first),
                shown(second),
                before.start,
                before.end,
                after.start,
                after.end
            );
            return Err(broken(what));
        }
    }
    Ok(())
}
