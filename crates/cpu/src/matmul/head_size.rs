//! Outputs that go by head.

use crate::arch::PANEL;

/// A size of heads: a power of two, so that no place costs a division, and whole panels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadSize(u32); // its binary logarithm

impl HeadSize {
    /// `None` for other sizes: of them, outputs do not go by head.
    pub(crate) fn new(size: usize) -> Option<Self> {
        (size.is_power_of_two() && size.is_multiple_of(PANEL)).then(|| Self(size.ilog2()))
    }

    /// Where channel `channel` of a token lies, of so many `tokens`.
    #[inline(always)]
    pub(crate) fn place(self, tokens: usize, token: usize, channel: usize) -> usize {
        let (head, own) = (channel >> self.0, channel & ((1 << self.0) - 1));
        (head * tokens + token) << self.0 | own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_head_every_channel_of_every_token_has_its_own_place() {
        for (size, heads, tokens) in [(16, 1, 1), (16, 3, 5), (64, 2, 40), (128, 4, 3)] {
            let head = HeadSize::new(size).expect("whole panels");
            let at = |channel, token| head.place(tokens, token, channel);
            let mut places: Vec<usize> = (0..heads * size)
                .flat_map(|channel| (0..tokens).map(move |token| at(channel, token)))
                .collect();
            places.sort_unstable();
            assert!(places.into_iter().eq(0..heads * size * tokens), "heads of {size}");
            let panels = (0..heads * size).step_by(PANEL);
            assert!(panels.into_iter().all(|first| at(first + PANEL - 1, 0) == at(first, 0) + PANEL - 1));
        }
        for size in [1, 8, 24, 48, 100] {
            assert!(HeadSize::new(size).is_none(), "{size}");
        }
    }
}
