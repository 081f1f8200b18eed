//! Bytes taken one after another, never past the end.

use std::fmt::Arguments;

use crate::Problem;

/// Where the reading of a file's head stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    format: &'static str, // for messages
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// At the first of `bytes`, which belong to a file of `format`.
    pub(crate) fn new(format: &'static str, bytes: &'a [u8]) -> Self {
        Self { format, bytes, at: 0 }
    }

    /// Bytes taken so far.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Bytes not taken yet.
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `count` bytes; `what` names them in the message when they are not there.
    pub(crate) fn take(&mut self, count: u64, what: Arguments<'_>) -> Result<&'a [u8], Problem> {
        let fits = usize::try_from(count).ok().filter(|&count| count <= self.left());
        let Some(count) = fits else {
            let (at, left) = (self.at, self.left());
            return Err(Problem::broken(
                self.format,
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
    pub(crate) fn u32(&mut self, what: Arguments<'_>) -> Result<u32, Problem> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// A 64-bit number.
    pub(crate) fn u64(&mut self, what: Arguments<'_>) -> Result<u64, Problem> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A text: its length, then its bytes, at most `limit` of them.
    pub(crate) fn text(&mut self, limit: u64, what: Arguments<'_>) -> Result<&'a [u8], Problem> {
        let length = self.u64(format_args!("length of {what}"))?;
        if length > limit && length <= self.left() as u64 {
            let expected = format!("{what}: expected at most {limit} bytes of text, found {length}");
            return Err(Problem::broken(self.format, expected));
        }
        self.take(length, what)
    }

    /// Checks a count from the file: at most `limit`, and no more than the rest of the file can hold.
    pub(crate) fn check_count(&self, count: u64, limit: u64, each: u64, what: &str) -> Result<(), Problem> {
        let room = (self.left() as u64 / each).min(limit);
        if count > room {
            let left = self.left();
            return Err(Problem::broken(
                self.format,
                format!(
                    "expected at most {room} {what} in the {left} bytes that follow, found a count of {count}"
                ),
            ));
        }
        Ok(())
    }
}
