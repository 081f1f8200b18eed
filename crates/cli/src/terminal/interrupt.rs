//! Ctrl-C: the first asks to stop, so that the work in hand ends cleanly.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use anyhow::Context as _;

use super::failure;

static PRESSED: AtomicU32 = AtomicU32::new(0);
static PATIENT: AtomicBool = AtomicBool::new(false);

/// Presses after which a command with nothing to clean up is ended without waiting for it.
const ENOUGH: u32 = 3;

/// What to do for someone who keeps pressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Impatience {
    /// End the process at the third press.
    Leave,
    /// Never: there is a half-written file to remove first.
    Wait,
}

/// From now on Ctrl-C only raises a flag, which [`asked`] tells.
pub fn listen(impatience: Impatience) -> anyhow::Result<()> {
    PATIENT.store(impatience == Impatience::Wait, Relaxed);
    ctrlc::set_handler(|| {
        if PRESSED.fetch_add(1, Relaxed) + 1 >= ENOUGH && !PATIENT.load(Relaxed) {
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
