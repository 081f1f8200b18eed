//! How memory is best read, which makers of processors decide, not instruction sets.

#[cfg(target_arch = "x86_64")]
use super::maker::Maker;

/// Places that kernels know how to read side by side.
pub(crate) const MANY_PLACES: usize = 4;

/// How stored rows are read while few tokens meet them, and what is asked for beside many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// How many bytes ahead rows are asked for; 0 where the machine's own prefetchers do better alone.
    pub(crate) ahead: usize,
    /// In how many places at once a thread reads its share: one, or [`MANY_PLACES`].
    pub(crate) places: usize,
    /// Whether several tokens that meet blocks are better served in one place, where their instructions count for more.
    pub(crate) blocks_alone: bool,
    /// Whether states are asked for beside products of many tokens that go without tiles.
    pub(crate) states: bool,
}

impl Reading {
    /// One row after the other, as any machine's prefetchers expect it.
    pub(crate) const PLAIN: Self = Self { ahead: 0, places: 1, blocks_alone: false, states: true };

    /// Intel's prefetchers track few lines of a page, so that a core which reads in one place waits; what is asked for into
    /// the second-level cache comes beside that. Measured on a Xeon with AMX alone, 2 threads, 0.4B: on its AVX2 path
    /// decode went from 42 to 85 tokens/s in Q4_K, from 37 to 55 in Q8_0, from 22 to 32 in F16.
    ///
    /// A core has some sixteen lines under way, which rows alone keep busy: with states besides, on a Xeon without AMX, batches
    /// of 32 lost 4 % in Q8_0 and 5 % in F16 and Q4_K.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const INTEL: Self =
        Self { ahead: 2048, places: MANY_PLACES, blocks_alone: false, states: false };

    /// As Intel's, but for how far ahead. Measured on Zen 4, 2 threads, 0.4B, in turns with [`Reading::PLAIN`]: decode in F16,
    /// Q8_0 and Q4_K is 1.16 to 1.19 times as fast, and 1.10 to 1.15 times where nothing is asked for ahead. Two to eight
    /// tokens in block types lost 10 to 30 % so.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const AMD: Self = Self { ahead: 512, places: MANY_PLACES, blocks_alone: true, states: true };

    /// Where so many tokens meet rows of blocks.
    #[inline(always)]
    pub(crate) const fn of_blocks(self, tokens: usize) -> Self {
        if self.blocks_alone && tokens > 1 { Self::PLAIN } else { self }
    }

    /// For this machine.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn of_this_machine() -> Self {
        match Maker::of_this_machine() {
            Maker::Intel => Self::INTEL,
            Maker::Amd => Self::AMD,
            Maker::Other => Self::PLAIN,
        }
    }
}
