//! In which order a member of the team reads its rows when few tokens meet them.

/// The numbers below `count`: from `streams` places in turn, as far from each other as can be, each of which goes on by one.
///
/// Why: [`Reading`](crate::arch::Reading).
pub(super) fn in_streams(count: usize, streams: usize) -> impl Iterator<Item = usize> {
    let length = count.div_ceil(streams);
    (0..length).flat_map(move |at| (at..count).step_by(length.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_once() {
        for count in 0..40 {
            for streams in 1..6 {
                let mut seen: Vec<usize> = in_streams(count, streams).collect();
                if streams == 1 {
                    assert!(seen.is_sorted());
                }
                seen.sort_unstable();
                assert_eq!(seen, (0..count).collect::<Vec<_>>(), "{count} in {streams}");
            }
        }
        assert_eq!(in_streams(7, 3).collect::<Vec<_>>(), [0, 3, 6, 1, 4, 2, 5]);
    }
}
