//! Threads of one model, and the buffers that they fill together.
//!
//! Work is cut into tasks whose results do not depend on who runs them, so any number of threads gives the
//! same bits.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use wkv7_core::Error;

use crate::BACKEND;

/// More threads than any machine has use for; a larger number is a slip.
const MAX_THREADS: usize = 4096;

/// The threads of a model. One thread means none but the caller's.
#[derive(Debug)]
pub(crate) struct Pool {
    rayon: Option<rayon::ThreadPool>,
    desks: Vec<Mutex<Vec<f32>>>, // [threads]: each thread's scratch memory, kept between tasks
}

impl Pool {
    /// `threads`, or one per core that this process may use.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the system gives no threads.
    pub(crate) fn new(threads: Option<usize>) -> Result<Self, Error> {
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = threads.unwrap_or_else(available).max(1);
        let unavailable = |why: String| Error::Unavailable {
            backend: BACKEND.to_owned(),
            why: format!("{threads} threads cannot be started: {why}"),
        };
        if threads > MAX_THREADS {
            return Err(unavailable(format!("at most {MAX_THREADS} are")));
        }
        let build = || {
            let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let named = builder.thread_name(|n| format!("wkv7-cpu-{n}"));
            named.build().map_err(|error| unavailable(error.to_string()))
        };
        let rayon = if threads == 1 { None } else { Some(build()?) };
        Ok(Self { rayon, desks: std::iter::repeat_with(Mutex::default).take(threads).collect() })
    }

    /// Runs `work` on a thread of the pool, so that the regions inside need not wake it each time.
    pub(crate) fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let Some(rayon) = &self.rayon else { return work() };
        // A worker of another rayon pool would take up other jobs of that pool while it waits here, perhaps
        // one that wants the lock its caller holds. A thread that is no worker only waits.
        let foreign = rayon::current_thread_index().is_some() && rayon.current_thread_index().is_none();
        if !foreign {
            return rayon.install(work);
        }
        let waited = std::thread::scope(|scope| scope.spawn(|| rayon.install(work)).join());
        waited.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// One parallel region: calls `task` once with every number below `tasks` and a scratch buffer of
    /// any content, in any order, and returns when all are done. Tasks must not open a region themselves.
    pub(crate) fn each(&self, tasks: usize, task: impl Fn(usize, &mut Vec<f32>) + Sync) {
        let next = AtomicUsize::new(0);
        let work = |desk: usize| {
            // A panic in an earlier task leaves only scratch behind, whose content does not matter.
            let mut scratch = self.desks[desk].lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= tasks {
                    return;
                }
                task(number, &mut scratch);
            }
        };
        match &self.rayon {
            Some(rayon) if tasks > 1 => rayon.install(|| {
                let workers = self.desks.len().min(tasks);
                let workers = (0..workers).into_par_iter().with_max_len(1);
                workers.for_each(|_| work(rayon::current_thread_index().unwrap_or(0)));
            }),
            _ => work(0),
        }
    }
}

/// The first `len` numbers of `scratch`, which grows where it is shorter; their content is left over from others.
pub(crate) fn desk(scratch: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
    &mut scratch[..len]
}

/// A buffer that the tasks of one region fill, each its own part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    buffer: PhantomData<&'a mut [f32]>,
}

// SAFETY: it is a `&mut [f32]`, which may be sent; parts are only taken under the promise of `part`.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above; sharing it gives nothing but parts that do not overlap.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(crate) fn new(buffer: &'a mut [f32]) -> Self {
        Self { start: buffer.as_mut_ptr(), len: buffer.len(), buffer: PhantomData }
    }

    /// The part `range` of the buffer.
    ///
    /// # Safety
    /// No two parts that live at the same time may overlap.
    #[inline(always)]
    pub(crate) unsafe fn part(&self, range: Range<usize>) -> &'a mut [f32] {
        assert!(range.start <= range.end && range.end <= self.len, "part of a shared buffer");
        // SAFETY: the range lies inside the buffer, which `new` borrowed for 'a; the caller keeps parts apart.
        unsafe { std::slice::from_raw_parts_mut(self.start.wrapping_add(range.start), range.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_of_another_pool_waits_without_taking_other_jobs() {
        let pool = Mutex::new(Pool::new(Some(2)).expect("threads"));
        let done = AtomicUsize::new(0);
        (0..200).into_par_iter().for_each(|_| {
            let pool = pool.lock().expect("no panic");
            pool.enter(|| pool.each(8, |_, _| _ = done.fetch_add(1, Ordering::Relaxed)));
        });
        assert_eq!(done.into_inner(), 200 * 8);
    }

    #[test]
    fn absurd_numbers_of_threads_are_refused() {
        let error = Pool::new(Some(usize::MAX)).expect_err("too many").to_string();
        assert!(error.contains("at most 4096"), "{error}");
    }

    #[test]
    fn every_task_runs_once_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let pool = Pool::new(Some(threads)).expect("threads");
            for tasks in [0, 1, 3, 100] {
                let mut done = vec![0.0; 2 * tasks];
                let shared = Shared::new(&mut done);
                pool.each(tasks, |task, scratch| {
                    assert_eq!(desk(scratch, 3).len(), 3);
                    // SAFETY: each task takes its own two numbers.
                    let part = unsafe { shared.part(2 * task..2 * task + 2) };
                    part[0] += task as f32;
                    part[1] += 1.0;
                });
                let want: Vec<f32> = (0..tasks).flat_map(|task| [task as f32, 1.0]).collect();
                assert_eq!(done, want);
            }
        }
    }
}
