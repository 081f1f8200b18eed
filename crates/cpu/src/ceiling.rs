//! What this machine can do at best: bytes read from memory and multiply-adds, on a number of threads.
//!
//! A speed says little; a share of what the machine can do says how much is left. So the loops here are the
//! least that an engine has to do: reading a buffer that no cache holds, and multiplying and adding in registers.
//!
//! Each loop exists for several instruction sets. All that this machine has are run, and the fastest counts, since
//! wider vectors are not faster everywhere. A figure is the best of [`TRIES`] medians of [`PASSES`] passes each: no
//! lucky moment decides it, and a neighbour on the machine has to stay for long to do so.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use wkv7_core::Error;

use crate::BACKEND;

/// What so many threads of this machine can do at best. A multiply-add counts as two operations throughout.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Ceiling {
    /// Threads that worked at the same time.
    pub threads: usize,
    /// Bytes read from memory in a second, each thread from a part of its own.
    pub read_bytes_per_second: f64,
    /// f32 operations in a second.
    pub fma_flops: f64,
    /// Operations in a second on 8-bit integers with sums of 32 bits, in vectors; `None` where no instruction does that.
    /// Instructions that multiply whole tiles are not counted, and may pass it.
    pub int8_ops: Option<f64>,
    /// Operations in a second on 16-bit integers with sums of 32 bits.
    pub int16_ops: Option<f64>,
    /// Operations in a second on bfloat16 with sums in f32.
    pub bf16_flops: Option<f64>,
}

/// Bytes of all buffers that are read, together: many times the last cache of most machines.
const BUFFER: usize = 512 << 20;
/// Bytes read between two looks at the clock.
const PIECE: usize = 1 << 20;
/// Rounds of arithmetic between two looks at the clock: some microseconds.
const ROUNDS: u32 = 4096;
/// Passes of a try, whose median counts.
const PASSES: usize = 5;
/// Tries of each loop, of which the best counts.
const TRIES: usize = 3;

impl Ceiling {
    /// Measures `threads` threads at once for about `budget` altogether, and the time it takes to fill half a
    /// gigabyte of memory.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the system gives no threads or no memory.
    pub fn measure(threads: usize, budget: Duration) -> Result<Self, Error> {
        Self::measure_on(threads, budget, BUFFER)
    }

    fn measure_on(threads: usize, budget: Duration, buffer: usize) -> Result<Self, Error> {
        let threads = threads.max(1);
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = builder.thread_name(|n| format!("wkv7-ceiling-{n}")).build();
        let team = Team { pool: pool.map_err(|error| unavailable(&error.to_string()))?, threads };
        let kernels = Kernels::of_this_machine();
        let share = budget / u32::try_from(kernels.count()).unwrap_or(u32::MAX);
        Ok(Self {
            threads,
            read_bytes_per_second: team.read(&kernels.read, share, buffer)?,
            fma_flops: team.best(&kernels.fma, share).unwrap_or(0.0),
            int8_ops: team.best(&kernels.int8, share),
            int16_ops: team.best(&kernels.int16, share),
            bf16_flops: team.best(&kernels.bf16, share),
        })
    }
}

fn unavailable(why: &str) -> Error {
    Error::Unavailable { backend: BACKEND.to_owned(), why: format!("cannot measure the machine: {why}") }
}

/// Reads all words and returns something that depends on each. `unsafe` for the instructions it may take.
type Read = unsafe fn(&[u64]) -> u64;

/// A loop that stays in registers.
struct Loop {
    /// Runs so many rounds. `unsafe` for the instructions it may take.
    run: unsafe fn(u32),
    /// Operations of one round.
    operations: usize,
}

/// The loops that this machine has the instructions for, which is what makes calling them sound.
#[derive(Default)]
struct Kernels {
    read: Vec<Read>,
    fma: Vec<Loop>,
    int8: Vec<Loop>,
    int16: Vec<Loop>,
    bf16: Vec<Loop>,
}

impl Kernels {
    fn of_this_machine() -> Self {
        let fma = Loop { run: multiply_add, operations: 2 * SUMS };
        let mut kernels = Self { read: vec![read], fma: vec![fma], ..Self::default() };
        add_special(&mut kernels);
        kernels
    }

    fn count(&self) -> usize {
        self.read.len() + self.fma.len() + self.int8.len() + self.int16.len() + self.bf16.len()
    }
}

/// Threads that work at the same time.
struct Team {
    pool: ThreadPool,
    threads: usize,
}

impl Team {
    /// The speed of the fastest of `loops`, in operations per second; `None` where there are none.
    fn best(&self, loops: &[Loop], time: Duration) -> Option<f64> {
        let tries = loops.iter().cycle().take(TRIES * loops.len());
        let speeds = tries.map(|Loop { run, operations }| {
            let work = |_| {
                // SAFETY: `Kernels` lists only loops whose instructions this machine has.
                unsafe { run(ROUNDS) };
                *operations as f64 * f64::from(ROUNDS)
            };
            self.speed(time, &work)
        });
        speeds.max_by(f64::total_cmp)
    }

    /// The speed of the fastest of `reads`, in bytes per second, over `buffer` bytes in parts of one per thread.
    fn read(&self, reads: &[Read], time: Duration, buffer: usize) -> Result<f64, Error> {
        let words = (buffer / self.threads).max(PIECE) / 8;
        // Each thread fills its own part: where memory has several homes, it is then near.
        let parts = self.pool.broadcast(|_| part(words)).into_iter().collect::<Result<Vec<_>, _>>()?;
        // Each try goes on where the last one ended, and so never meets what that left in the caches.
        let turns: Vec<AtomicUsize> = parts.iter().map(|_| AtomicUsize::new(0)).collect();
        let speeds = reads.iter().cycle().take(TRIES * reads.len()).map(|read| {
            let work = |thread: usize| {
                let mut pieces = parts[thread].chunks_exact(PIECE / 8);
                let turn = turns[thread].fetch_add(1, Ordering::Relaxed);
                let piece = pieces.nth(turn % pieces.len()).unwrap_or_default();
                // SAFETY: `Kernels` lists only loops whose instructions this machine has.
                black_box(unsafe { read(black_box(piece)) });
                size_of_val(piece) as f64
            };
            self.speed(time, &work)
        });
        Ok(speeds.max_by(f64::total_cmp).unwrap_or(0.0))
    }

    /// The median speed of passes in which every thread calls `work` again and again with its own number;
    /// `work` returns how much it did.
    fn speed(&self, time: Duration, work: &(dyn Fn(usize) -> f64 + Sync)) -> f64 {
        let (barrier, time) = (Barrier::new(self.threads), time / (TRIES * PASSES) as u32);
        let speeds: Vec<[f64; PASSES]> = self.pool.broadcast(|thread| {
            std::array::from_fn(|_| {
                barrier.wait();
                let (start, mut done) = (Instant::now(), 0.0);
                loop {
                    done += work(thread.index());
                    let took = start.elapsed();
                    if took >= time {
                        return done / took.as_secs_f64().max(1e-9);
                    }
                }
            })
        });
        let mut passes: [f64; PASSES] =
            std::array::from_fn(|pass| speeds.iter().map(|speeds| speeds[pass]).sum());
        passes.sort_by(f64::total_cmp);
        passes[PASSES / 2]
    }
}

/// Memory that is really there: written, with no two pages alike.
fn part(words: usize) -> Result<Vec<u64>, Error> {
    let mut part = Vec::new();
    part.try_reserve_exact(words).map_err(|error| unavailable(&error.to_string()))?;
    part.extend(0..words as u64);
    Ok(part)
}

/// Sums that the portable loop of multiply-adds keeps: vectors of four in most of the registers there are.
const SUMS: usize = if cfg!(target_arch = "aarch64") { 96 } else { 48 };
/// Whether the compile target multiplies and adds in one instruction; elsewhere that is a slow library call.
const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
/// Keeps sums near 1, neither growing nor fading into subnormal numbers: x = FACTOR x + ADDEND.
const FACTOR: f32 = 0.999;
const ADDEND: f32 = 0.001;

fn read(words: &[u64]) -> u64 {
    let mut sums = [0_u64; 16];
    for words in words.as_chunks::<16>().0 {
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum ^= word;
        }
    }
    sums.iter().fold(0, |all, sum| all ^ sum)
}

fn multiply_add(rounds: u32) {
    let (factor, addend) = (black_box(FACTOR), black_box(ADDEND));
    let mut sums = black_box([1.0_f32; SUMS]);
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = if FUSED { sum.mul_add(factor, addend) } else { *sum * factor + addend };
        }
    }
    black_box(sums);
}

#[cfg(not(target_arch = "x86_64"))]
fn add_special(_: &mut Kernels) {}

#[cfg(target_arch = "x86_64")]
use x86::add_special;

/// The loops in the instructions that x86-64 processors have or lack.
///
/// Operands come out of [`black_box`], or the compiler would compute with what it knows of them, and every result
/// hangs on the one before, or it would move the instruction out of the loop. Twelve or more chains hide how long
/// one takes.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    use super::{ADDEND, FACTOR, Kernels, Loop};

    /// Chains of 256-bit vectors: with operands and what is on the way, sixteen registers.
    const CHAINS: usize = 12;
    /// Chains of 512-bit vectors, of which there are thirty-two.
    const WIDE_CHAINS: usize = 20;

    pub(super) fn add_special(kernels: &mut Kernels) {
        if is_x86_feature_detected!("avx2") {
            kernels.read.push(read_avx2);
            // Multiply-adds of one vector, each two operations.
            kernels.int8.push(Loop { run: int8_avx2, operations: 2 * 32 * CHAINS });
            kernels.int16.push(Loop { run: int16_avx2, operations: 2 * 16 * CHAINS });
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            kernels.fma.push(Loop { run: fma_avx2, operations: 2 * 8 * CHAINS });
        }
        if is_x86_feature_detected!("avxvnni") {
            kernels.int8.push(Loop { run: int8_avx_vnni, operations: 2 * 32 * CHAINS });
        }
        if is_x86_feature_detected!("avx512f") {
            kernels.read.push(read_avx512);
            kernels.fma.push(Loop { run: fma_avx512, operations: 2 * 16 * WIDE_CHAINS });
        }
        if is_x86_feature_detected!("avx512bw") {
            kernels.int16.push(Loop { run: int16_avx512, operations: 2 * 32 * WIDE_CHAINS });
        }
        if is_x86_feature_detected!("avx512vnni") {
            kernels.int8.push(Loop { run: int8_vnni, operations: 2 * 64 * WIDE_CHAINS });
        }
        if is_x86_feature_detected!("avx512bf16") {
            kernels.bf16.push(Loop { run: bf16_avx512, operations: 2 * 32 * WIDE_CHAINS });
        }
    }

    #[target_feature(enable = "avx2")]
    fn read_avx2(words: &[u64]) -> u64 {
        let mut sums = [_mm256_setzero_si256(); 8];
        for words in words.as_chunks::<32>().0 {
            for (sum, words) in sums.iter_mut().zip(words.as_chunks::<4>().0) {
                // SAFETY: four words, read without regard to alignment.
                let words = unsafe { _mm256_loadu_si256(words.as_ptr().cast()) };
                *sum = _mm256_xor_si256(*sum, words);
            }
        }
        let all = sums.into_iter().fold(_mm256_setzero_si256(), |all, sum| _mm256_xor_si256(all, sum));
        let [low, high] = [_mm256_castsi256_si128(all), _mm256_extracti128_si256::<1>(all)];
        let all = _mm_xor_si128(low, high);
        (_mm_cvtsi128_si64(all) ^ _mm_extract_epi64::<1>(all)).cast_unsigned()
    }

    #[target_feature(enable = "avx512f")]
    fn read_avx512(words: &[u64]) -> u64 {
        let mut sums = [_mm512_setzero_si512(); 8];
        for words in words.as_chunks::<64>().0 {
            for (sum, words) in sums.iter_mut().zip(words.as_chunks::<8>().0) {
                // SAFETY: eight words, read without regard to alignment.
                let words = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
                *sum = _mm512_xor_si512(*sum, words);
            }
        }
        let all = sums.into_iter().fold(_mm512_setzero_si512(), |all, sum| _mm512_xor_si512(all, sum));
        _mm512_reduce_add_epi64(all).cast_unsigned()
    }

    /// A loop over chains that each begin with the same vector and go on as told, with the same operands.
    macro_rules! chains {
        ($(
            #[$features:meta]
            $name:ident: [$start:expr; $chains:expr], with($($operand:ident = $value:expr),*), $sum:ident => $next:expr;
        )*) => {$(
            #[$features]
            fn $name(rounds: u32) {
                $(let $operand = black_box($value);)*
                let mut sums = black_box([$start; $chains]);
                for _ in 0..rounds {
                    for sum in &mut sums {
                        let $sum = *sum;
                        *sum = $next;
                    }
                }
                black_box(sums);
            }
        )*};
    }

    chains! {
        #[target_feature(enable = "avx2,fma")]
        fma_avx2: [_mm256_set1_ps(1.0); CHAINS],
            with(factor = _mm256_set1_ps(FACTOR), addend = _mm256_set1_ps(ADDEND)),
            sum => _mm256_fmadd_ps(sum, factor, addend);

        #[target_feature(enable = "avx512f")]
        fma_avx512: [_mm512_set1_ps(1.0); WIDE_CHAINS],
            with(factor = _mm512_set1_ps(FACTOR), addend = _mm512_set1_ps(ADDEND)),
            sum => _mm512_fmadd_ps(sum, factor, addend);

        #[target_feature(enable = "avx2")]
        int8_avx2: [_mm256_set1_epi8(1); CHAINS],
            with(factor = _mm256_set1_epi8(1), one = _mm256_set1_epi16(1)),
            sum => _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(sum, factor), one));

        #[target_feature(enable = "avx2")]
        int16_avx2: [_mm256_set1_epi16(1); CHAINS],
            with(factor = _mm256_set1_epi16(1)),
            sum => _mm256_add_epi32(sum, _mm256_madd_epi16(sum, factor));

        #[target_feature(enable = "avx512f,avx512bw")]
        int16_avx512: [_mm512_set1_epi16(1); WIDE_CHAINS],
            with(factor = _mm512_set1_epi16(1)),
            sum => _mm512_add_epi32(sum, _mm512_madd_epi16(sum, factor));

        #[target_feature(enable = "avx2,avxvnni")]
        int8_avx_vnni: [_mm256_set1_epi32(1); CHAINS],
            with(a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(1)),
            sum => _mm256_dpbusd_avx_epi32(sum, a, b);

        #[target_feature(enable = "avx512f,avx512vnni")]
        int8_vnni: [_mm512_set1_epi32(1); WIDE_CHAINS],
            with(a = _mm512_set1_epi32(1), b = _mm512_set1_epi32(1)),
            sum => _mm512_dpbusd_epi32(sum, a, b);

        #[target_feature(enable = "avx512f,avx512bf16")]
        bf16_avx512: [_mm512_set1_ps(1.0); WIDE_CHAINS],
            with(a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1.0), _mm512_set1_ps(1.0)),
                 b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1.0), _mm512_set1_ps(1.0))),
            sum => _mm512_dpbf16_ps(sum, a, b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_a_speed() {
        for threads in [0, 1, 3] {
            let ceiling =
                Ceiling::measure_on(threads, Duration::from_millis(20), 8 << 20).expect("threads and memory");
            assert_eq!(ceiling.threads, threads.max(1));
            let always = [Some(ceiling.read_bytes_per_second), Some(ceiling.fma_flops)];
            let sometimes = [ceiling.int8_ops, ceiling.int16_ops, ceiling.bf16_flops];
            for speed in always.into_iter().chain(sometimes).flatten() {
                assert!(speed.is_finite() && speed > 0.0, "{ceiling:?}");
            }
        }
    }

    #[test]
    fn every_word_is_read() {
        let mut words = vec![0; 1024];
        for kernel in Kernels::of_this_machine().read {
            for at in [0, 1, 511, 1023] {
                words[at] = u64::MAX;
                // SAFETY: `Kernels` lists only loops whose instructions this machine has.
                let seen = unsafe { kernel(&words) };
                words[at] = 0;
                assert_ne!(seen, 0, "word {at}");
            }
        }
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        assert!(part(usize::MAX / 16).is_err());
    }
}
