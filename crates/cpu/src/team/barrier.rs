//! A barrier that spins: the members of a team meet here some sixty times a token, so that the kernel's own would cost
//! more than the work between two meetings.

use super::sync::{AtomicBool, AtomicUsize, Ordering, pause};

/// Where `members` threads wait for each other, again and again.
#[derive(Debug)]
pub(crate) struct Barrier {
    members: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
}

/// A member will never arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken;

impl Barrier {
    pub(crate) fn new(members: usize) -> Self {
        Self {
            members,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// Waits until all members have come. The last to come runs `last` before anyone leaves; what members wrote before they
    /// came, all see after they leave. `meanwhile` is called again and again while others have not come, and says whether it
    /// had anything to do.
    ///
    /// # Errors
    /// [`Broken`] where a member has broken off.
    #[inline]
    pub(crate) fn wait(
        &self,
        last: impl FnOnce(),
        mut meanwhile: impl FnMut() -> bool,
    ) -> Result<(), Broken> {
        // Stable until this member arrives: nobody leaves a round without it.
        let round = self.round.load(Ordering::Relaxed);
        // Release: what this member wrote; acquire: what the others wrote, for the last and whoever follows it.
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.members {
            last();
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
            return Ok(());
        }
        let mut turn = 0;
        while self.round.load(Ordering::Acquire) == round {
            if self.broken.load(Ordering::Relaxed) {
                return Err(Broken);
            }
            if !meanwhile() {
                pause(turn);
                turn = turn.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Says that this member will not come any more.
    pub(crate) fn break_off(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// Ready for use again, after [`Barrier::break_off`] and when no member waits.
    pub(crate) fn mend(&mut self) {
        *self = Self::new(self.members);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn nobody_leaves_before_all_have_come() {
        for members in [1, 2, 3, 5] {
            let barrier = Barrier::new(members);
            let (come, lasts) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let member = || {
                for round in 1..=500 {
                    come.fetch_add(1, Ordering::Relaxed);
                    let mut turns = 0; // something to do at first, then nothing
                    let meanwhile = || {
                        turns += 1;
                        turns < 3
                    };
                    let last = || _ = lasts.fetch_add(1, Ordering::Relaxed);
                    barrier.wait(last, meanwhile).expect("all come");
                    assert!(come.load(Ordering::Relaxed) >= round * members);
                    barrier.wait(|| (), || false).expect("all come");
                }
            };
            std::thread::scope(|scope| {
                // Joined one by one: the end of a scope is nothing that ThreadSanitizer sees.
                let threads: Vec<_> = (0..members).map(|_| scope.spawn(member)).collect();
                threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
            });
            assert_eq!((come.into_inner(), lasts.into_inner()), (500 * members, 500));
        }
    }

    #[test]
    fn a_member_that_breaks_off_frees_the_others() {
        let mut barrier = Barrier::new(2);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| barrier.wait(|| (), || false));
            barrier.break_off();
            assert_eq!(waiting.join().expect("no panic"), Err(Broken));
        });
        barrier.mend();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| barrier.wait(|| (), || false));
            assert_eq!((barrier.wait(|| (), || false), waiting.join().expect("no panic")), (Ok(()), Ok(())));
        });
    }
}

/// Every interleaving of few threads and few rounds.
#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::cell::UnsafeCell;
    use std::sync::Arc;

    /// Each member writes its own cell, waits, and reads the others': loom reports any read that is not ordered after
    /// its write. The second round shows that a member cannot overtake.
    fn rounds(members: usize, rounds: usize) {
        loom::model(move || {
            let barrier = Arc::new(Barrier::new(members));
            let cells: Arc<Vec<_>> = Arc::new((0..members).map(|_| UnsafeCell::new(0)).collect());
            let member = |own: usize| {
                let (barrier, cells) = (Arc::clone(&barrier), Arc::clone(&cells));
                move || {
                    for round in 1..=rounds {
                        // SAFETY: between two barriers only its owner touches a cell.
                        cells[own].with_mut(|cell| unsafe { *cell = round });
                        barrier.wait(|| (), || false).expect("all come");
                        for cell in cells.iter() {
                            // SAFETY: between these barriers nobody writes.
                            assert_eq!(cell.with(|cell| unsafe { *cell }), round);
                        }
                        if round < rounds {
                            barrier.wait(|| (), || false).expect("all come");
                        }
                    }
                }
            };
            let others: Vec<_> = (1..members).map(|own| loom::thread::spawn(member(own))).collect();
            member(0)();
            others.into_iter().for_each(|other| other.join().expect("no panic"));
        });
    }

    #[test]
    fn loom_two_members_meet_again_and_again() {
        rounds(2, 2);
    }

    #[test]
    fn loom_three_members_meet() {
        rounds(3, 1);
    }

    #[test]
    fn loom_the_last_member_s_work_is_seen_by_all() {
        loom::model(|| {
            let barrier = Arc::new(Barrier::new(2));
            let cell = Arc::new(UnsafeCell::new(0));
            let member = || {
                let (barrier, cell) = (Arc::clone(&barrier), Arc::clone(&cell));
                move || {
                    // SAFETY: only the last member runs this, before anyone leaves.
                    barrier.wait(|| cell.with_mut(|cell| unsafe { *cell = 7 }), || false).expect("all come");
                    // SAFETY: nobody writes any more.
                    assert_eq!(cell.with(|cell| unsafe { *cell }), 7);
                }
            };
            let other = loom::thread::spawn(member());
            member()();
            other.join().expect("no panic");
        });
    }
}
