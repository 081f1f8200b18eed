//! Who made the processor, which decides what its instructions do not say.

use std::sync::OnceLock;

/// Who made the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    Intel,
    Amd,
    Other,
}

impl Maker {
    pub(super) fn of_this_machine() -> Self {
        // Asked once: virtual machines take long to answer.
        static FOUND: OnceLock<Maker> = OnceLock::new();
        *FOUND.get_or_init(|| {
            let found = std::arch::x86_64::__cpuid(0);
            let name = [found.ebx, found.edx, found.ecx].map(u32::to_le_bytes);
            match name.as_flattened() {
                b"GenuineIntel" => Self::Intel,
                b"AuthenticAMD" => Self::Amd,
                _ => Self::Other,
            }
        })
    }
}
