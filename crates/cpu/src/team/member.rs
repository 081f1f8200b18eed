//! What a member of the team can do inside a region.

use std::panic::resume_unwind;

use super::barrier::Barrier;
use super::sync::{AtomicUsize, Ordering};

/// How many of a member's own tasks are taken, in cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))] // processors fetch lines in pairs
pub(super) struct Front(AtomicUsize);

/// One thread inside a region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    pub(super) number: usize,
    pub(super) members: usize,
    pub(super) barrier: &'a Barrier,
    pub(super) next: &'a AtomicUsize,
    pub(super) fronts: &'a [Front],
}

impl Member<'_> {
    /// This member's number, below the team's.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// How many the team has.
    pub(crate) fn members(&self) -> usize {
        self.members
    }

    /// One phase: calls `task` once with every number below `tasks`, shared out among the members in any order, and
    /// returns when all are done. Every member must call it, with the same number.
    #[inline(always)]
    pub(crate) fn each(&self, tasks: usize, mut task: impl FnMut(usize)) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= tasks {
                break;
            }
            task(number);
        }
        self.meet(|| self.next.store(0, Ordering::Relaxed), || false);
    }

    /// The same where it is good to know beforehand what comes: after a task, a member takes the one [`Member::members`]
    /// further on, until there is none; then it helps the others with theirs. Who has to wait has something to do
    /// [`meanwhile`](Self::meet).
    #[inline(always)]
    pub(crate) fn each_in_turn(
        &self,
        tasks: usize,
        mut task: impl FnMut(usize),
        meanwhile: impl FnMut() -> bool,
    ) {
        let owners = (self.number..self.members).chain(0..self.number);
        'all: for owner in owners {
            loop {
                // All are taken: spares a look at the others' fronts, each of which lies in another core's cache.
                if self.next.load(Ordering::Relaxed) >= tasks {
                    break 'all;
                }
                let number = owner + self.fronts[owner].0.fetch_add(1, Ordering::Relaxed) * self.members;
                if number >= tasks {
                    break;
                }
                self.next.fetch_add(1, Ordering::Relaxed);
                task(number);
            }
        }
        let last = || {
            self.next.store(0, Ordering::Relaxed);
            self.fronts.iter().for_each(|front| front.0.store(0, Ordering::Relaxed));
        };
        self.meet(last, meanwhile);
    }

    /// As [`each`](Self::each) for the numbers below `items`, so many `together`: those from a multiple of it on are one member's, in order.
    #[inline(always)]
    pub(crate) fn each_group(&self, items: usize, together: usize, mut task: impl FnMut(usize)) {
        self.each(items.div_ceil(together), |group| {
            (group * together..((group + 1) * together).min(items)).for_each(&mut task);
        });
    }

    /// Waits for all members; the last to come runs `last` before anyone goes on. Who has to wait calls `meanwhile` again
    /// and again, which says whether it had anything to do.
    #[inline(always)]
    pub(crate) fn meet(&self, last: impl FnOnce(), meanwhile: impl FnMut() -> bool) {
        if let Err(broken) = self.barrier.wait(last, meanwhile) {
            resume_unwind(Box::new(broken)); // quietly: the member that broke off has said why
        }
    }
}
