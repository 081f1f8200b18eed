//! How a model is opened.

use std::ffi::c_void;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use wkv7::Options;

use crate::args::{User, wkv7_text};
use crate::call::{Fault, run};
use crate::sized::{self, Sized};
use crate::status::wkv7_status;

/// Told how far loading is, in bytes; a result that is not 0 cancels it. Called from any thread, but never from two at
/// once.
pub type wkv7_progress_callback = Option<extern "C" fn(user: *mut c_void, done: u64, total: u64) -> i32>;

/// How to open a model. Zero, or an empty text, is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_model_options {
    /// sizeof(wkv7_model_options); wkv7_model_options_init() sets it.
    pub struct_size: usize,
    /// "auto" (the default): the best graphics card where build and machine have one, else the CPU. Or one of
    /// wkv7_backends(); "wgpu:INDEX" and "wgpu:NAME" choose one of wkv7_devices().
    pub backend: wkv7_text,
    /// "auto" (the default): the vocabulary inside the file, else one beside it, else by the size of the model's. Or
    /// "world", "bytes", or the path of a vocabulary file.
    pub tokenizer: wkv7_text,
    /// Path of a tuned state or of a state file that every session starts from.
    pub initial_state: wkv7_text,
    /// Not 0: the tuned state is stored as (key, value), as web-rwkv's converter does.
    pub initial_state_transposed: u32,
    /// Not 0: forbid every approximation that a backend would make for speed.
    pub exact: u32,
    /// Sessions that can be open at once; 0 means 64.
    pub slots: usize,
    /// Tokens that one forward takes; 0 means 1024. A prompt can be cancelled between two forwards.
    pub max_tokens: usize,
    /// Threads of the CPU backend; 0 means one per core.
    pub threads: usize,
    /// Told how far loading is; may be NULL.
    pub progress: wkv7_progress_callback,
    /// Handed to `progress`.
    pub progress_user: *mut c_void,
}

// SAFETY: `repr(C)`, begins with its size; zeros are empty texts, numbers, and no callback.
unsafe impl Sized for wkv7_model_options {
    const NAME: &'static str = "wkv7_model_options";
    const FIRST: usize = std::mem::offset_of!(Self, initial_state);
}

/// Sets every option to its default. `struct_size` is sizeof(wkv7_model_options).
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_model_options_init(
    options: *mut wkv7_model_options,
    struct_size: usize,
) -> wkv7_status {
    run(|| c!(zero(options, struct_size)))
}

/// The façade's options.
pub(crate) fn read(options: *const wkv7_model_options) -> Result<Options, Fault> {
    // SAFETY: the header's contract for structs.
    let Some(given) = (unsafe { sized::read(options) })? else { return Ok(Options::default()) };
    let mut options = Options::default();
    match c!(field(given.backend, "backend"))? {
        "" => {}
        name => options.backend = name.parse().unwrap_or_default(),
    }
    match c!(field(given.tokenizer, "tokenizer"))? {
        "" => {}
        name => options.tokenizer = name.parse().unwrap_or_default(),
    }
    match c!(field(given.initial_state, "initial_state"))? {
        "" => {}
        path => options.initial_state = Some(PathBuf::from(path)),
    }
    options.tuned_state_transposed = given.initial_state_transposed != 0;
    options.load.exact = given.exact != 0;
    let limits = [("slots", given.slots), ("max_tokens", given.max_tokens), ("threads", given.threads)];
    for (name, value) in limits {
        if value > MOST {
            return Err(Fault::argument(name, format!("{value} is more than {MOST}")));
        }
    }
    let or = |value: usize, default: usize| if value == 0 { default } else { value };
    options.load.slots = or(given.slots, options.load.slots);
    options.load.max_tokens = or(given.max_tokens, options.load.max_tokens);
    options.load.threads = (given.threads != 0).then_some(given.threads);
    if let Some(progress) = given.progress {
        let user = Mutex::new(User(given.progress_user));
        options.load.progress = Some(Arc::new(move |done, total| {
            let user = user.lock().unwrap_or_else(PoisonError::into_inner);
            progress(user.0, done, total) == 0
        }));
    }
    Ok(options)
}

/// A number of slots, tokens or threads that nobody means.
pub(crate) const MOST: usize = 1 << 24;
