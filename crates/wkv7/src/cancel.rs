//! Stopping a session from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Error;

/// A flag that stops a session's work; clones share it.
///
/// It stays set, so that it does not matter whether it comes before, during or after the call that it is meant for:
/// whoever wants to go on with the session clears it first.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    flag: Arc<AtomicBool>,
}

impl Cancel {
    /// Asks the session to stop: its calls answer [`Error::Cancelled`] until [`Cancel::clear`].
    pub fn set(&self) {
        self.flag.store(true, Ordering::Relaxed); // the flag guards no other memory
    }

    /// Lets the session work again.
    pub fn clear(&self) {
        self.flag.store(false, Ordering::Relaxed);
    }

    /// Whether the session was asked to stop.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// [`Error::Cancelled`] where it is set.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_set() { Err(Error::Cancelled) } else { Ok(()) }
    }
}
