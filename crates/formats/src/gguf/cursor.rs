//! Bytes taken one after another, never past the end.

use std::fmt::Arguments;

use super::FORMAT;
use crate::Problem;

/// Where the reading of a file's head stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the first of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes taken so far.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Bytes not taken yet.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `count` bytes; `what` names them in the message when they are not there.
    pub(super) fn take(&mut self, count: u64, what: Arguments<'_>) -> Result<&'a [u8], Problem> {
        let fits = usize::try_from(count).ok().filter(|&count| count <= self.left());
        let Some(count) = fits else {
            let (at, left) = (self.at, self.left());
            return Err(Problem::broken(
                FORMAT,
                format!("{what}: expected {count} bytes at offset {at}, found {left} to the end of the file"),
            ));
        };
        let taken = &self.bytes[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: Arguments<'_>) -> Result<[u8; N], Problem> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64, what)?);
        Ok(array)
    }

    /// A 32-bit number.
    pub(super) fn u32(&mut self, what: Arguments<'_>) -> Result<u32, Problem> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// A 64-bit number.
    pub(super) fn u64(&mut self, what: Arguments<'_>) -> Result<u64, Problem> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A text: its length, then its bytes, at most `limit` of them.
    pub(super) fn text(&mut self, limit: u64, what: Arguments<'_>) -> Result<&'a [u8], Problem> {
        let length = self.u64(format_args!("length of {what}"))?;
        if length > limit && length <= self.left() as u64 {
            let expected = format!("{what}: expected at most {limit} bytes of text, found {length}");
            return Err(Problem::broken(FORMAT, expected));
        }
        self.take(length, what)
    }

    /// Checks a count from the file: at most `limit`, and no more than the rest of the file can hold.
    pub(super) fn check_count(&self, count: u64, limit: u64, each: u64, what: &str) -> Result<(), Problem> {
        let room = (self.left() as u64 / each).min(limit);
        if count > room {
            let left = self.left();
            return Err(Problem::broken(
                FORMAT,
                format!(
                    "expected at most {room} {what} in the {left} bytes that follow, found a count of {count}"
                ),
            ));
        }
        Ok(())
    }
}
