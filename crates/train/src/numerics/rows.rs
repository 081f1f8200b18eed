//! Rows of a matrix, a row to a token, shared out among threads.

use wkv7_cpu::math::Number;

/// Rows that a task does; a constant, so that sums over rows do not depend on the number of threads.
pub(crate) const TILE: usize = 32;

/// Buffers that are filled anew again and again.
pub(crate) trait Grow {
    /// Makes it `len` long. Numbers that were not there before are zero.
    fn grow(&mut self, len: usize);
}

impl<R: Copy + Default> Grow for Vec<R> {
    fn grow(&mut self, len: usize) {
        let before = self.capacity();
        self.reserve_exact(len.saturating_sub(self.len())); // not twice as much as before
        self.resize(len, R::default());
        if self.capacity() != before {
            wkv7_cpu::in_large_pages(self);
        }
    }
}

/// Adds `parts` to `sum` in order.
pub(crate) fn add_up<'a, R: Number>(parts: impl Iterator<Item = &'a [R]>, sum: &mut [R]) {
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += *part);
    }
}

/// The cells of a matrix of `heads * size` columns and `sequences * tokens` rows, by sequence and head: a list of
/// [`tokens`] cells `[size]` for each.
pub(crate) fn by_head<R>(x: &mut [R], tokens: usize, heads: usize, size: usize) -> Vec<Vec<&mut [R]>> {
    let sequences = x.len() / (tokens * heads * size).max(1);
    let mut lists: Vec<_> = (0..sequences * heads).map(|_| Vec::with_capacity(tokens)).collect();
    for (number, cell) in x.chunks_exact_mut(size).enumerate() {
        let (row, head) = (number / heads, number % heads);
        lists[row / tokens * heads + head].push(cell);
    }
    lists
}

/// Tokens between two states that the forward pass keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut(pub(crate) usize);

impl Cut {
    /// The largest head.
    pub(crate) const MOST: usize = 256;
}
