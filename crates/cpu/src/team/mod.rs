//! The threads of one model: a team whose members run one function together and meet at barriers inside it.
//!
//! A forward is one region: the members are woken once, walk through all layers side by side, and share out each
//! phase's tasks by counters. Results do not depend on who does a task, so any number of threads gives the same bits.
//!
//! | file | what |
//! |---|---|
//! | `mod` | the team: threads that sleep between regions |
//! | `member` | what one of them can do inside a region |
//! | `barrier` | where members meet |
//! | `shared` | buffers that they fill together |
//! | `sync` | the atomics, exchangeable for loom's |

mod barrier;
mod member;
mod shared;
mod sync;

pub(crate) use member::Member;
pub(crate) use shared::Shared;

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use barrier::Barrier;
use member::Front;
use sync::{AtomicBool, AtomicUsize, Ordering, pause};
use wkv7_core::Error;

use crate::BACKEND;

/// More threads than any machine has use for; a larger number is a slip.
const MAX_THREADS: usize = 4096;

/// What the members run: called with the member's number.
type Job<'a> = dyn Fn(usize) + Sync + 'a;

/// The threads of a model: the caller's and as many more as make up the number asked for.
#[derive(Debug)]
pub(crate) struct Team {
    hall: Arc<Hall>,
    threads: Vec<JoinHandle<()>>,
    barrier: Barrier,
    next: AtomicUsize, // the next task of the phase at work, or how many are taken where each member has its own
    fronts: Box<[Front]>, // of each member
}

/// Where threads wait for a region.
struct Hall {
    region: AtomicUsize, // number of the region begun last
    job: UnsafeCell<Option<&'static Job<'static>>>,
    busy: AtomicUsize, // threads that have not left the region yet
    closed: AtomicBool,
    asleep: Mutex<()>,
    wake: Condvar,
}

// SAFETY: `job` is written only by `Team::run` while no thread is in a region, and read by threads only after they have
// seen `region` change, which orders the write before the read.
unsafe impl Sync for Hall {}

impl std::fmt::Debug for Hall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hall").field("region", &self.region).field("busy", &self.busy).finish_non_exhaustive()
    }
}

impl Team {
    /// `threads`, or one per core that this process may use.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the system gives no threads.
    pub(crate) fn new(threads: Option<usize>) -> Result<Self, Error> {
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let members = threads.unwrap_or_else(available).max(1);
        let unavailable = |why: String| Error::Unavailable {
            backend: BACKEND.to_owned(),
            why: format!("{members} threads cannot be started: {why}"),
        };
        if members > MAX_THREADS {
            return Err(unavailable(format!("at most {MAX_THREADS} are")));
        }
        let hall = Arc::new(Hall {
            region: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            busy: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            asleep: Mutex::new(()),
            wake: Condvar::new(),
        });
        // Dropped half-way, a team ends the threads that it has.
        let mut team = Self {
            hall,
            threads: Vec::new(),
            barrier: Barrier::new(members),
            next: AtomicUsize::new(0),
            fronts: (0..members).map(|_| Front::default()).collect(),
        };
        for number in 1..members {
            let hall = Arc::clone(&team.hall);
            let thread = std::thread::Builder::new().name(format!("wkv7-cpu-{number}"));
            let thread = thread.spawn(move || hall.serve(number));
            team.threads.push(thread.map_err(|error| unavailable(error.to_string()))?);
        }
        Ok(team)
    }

    /// How many threads work together.
    pub(crate) fn members(&self) -> usize {
        self.threads.len() + 1
    }

    /// One region: every member runs `work`, and this returns when all are done.
    ///
    /// # Panics
    /// Where `work` panics on any member; the team can be used again afterwards.
    pub(crate) fn run<'a>(&'a mut self, work: impl Fn(&Member<'_>) + Sync + 'a) {
        let (barrier, next, fronts, members) = (&self.barrier, &self.next, &*self.fronts, self.members());
        let panicked = Mutex::new(None);
        let job = |number: usize| {
            let member = Member { number, members, barrier, next, fronts };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(&member))) {
                barrier.break_off();
                let mut first = panicked.lock().unwrap_or_else(PoisonError::into_inner);
                // A member that only found the barrier broken has nothing to tell.
                if first.is_none() || !panic.is::<barrier::Broken>() {
                    *first = Some(panic);
                }
            }
        };
        self.hall.hold(&job, self.threads.len());
        let panicked = panicked.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(panic) = panicked {
            self.barrier.mend();
            self.next = AtomicUsize::new(0);
            self.fronts.fill_with(Front::default);
            resume_unwind(panic);
        }
    }
}

impl Hall {
    /// Runs `job` on `threads` waiting threads and on this one.
    fn hold(&self, job: &Job<'_>, threads: usize) {
        if threads == 0 {
            return job(0);
        }
        // SAFETY: the job outlives the region, for this function returns only after all threads have left it.
        let job: &'static Job<'static> =
            unsafe { std::mem::transmute::<&Job<'_>, &'static Job<'static>>(job) };
        // SAFETY: no thread is in a region: the previous one ended with `busy` at zero.
        unsafe { *self.job.get() = Some(job) };
        self.busy.store(threads, Ordering::Relaxed);
        self.region.fetch_add(1, Ordering::Release);
        // A thread that is about to sleep holds the lock from its last look at `region` until it sleeps.
        drop(self.asleep.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_all();
        job(0);
        let mut turn = 0;
        while self.busy.load(Ordering::Acquire) != 0 {
            pause(turn);
            turn = turn.saturating_add(1);
        }
    }

    /// A thread's life.
    fn serve(&self, number: usize) {
        let mut seen = 0;
        loop {
            self.wait(seen);
            if self.closed.load(Ordering::Relaxed) {
                return;
            }
            seen = self.region.load(Ordering::Acquire);
            // SAFETY: `region` has changed, so the job of this region is written, and it stays until `busy` is zero.
            if let Some(job) = unsafe { *self.job.get() } {
                job(number);
            }
            self.busy.fetch_sub(1, Ordering::Release);
        }
    }

    /// Returns when a region later than `seen` has begun: soon where it follows closely, else after sleeping.
    fn wait(&self, seen: usize) {
        /// Turns before a thread goes to sleep: some 50 microseconds, the time between two tokens of a generation.
        const SPINS: u32 = 1 << 13;
        for _ in 0..SPINS {
            if self.region.load(Ordering::Acquire) != seen {
                return;
            }
            std::hint::spin_loop();
        }
        let mut lock = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        while self.region.load(Ordering::Acquire) == seen {
            lock = self.wake.wait(lock).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.hall.closed.store(true, Ordering::Relaxed);
        self.hall.region.fetch_add(1, Ordering::Release);
        drop(self.hall.asleep.lock().unwrap_or_else(PoisonError::into_inner));
        self.hall.wake.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // jobs do not panic through: `run` has caught it
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_task_of_every_phase_runs_once_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let mut team = Team::new(Some(threads)).expect("threads");
            assert_eq!(team.members(), threads);
            for tasks in [0, 1, 3, 100] {
                let mut done = vec![0.0; 2 * tasks];
                let shared = Shared::new(&mut done);
                team.run(|member| {
                    for _ in 0..3 {
                        let work = |task: usize| {
                            // SAFETY: each task takes its own two numbers.
                            let part = unsafe { shared.part(2 * task..2 * task + 2) };
                            part[0] += task as f32;
                            part[1] += 1.0;
                        };
                        member.each(tasks, work);
                        member.each_in_turn(tasks, work, || false);
                    }
                });
                let want: Vec<f32> = (0..tasks).flat_map(|task| [6.0 * task as f32, 6.0]).collect();
                assert_eq!(done, want);
            }
        }
    }

    #[test]
    fn members_take_their_own_tasks_in_turn_and_then_those_of_others() {
        const TASKS: usize = 20;
        let mut team = Team::new(Some(3)).expect("threads");
        let count = AtomicUsize::new(0);
        let [turns, takers] = [(); 2].map(|()| [const { AtomicUsize::new(usize::MAX) }; TASKS]);
        team.run(|member| {
            let work = |task: usize| {
                turns[task].store(count.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
                takers[task].store(member.number(), Ordering::Relaxed);
                // Whoever takes task 2 waits until all others are taken: its own later ones by members that help.
                while task == 2 && count.load(Ordering::Relaxed) < TASKS {
                    std::thread::yield_now();
                }
            };
            member.each_in_turn(TASKS, work, || false);
        });
        let [turns, takers] = [turns, takers].map(|all| all.map(AtomicUsize::into_inner));
        for member in 0..3 {
            let own = (member..TASKS).step_by(3).filter(|task| takers[*task] == member);
            assert!(own.map(|task| turns[task]).is_sorted(), "{member}: {turns:?} {takers:?}");
        }
        let mut all = turns;
        all.sort_unstable();
        assert!(all.into_iter().eq(0..TASKS), "{turns:?}");
    }

    #[test]
    fn members_see_what_others_wrote_in_the_phase_before() {
        let mut team = Team::new(Some(3)).expect("threads");
        let mut numbers = vec![1.0; 64];
        let shared = Shared::new(&mut numbers);
        team.run(|member| {
            for _ in 0..100 {
                // SAFETY: nobody writes in this half of a round.
                let sum: f32 = unsafe { shared.view(0..64) }.iter().sum();
                member.meet(|| (), || false);
                // SAFETY: each task takes its own number.
                member.each(64, |task| unsafe { shared.part(task..task + 1) }[0] = sum / 64.0);
            }
        });
        assert_eq!(numbers, vec![1.0; 64]);
    }

    #[test]
    fn a_panic_comes_out_and_the_team_lives_on() {
        let mut team = Team::new(Some(3)).expect("threads");
        for culprit in [0, 2] {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                team.run(|member| {
                    assert!(member.number() != culprit, "on purpose");
                    member.meet(|| (), || false);
                });
            }));
            let panic = panicked.expect_err("a panic");
            assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
            let count = AtomicUsize::new(0);
            team.run(|member| member.each(10, |_| _ = count.fetch_add(1, Ordering::Relaxed)));
            assert_eq!(count.into_inner(), 10);
        }
    }

    #[test]
    fn absurd_numbers_of_threads_are_refused() {
        let error = Team::new(Some(usize::MAX)).expect_err("too many").to_string();
        assert!(error.contains("at most 4096"), "{error}");
    }

    #[test]
    fn threads_that_fell_asleep_wake_up() {
        let mut team = Team::new(Some(2)).expect("threads");
        for _ in 0..3 {
            std::thread::sleep(std::time::Duration::from_millis(5));
            let count = AtomicUsize::new(0);
            team.run(|_| _ = count.fetch_add(1, Ordering::Relaxed));
            assert_eq!(count.into_inner(), 2);
        }
    }
}
