//! How stored rows are best read while few tokens meet them, which makers of processors decide, not instruction sets.

/// How far ahead, and in how many places at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// How many bytes ahead rows are asked for; 0 where the machine's own prefetchers do better alone.
    pub(crate) ahead: usize,
    /// In how many places at once a thread reads its share.
    pub(crate) places: usize,
}

impl Reading {
    /// One row after the other, as the machine's prefetchers expect it: Zen 4 reads at full speed so, and anything else costs
    /// it time.
    pub(crate) const PLAIN: Self = Self { ahead: 0, places: 1 };

    /// Intel's cores wait where they read in one place, for what they have under way is counted by page; what is asked for
    /// into the second-level cache comes beside that. On a Xeon with AMX, 2 threads, 0.4B, asking ahead gained two fifths in
    /// 4-bit types and a fifth in Q8_0, four places instead of one then another quarter there and a tenth in F16.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const INTEL: Self = Self { ahead: 2048, places: 4 };

    /// For this machine.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn of_this_machine() -> Self {
        let found = std::arch::x86_64::__cpuid(0);
        let maker = [found.ebx, found.edx, found.ecx].map(u32::to_le_bytes);
        if maker.as_flattened() == b"GenuineIntel" { Self::INTEL } else { Self::PLAIN }
    }
}
