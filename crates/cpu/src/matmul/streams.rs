//! In which order a member of the team reads its rows when few tokens meet them.

use std::ops::Range;

use super::product::Product;
use crate::arch::{Isa, MANY_PLACES, list};

/// A kernel that dots stored rows with a few tokens.
pub(super) trait Cells {
    /// The outputs of `T` tokens, from `token` on, and the rows number `at` of `raw`, of so many bytes each, the first of
    /// which is for output `first`.
    fn cell<I: Isa, const R: usize, const T: usize>(
        isa: I,
        product: &Product<'_>,
        first: usize,
        at: [usize; R],
        raw: (&[u8], usize),
        token: usize,
    );
}

/// The outputs `rows` of `product` for its few tokens. `raw` holds those rows. A single token reads them in the places that
/// the machine gains from, several read one row after the other.
#[inline(always)]
pub(super) fn few<I: Isa, C: Cells>(isa: I, product: &Product<'_>, rows: Range<usize>, raw: &[u8]) {
    let length = product.matrix.tensor.stored_row_bytes();
    let tokens = product.input.tokens;
    for side in side_by_side(rows.len(), isa.reading().of_blocks(tokens).places, 1) {
        if tokens == 1 && side.count == MANY_PLACES {
            C::cell::<I, MANY_PLACES, 1>(isa, product, rows.start, side.rows(0), (raw, length), 0);
            continue;
        }
        for row in 0..side.count {
            let (first, at, raw) = (rows.start, side.rows(row), (raw, length));
            let mut token = 0;
            while token < tokens {
                match tokens - token {
                    1 => C::cell::<I, 1, 1>(isa, product, first, at, raw, token),
                    2 => C::cell::<I, 1, 2>(isa, product, first, at, raw, token),
                    _ => C::cell::<I, 1, 3>(isa, product, first, at, raw, token),
                }
                token += (tokens - token).min(3);
            }
        }
    }
}

/// So many rows of any type are whole pages long, as long as a row is sixteen bytes or a multiple of them.
const PAGES: usize = 256;

/// How far apart, in rows, so many `places` of `rows` are. Whole pages apart they would meet on the same sets of a cache:
/// then it is a row more.
pub(super) fn apart(rows: usize, places: usize) -> usize {
    let distance = rows.div_ceil(places).max(1);
    distance + usize::from(places > 1 && distance.is_multiple_of(PAGES))
}

/// Rows that are read side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Side {
    first: usize,
    /// From one to the next.
    distance: usize,
    pub(super) count: usize,
}

impl Side {
    /// `N` of them, from number `at` on.
    #[inline(always)]
    pub(super) fn rows<const N: usize>(&self, at: usize) -> [usize; N] {
        list!(N, 0, |n| self.first + (at + n) * self.distance)
    }
}

/// The rows below `rows`, one from each of so many `places`, as far from each other as can be; or, where there is but one
/// place, so many `neighbours`. Why in places: [`Reading`](crate::arch::Reading).
#[inline(always)]
pub(super) fn side_by_side(rows: usize, places: usize, neighbours: usize) -> impl Iterator<Item = Side> {
    let length = apart(rows, places);
    let (step, distance) = if places == 1 { (neighbours, 1) } else { (1, length) };
    (0..length).step_by(step).take_while(move |first| *first < rows).map(move |first| {
        let left = (rows - first).div_ceil(distance);
        Side { first, distance, count: if places == 1 { left.min(neighbours) } else { left } }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_comes_once() {
        for rows in (0..40).chain([1024, 2047]) {
            for (places, neighbours) in [(1, 1), (1, 2), (2, 1), (4, 1), (4, 2), (5, 1)] {
                let most = if places == 1 { neighbours } else { places };
                let mut seen = Vec::new();
                for side in side_by_side(rows, places, neighbours) {
                    assert!((1..=most).contains(&side.count), "{side:?}");
                    seen.extend((0..side.count).flat_map(|at| side.rows::<1>(at)));
                }
                seen.sort_unstable();
                assert_eq!(seen, (0..rows).collect::<Vec<_>>(), "{rows} in {places}");
            }
        }
        let sides: Vec<_> = side_by_side(7, 3, 1).map(|side| (side.rows::<2>(0), side.count)).collect();
        assert_eq!(sides, [([0, 3], 3), ([1, 4], 2), ([2, 5], 2)]);
        assert_eq!(
            [(8192, 1), (8192, 4), (8188, 4), (7, 3)].map(|(rows, places)| apart(rows, places)),
            [8192, 2049, 2047, 3]
        );
        assert!(side_by_side(5, 1, 2).map(|side| side.count).eq([2, 2, 1]));
    }
}
