//! In which order a member of the team reads its rows when few tokens meet them.

use crate::arch::list;

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
    let length = rows.div_ceil(places).max(1);
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
        for rows in 0..40 {
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
        assert!(side_by_side(5, 1, 2).map(|side| side.count).eq([2, 2, 1]));
    }
}
