//! Numbers that begin at a cache line.
//!
//! Vector registers are as wide as a line where they are widest. What begins somewhere in one, as large buffers of a `Vec` do
//! (16 bytes behind the page on which they lie), is in two lines each time, which costs twice as many accesses.

use std::ops::{Deref, DerefMut};

use crate::arch::LANES;
use crate::pages::in_large_pages;

/// A list of numbers that begins at a cache line.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

/// A cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LANES]);

impl Aligned {
    /// So many zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut zeros = Self::default();
        zeros.resize(len);
        zeros
    }

    /// Makes it so long; what is added is zeros. Memory once taken is kept, in large pages where it is large, and no more is taken
    /// than is asked for: a buffer soon has the size that it needs.
    pub(crate) fn resize(&mut self, len: usize) {
        let before = self.len.min(len);
        let more = len.div_ceil(LANES).saturating_sub(self.lines.len());
        if more > self.lines.capacity() - self.lines.len() {
            self.lines.reserve_exact(more);
            in_large_pages(self.lines.spare_capacity_mut());
        }
        self.lines.resize(len.div_ceil(LANES), Line([0.0; LANES]));
        self.len = len;
        // What its last line once held.
        let stale = before..before.next_multiple_of(LANES).min(len);
        self[stale].fill(0.0);
    }

    /// Makes it at least so long.
    pub(crate) fn grow(&mut self, len: usize) {
        if self.len < len {
            self.resize(len);
        }
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut clone = Self::zeros(self.len);
        clone.copy_from_slice(self);
        clone
    }
}

impl From<Vec<f32>> for Aligned {
    fn from(numbers: Vec<f32>) -> Self {
        let mut aligned = Self::zeros(numbers.len());
        aligned.copy_from_slice(&numbers);
        aligned
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: lines are 16 numbers each and nothing between them, one after the other, and together at least `len`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above; the list is borrowed for as long.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_that_begins_at_a_line() {
        let mut list = Aligned::zeros(3);
        assert_eq!(list[..], [0.0; 3]);
        for len in [0, 1, 15, 16, 17, 100, 40, 33, 48, 5000] {
            let before = list.to_vec();
            list.resize(len);
            assert_eq!(list.as_ptr().addr() % 64, 0);
            assert_eq!(list.len(), len);
            let kept = before.len().min(len);
            assert_eq!(list[..kept], before[..kept]);
            assert!(list[kept..].iter().all(|x| *x == 0.0), "{len} after {}", before.len());
            list.fill(7.0);
        }
        assert_eq!(Aligned::from(list.to_vec())[..], list[..]);
        assert_eq!(list.clone()[..], list[..]);
        list.grow(10);
        assert_eq!(list.len(), 5000);
    }
}
