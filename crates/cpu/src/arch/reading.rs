//! How stored rows are best read while few tokens meet them, which makers of processors decide, not instruction sets.

#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

/// Places that kernels know how to read side by side.
pub(crate) const MANY_PLACES: usize = 4;

/// How far ahead, and in how many places at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// How many bytes ahead rows are asked for; 0 where the machine's own prefetchers do better alone.
    pub(crate) ahead: usize,
    /// In how many places at once a thread reads its share: one, or [`MANY_PLACES`].
    pub(crate) places: usize,
}

impl Reading {
    /// One row after the other, as the machine's prefetchers expect it: Zen 4 reads at full speed so, and anything else costs
    /// it time.
    pub(crate) const PLAIN: Self = Self { ahead: 0, places: 1 };

    /// Intel's prefetchers track few lines of a page, so that a core which reads in one place waits; what is asked for into
    /// the second-level cache comes beside that. Measured on a Xeon with AMX alone, 2 threads, 0.4B: on its AVX2 path
    /// decode went from 42 to 85 tokens/s in Q4_K, from 37 to 55 in Q8_0, from 22 to 32 in F16.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const INTEL: Self = Self { ahead: 2048, places: MANY_PLACES };

    /// For this machine.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn of_this_machine() -> Self {
        // Asked once: virtual machines take long to answer.
        static FOUND: OnceLock<Reading> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let found = std::arch::x86_64::__cpuid(0);
            let maker = [found.ebx, found.edx, found.ecx].map(u32::to_le_bytes);
            if maker.as_flattened() == b"GenuineIntel" { Self::INTEL } else { Self::PLAIN }
        })
    }
}
