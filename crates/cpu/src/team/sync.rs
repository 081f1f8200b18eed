//! The atomics of the team: the standard ones, or loom's where a model of every interleaving is checked
//! (`RUSTFLAGS="--cfg loom" cargo test -p wkv7-cpu --lib loom`).

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Lets the others go on while this thread waits for them; `turn` counts how often it already has.
#[cfg(not(loom))]
#[inline]
pub(super) fn pause(turn: u32) {
    /// Turns before a waiting thread offers its core to others: some 20 microseconds, longer than the members of a
    /// team that has its cores to itself ever wait for each other.
    const SPINS: u32 = 1 << 12;
    if turn < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
}

/// loom explores what the others may do. Two threads that wait could hand each other the turn for ever and never let a
/// third come, which no machine does: after a few turns the rest of such an interleaving is run fairly.
#[cfg(loom)]
pub(super) fn pause(turn: u32) {
    const TURNS: u32 = 3;
    if turn == TURNS {
        loom::skip_branch();
    }
    loom::thread::yield_now();
}
