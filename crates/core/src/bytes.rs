//! Shared, read-only bytes: a range of a memory map or of a buffer, kept alive by whoever holds it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// What holds bytes: a memory map, a buffer.
pub trait Source: Send + Sync {
    /// All of them; the same slice every time.
    fn bytes(&self) -> &[u8];

    /// Copies `out.len()` bytes from `offset`, which lie inside. A memory map reads them from its file, so that
    /// a glance at a few numbers of a large model does not count its pages as this process's memory.
    fn copy_out(&self, offset: usize, out: &mut [u8]) {
        out.copy_from_slice(&self.bytes()[offset..offset + out.len()]);
    }
}

impl Source for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl Source for &'static [u8] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

/// A range of bytes with shared ownership of what holds them. Cloning copies no data.
#[derive(Clone)]
pub struct Bytes {
    source: Arc<dyn Source>,
    start: usize,
    len: usize,
}

impl Bytes {
    /// All bytes of `source`.
    pub fn new(source: impl Source + 'static) -> Self {
        let len = source.bytes().len();
        Self { source: Arc::new(source), start: 0, len }
    }

    /// Bytes that the program itself holds, as they lie there.
    #[must_use]
    pub fn from_static(bytes: &'static [u8]) -> Self {
        Self::new(bytes)
    }

    /// The bytes themselves.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        // A source that shrank would be a bug of the source; reading nothing is the safe answer.
        self.source.bytes().get(self.start..self.start + self.len).unwrap_or(&[])
    }

    /// A copy of the part `range`, read as [`Source::copy_out`] does; `None` where it reaches outside.
    #[must_use]
    pub fn copy_of(&self, range: Range<usize>) -> Option<Vec<u8>> {
        if range.start > range.end || range.end > self.len {
            return None;
        }
        let mut copy = vec![0; range.len()];
        self.source.copy_out(self.start + range.start, &mut copy);
        Some(copy)
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The part `range` of these bytes; `None` where it reaches outside.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        (range.start <= range.end && range.end <= self.len).then(|| Self {
            source: Arc::clone(&self.source),
            start: self.start + range.start,
            len: range.end - range.start,
        })
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_stay_inside() {
        let bytes = Bytes::from(vec![1, 2, 3, 4]);
        let part = bytes.slice(1..3).expect("inside");
        assert_eq!(part.as_slice(), [2, 3]);
        assert_eq!(part.slice(1..2).expect("inside").as_slice(), [3]);
        assert!(part.slice(1..3).is_none());
        assert_eq!(part.copy_of(1..2), Some(vec![3]));
        assert_eq!(part.copy_of(1..3), None);
        assert!(bytes.slice(5..5).is_none());
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = 3..2;
        assert!(bytes.slice(reversed).is_none());
    }

    #[test]
    fn what_the_program_holds_is_not_copied() {
        static HELD: [u8; 4] = [1, 2, 3, 4];
        let part = Bytes::from_static(&HELD).slice(1..3).expect("inside");
        assert!(std::ptr::eq(part.as_slice(), &HELD[1..3]));
        assert_eq!(part.copy_of(0..1), Some(vec![2]));
    }
}
