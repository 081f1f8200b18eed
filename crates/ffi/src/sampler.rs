//! Sampling, on its own over any logits.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use wkv7::{Sampler, SamplerOptions};

use crate::args;
use crate::call::{Fault, run};
use crate::model::wkv7_model;
use crate::sized::{self, Sized};
use crate::status::{wkv7_status, wkv7_status as Status};
use crate::tokenizer::wkv7_tokenizer;

/// Chooses tokens; remembers those that it accepted, for the penalties. For one thread at a time.
pub struct wkv7_sampler(pub(crate) Shared);

/// A sampler that a generation may share with its handle.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Sampler>>);

impl Shared {
    /// The sampler for one caller.
    pub fn lock(&self) -> Result<MutexGuard<'_, Sampler>, Fault> {
        locked(&self.0, "sampler")
    }
}

impl From<Sampler> for Shared {
    fn from(sampler: Sampler) -> Self {
        Self(Arc::new(Mutex::new(sampler)))
    }
}

/// The lock of a handle that is for one thread at a time: who comes second is told so.
pub(crate) fn locked<'a, T>(lock: &'a Mutex<T>, name: &str) -> Result<MutexGuard<'a, T>, Fault> {
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => {
            Fault::new(Status::WKV7_ERR_BUSY, format!("another call is using this {name}"))
        }
        TryLockError::Poisoned(_) => {
            Fault::new(Status::WKV7_ERR_PANIC, format!("this {name} was in use during a panic: free it"))
        }
    })
}

/// What is added to the logit of a token.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_bias {
    /// The token.
    pub token: u32,
    /// A finite number, or minus infinity.
    pub bias: f32,
}

/// How tokens are chosen. wkv7_sampler_options_init() sets the defaults, which are not zeros.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_sampler_options {
    /// sizeof(wkv7_sampler_options); wkv7_sampler_options_init() sets it.
    pub struct_size: usize,
    /// Above 1 flattens the distribution, below 1 sharpens it; it acts after all cuts. 0 is greedy: the most likely
    /// token, the lowest id among equals.
    pub temperature: f32,
    /// Keeps the most likely tokens that together reach this probability; 1 cuts nothing.
    pub top_p: f32,
    /// Drops tokens less likely than this part of the most likely one; 0 cuts nothing.
    pub min_p: f32,
    /// Locally typical sampling; 1 cuts nothing.
    pub typical_p: f32,
    /// Taken from the logit of every token generated before.
    pub presence: f32,
    /// Taken from a token's logit as often as it was generated before.
    pub frequency: f32,
    /// What a past occurrence is worth after each further token.
    pub penalty_decay: f32,
    /// Not 0: use `seed`. 0: take a new seed each time.
    pub seeded: u32,
    /// Makes a run repeatable.
    pub seed: u64,
    /// Keeps this many most likely tokens; 0 cuts nothing.
    pub top_k: usize,
    /// Tokens never sampled.
    pub banned: *const u32,
    /// Number of `banned`.
    pub banned_count: usize,
    /// Added to the logits of single tokens.
    pub bias: *const wkv7_bias,
    /// Number of `bias`.
    pub bias_count: usize,
}

// SAFETY: `repr(C)`, begins with its size; zeros are numbers and empty arrays.
unsafe impl Sized for wkv7_sampler_options {
    const NAME: &'static str = "wkv7_sampler_options";
    const FIRST: usize = std::mem::offset_of!(Self, seeded);
}

/// Sets every option to its default: that of `model`, or of the official pipeline where `model` is NULL. `struct_size` is
/// sizeof(wkv7_sampler_options).
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_sampler_options_init(
    options: *mut wkv7_sampler_options,
    struct_size: usize,
    model: *const wkv7_model,
) -> wkv7_status {
    run(|| {
        let defaults = match c!(shared(model, "model")) {
            Ok(model) => model.0.sampler_options(),
            Err(_) => SamplerOptions::default(),
        };
        let first = wkv7_sampler_options {
            struct_size,
            temperature: defaults.temperature,
            top_p: defaults.top_p,
            min_p: defaults.min_p,
            typical_p: defaults.typical_p,
            presence: defaults.presence,
            frequency: defaults.frequency,
            penalty_decay: defaults.penalty_decay,
            seeded: 0,
            seed: 0,
            top_k: defaults.top_k,
            banned: std::ptr::null(),
            banned_count: 0,
            bias: std::ptr::null(),
            bias_count: 0,
        };
        // SAFETY: the header's contract for structs.
        unsafe { sized::initialise(options, struct_size, "options", &first) }
    })
}

/// A sampler that has accepted nothing yet. `options` may be NULL: the official pipeline's.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_sampler_new(
    options: *const wkv7_sampler_options,
    sampler: *mut *mut wkv7_sampler,
) -> wkv7_status {
    run(|| {
        args::place(sampler, "sampler")?;
        // SAFETY: the header's contract for structs.
        let options = match unsafe { sized::read(options) }? {
            Some(given) => read(&given)?,
            None => SamplerOptions::default(),
        };
        c!(give(sampler, "sampler", wkv7_sampler(Sampler::new(options)?.into())))
    })
}

fn read(given: &wkv7_sampler_options) -> Result<SamplerOptions, Fault> {
    let banned = c!(slice(given.banned, given.banned_count, "banned"))?;
    let bias = c!(slice(given.bias, given.bias_count, "bias"))?;
    Ok(SamplerOptions {
        temperature: given.temperature,
        top_p: given.top_p,
        top_k: given.top_k,
        min_p: given.min_p,
        typical_p: given.typical_p,
        presence: given.presence,
        frequency: given.frequency,
        penalty_decay: given.penalty_decay,
        banned: banned.to_vec(),
        bias: bias.iter().map(|bias| (bias.token, bias.bias)).collect(),
        seed: (given.seeded != 0).then_some(given.seed),
    })
}

/// Frees a sampler; NULL is allowed. A generation that uses it keeps it.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_sampler_free(sampler: *mut wkv7_sampler) {
    c!(release(sampler));
}

/// Chooses a token from `count` logits. It counts for the penalties once it is accepted.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_sampler_sample(
    sampler: *mut wkv7_sampler,
    logits: *const f32,
    count: usize,
    token: *mut u32,
) -> wkv7_status {
    run(|| {
        let sampler = c!(shared(sampler, "sampler"))?;
        let logits = c!(slice(logits, count, "logits"))?;
        args::place(token, "token")?;
        let sampled = sampler.0.lock()?.sample(logits)?;
        c!(put(token, "token", sampled))
    })
}

/// Counts a token for the penalties. With a tokenizer, which may be NULL, digits and the like are free of the frequency
/// penalty, as in the official pipeline.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_sampler_accept(
    sampler: *mut wkv7_sampler,
    token: u32,
    tokenizer: *const wkv7_tokenizer,
) -> wkv7_status {
    run(|| {
        let sampler = c!(shared(sampler, "sampler"))?;
        let tokenizer = c!(shared(tokenizer, "tokenizer")).ok();
        sampler.0.lock()?.accept(token, tokenizer.map(|tokenizer| &*tokenizer.0));
        Ok(())
    })
}

/// The probabilities that wkv7_sampler_sample() would draw from, one for each of `count` logits, written to
/// `probabilities`, which has room for as many.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_sampler_probabilities(
    sampler: *const wkv7_sampler,
    logits: *const f32,
    count: usize,
    probabilities: *mut f32,
) -> wkv7_status {
    run(|| {
        let sampler = c!(shared(sampler, "sampler"))?;
        let logits = c!(slice(logits, count, "logits"))?;
        args::place(probabilities, "probabilities")?;
        let drawn = sampler.0.lock()?.distribution(logits)?;
        let mut room = count;
        c!(copy(&drawn, probabilities, &raw mut room, "probabilities"))
    })
}

/// Forgets what was accepted and starts the seed's sequence anew.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_sampler_reset(sampler: *mut wkv7_sampler) -> wkv7_status {
    run(|| {
        c!(shared(sampler, "sampler"))?.0.lock()?.reset();
        Ok(())
    })
}

/// The seed in use: give it to another sampler to repeat the run.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_sampler_seed(sampler: *const wkv7_sampler, seed: *mut u64) -> wkv7_status {
    run(|| {
        let in_use = c!(shared(sampler, "sampler"))?.0.lock()?.seed();
        c!(put(seed, "seed", in_use))
    })
}
