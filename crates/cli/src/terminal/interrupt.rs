//! Ctrl-C: the first asks to stop, so that the work in hand ends cleanly.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use anyhow::Context as _;

use super::failure;

static PRESSED: AtomicU32 = AtomicU32::new(0);
static ENOUGH: AtomicU32 = AtomicU32::new(u32::MAX);

/// What to do for someone who keeps pressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Impatience {
    /// End the process at the first press: nothing is lost but time.
    LeaveAtOnce,
    /// End the process at the second press.
    LeaveAtSecond,
    /// End the process at the third press.
    Leave,
    /// Never: there is a half-written file to remove first.
    Wait,
}

impl Impatience {
    /// From now on; [`listen`] comes first.
    pub fn set(self) {
        let enough = match self {
            Self::LeaveAtOnce => 1,
            Self::LeaveAtSecond => 2,
            Self::Leave => 3,
            Self::Wait => u32::MAX,
        };
        ENOUGH.store(enough, Relaxed);
    }
}

/// From now on Ctrl-C raises a flag, which [`asked`] tells, or ends the process, as `impatience` has it.
pub fn listen(impatience: Impatience) -> anyhow::Result<()> {
    impatience.set();
    ctrlc::set_handler(|| {
        if PRESSED.fetch_add(1, Relaxed).saturating_add(1) >= ENOUGH.load(Relaxed) {
            failure::leave();
        }
    })
    .context("cannot listen for Ctrl-C")
}

/// Whether Ctrl-C was pressed since the start or the last [`forget`].
pub fn asked() -> bool {
    PRESSED.load(Relaxed) > 0
}

/// Takes the request as answered.
pub fn forget() {
    PRESSED.store(0, Relaxed);
}
