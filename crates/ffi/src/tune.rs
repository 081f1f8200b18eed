//! Tuning: a state that is learned from pairs of texts.

use std::ffi::c_void;

use wkv7::tune::{Progress, TuneOptions};

use crate::args::{self, wkv7_text};
use crate::call::{Fault, run};
use crate::model::wkv7_model;
use crate::model_options::MOST;
use crate::sized::{self, Sized};
use crate::state::wkv7_state;
use crate::status::wkv7_status;

/// A prompt, and the answer that should follow it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_tune_pair {
    /// What is given; where it is empty, all of the answer is learned but its first token.
    pub prompt: wkv7_text,
    /// What is learned.
    pub answer: wkv7_text,
}

/// How to tune. Zero is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_tune_options {
    /// sizeof(wkv7_tune_options); wkv7_tune_options_init() sets it.
    pub struct_size: usize,
    /// Times that every pair is learned from; 0 means 4.
    pub rounds: u64,
    /// Steps, in place of rounds; 0 means as many as the rounds take.
    pub steps: u64,
    /// Pairs of a step at most; 0 means 16.
    pub batch: usize,
    /// The learning rate after warming up; 0 means 1.
    pub first_rate: f64,
    /// The learning rate at the end, reached along half a cosine; 0 means 0.01.
    pub last_rate: f64,
    /// Steps over which the rate rises, at most half of all; 0 means 10.
    pub warmup_steps: u64,
    /// Of the order of the pairs.
    pub seed: u64,
    /// Tokens of a pair that are fed at most, prompt and answer together; what is longer is cut, and left out where nothing
    /// of the answer remains. 0 means 512.
    pub context: usize,
    /// Threads; 0 means one per core.
    pub threads: usize,
    /// Not 0: feed token 0 first, as between the documents of pretraining.
    pub lead: u32,
    /// Not 0: do not learn that token 0 ends an answer.
    pub no_end: u32,
}

// SAFETY: `repr(C)`, begins with its size; numbers only.
unsafe impl Sized for wkv7_tune_options {
    const NAME: &'static str = "wkv7_tune_options";
    const FIRST: usize = std::mem::offset_of!(Self, lead);
}

/// A step that was done. More fields may follow in later versions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_tune_progress {
    /// Bytes of the struct that the library fills.
    pub struct_size: usize,
    /// Steps done, this one included.
    pub done: u64,
    /// Steps in all.
    pub steps: u64,
    /// Mean cross-entropy of the step's answers before the step, in nats a token.
    pub loss: f64,
    /// The part of their tokens that was the most likely one.
    pub accuracy: f64,
    /// The learning rate.
    pub rate: f64,
    /// Euclidean norm of the gradients before clipping.
    pub norm: f64,
    /// Tokens fed since the beginning.
    pub tokens: u64,
    /// Not 0: the step changed nothing, because its loss or norm is not finite.
    pub skipped: u32,
}

impl From<&Progress> for wkv7_tune_progress {
    fn from(step: &Progress) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            done: step.done,
            steps: step.steps,
            loss: step.score.mean(),
            accuracy: step.score.correct as f64 / step.score.counted.max(1) as f64,
            rate: step.rate,
            norm: step.norm,
            tokens: step.tokens,
            skipped: step.skipped.into(),
        }
    }
}

/// Told of a step, which is gone after the call; a result that is not 0 ends the tuning, which keeps what it has learned.
/// Called from the thread that tunes.
pub type wkv7_tune_callback =
    Option<extern "C" fn(user: *mut c_void, progress: *const wkv7_tune_progress) -> i32>;

/// Sets every option to its default. `struct_size` is sizeof(wkv7_tune_options).
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_tune_options_init(options: *mut wkv7_tune_options, struct_size: usize) -> wkv7_status {
    run(|| c!(zero(options, struct_size)))
}

/// The façade's options.
fn read(options: *const wkv7_tune_options) -> Result<TuneOptions, Fault> {
    let mut read = TuneOptions::default();
    // SAFETY: the header's contract for structs.
    let Some(given) = (unsafe { sized::read(options) })? else { return Ok(read) };
    if given.threads > MOST {
        return Err(Fault::argument("threads", format!("{} is more than {MOST}", given.threads)));
    }
    let TuneOptions { tuning, reading, .. } = &mut read;
    set(&mut tuning.rounds, given.rounds);
    tuning.steps = (given.steps != 0).then_some(given.steps);
    set(&mut tuning.batch, given.batch);
    set(&mut tuning.first_rate, given.first_rate);
    set(&mut tuning.last_rate, given.last_rate);
    set(&mut tuning.warmup_steps, given.warmup_steps);
    tuning.seed = given.seed;
    tuning.numerics.threads = (given.threads != 0).then_some(given.threads);
    set(&mut reading.context, given.context);
    reading.lead = given.lead != 0;
    reading.end = given.no_end == 0;
    Ok(read)
}

/// Puts a number in the place of a default, unless it is zero.
fn set<T: Default + PartialEq>(place: &mut T, given: T) {
    if given != T::default() {
        *place = given;
    }
}

/// Learns the state from which the model answers the prompts of `count` pairs as they do: for wkv7_session_set_state() and,
/// written by wkv7_state_save_tuned(), for later. It begins with the model's initial state. The weights stay as they are
/// and may be of any type; it works on the CPU, whatever the model's backend, and beside its sessions. `options` and
/// `callback` may be NULL.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_model_tune_state(
    model: *const wkv7_model,
    pairs: *const wkv7_tune_pair,
    count: usize,
    options: *const wkv7_tune_options,
    callback: wkv7_tune_callback,
    user: *mut c_void,
    state: *mut *mut wkv7_state,
) -> wkv7_status {
    run(|| {
        args::place(state, "state")?;
        let model = c!(shared(model, "model"))?;
        let texts = |pair: &wkv7_tune_pair| {
            Ok((c!(field(pair.prompt, "prompt"))?, c!(field(pair.answer, "answer"))?))
        };
        let pairs = c!(slice(pairs, count, "pairs"))?.iter().map(texts).collect::<Result<Vec<_>, Fault>>()?;
        let tuned = model.0.tune_state(&pairs, &read(options)?, |step| {
            let step = wkv7_tune_progress::from(step);
            callback.is_none_or(|callback| callback(user, &raw const step) == 0)
        })?;
        c!(give(state, "state", wkv7_state::untouched(model, tuned.to_state())))
    })
}
