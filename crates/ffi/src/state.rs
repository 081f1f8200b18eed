//! States: all that a sequence remembers, as a value.

use std::ffi::{c_char, c_void};
use std::path::Path;
use std::sync::Mutex;

use wkv7::formats::state_file::{StateFile, load_tuned, save_tuned};
use wkv7::{Config, State};

use crate::args;
use crate::call::{Fault, run};
use crate::model::wkv7_model;
use crate::sampler::locked;
use crate::session::wkv7_session;
use crate::status::wkv7_status;

/// All that a sequence remembers at one moment, with the last logits. Its size does not depend on the number of tokens.
/// For one thread at a time.
pub struct wkv7_state {
    config: Config,
    file: Mutex<StateFile>,
}

impl wkv7_state {
    fn new(model: &wkv7_model, file: StateFile) -> Self {
        Self { config: model.0.config().clone(), file: Mutex::new(file) }
    }

    /// Of a file, which must be of this model.
    fn of_file(model: &wkv7_model, file: StateFile) -> Result<Self, Fault> {
        file.check(model.0.config(), model.0.info().fingerprint)?;
        Ok(Self::new(model, file))
    }

    pub(crate) fn untouched(model: &wkv7_model, state: State) -> Self {
        let fingerprint = model.0.info().fingerprint;
        Self::new(model, StateFile { state, fingerprint, tokens_seen: 0, logits: None })
    }
}

/// The parts of a state.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wkv7_state_part {
    /// [layers, channels]: each layer's last time mix input.
    WKV7_STATE_ATT_SHIFT = 0,
    /// [layers, heads, head size (value), head size (key)]: the recurrent memory.
    WKV7_STATE_WKV = 1,
    /// [layers, channels]: each layer's last channel mix input.
    WKV7_STATE_FFN_SHIFT = 2,
    /// [vocab]: the logits after the last token; empty where there are none.
    WKV7_STATE_LOGITS = 3,
}

/// The state of a sequence of `model` that has seen nothing: zeros.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_state_new(model: *const wkv7_model, state: *mut *mut wkv7_state) -> wkv7_status {
    run(|| {
        let model = c!(shared(model, "model"))?;
        let zeros = State::zeros(model.0.config());
        c!(give(state, "state", wkv7_state::untouched(model, zeros)))
    })
}

/// Reads the state file at `path`; one of another model is refused.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_state_load(
    model: *const wkv7_model,
    path: *const c_char,
    path_len: usize,
    state: *mut *mut wkv7_state,
) -> wkv7_status {
    run(|| {
        let model = c!(shared(model, "model"))?;
        let path = c!(text(path, path_len, "path"))?;
        args::place(state, "state")?;
        c!(give(state, "state", wkv7_state::of_file(model, StateFile::load(path)?)?))
    })
}

/// Reads a tuned initial state at `path`, as trainers write it: tensors blocks.N.att.time_state. Not 0 in `transposed`: it
/// is stored as (key, value), as web-rwkv's converter does.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_state_load_tuned(
    model: *const wkv7_model,
    path: *const c_char,
    path_len: usize,
    transposed: i32,
    state: *mut *mut wkv7_state,
) -> wkv7_status {
    run(|| {
        let model = c!(shared(model, "model"))?;
        let path = c!(text(path, path_len, "path"))?;
        args::place(state, "state")?;
        let mut tuned = load_tuned(Path::new(path), model.0.config())?;
        if transposed != 0 {
            tuned.transpose(model.0.config());
        }
        c!(give(state, "state", wkv7_state::untouched(model, tuned)))
    })
}

/// Reads the bytes of a state file; one of another model is refused.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_state_from_bytes(
    model: *const wkv7_model,
    data: *const c_void,
    len: usize,
    state: *mut *mut wkv7_state,
) -> wkv7_status {
    run(|| {
        let model = c!(shared(model, "model"))?;
        let bytes = c!(slice(data.cast::<u8>(), len, "data"))?;
        args::place(state, "state")?;
        c!(give(state, "state", wkv7_state::of_file(model, StateFile::from_bytes(bytes)?)?))
    })
}

/// Frees a state; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_state_free(state: *mut wkv7_state) {
    c!(release(state));
}

/// Writes a state file: safetensors, with the model's fingerprint. The place never holds half a file.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_state_save(
    state: *const wkv7_state,
    path: *const c_char,
    path_len: usize,
) -> wkv7_status {
    run(|| {
        let state = c!(shared(state, "state"))?;
        let path = c!(text(path, path_len, "path"))?;
        Ok(locked(&state.file, "state")?.save(&state.config, path)?)
    })
}

/// Writes a tuned initial state, as wkv7_state_load_tuned() and other RWKV tools read it and `initial_state` of
/// wkv7_model_options takes it: a .pth or a .safetensors, by the name of `path`. Only the recurrent memory is kept. The
/// place never holds half a file.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_state_save_tuned(
    state: *const wkv7_state,
    path: *const c_char,
    path_len: usize,
) -> wkv7_status {
    run(|| {
        let state = c!(shared(state, "state"))?;
        let path = c!(text(path, path_len, "path"))?;
        save_tuned(Path::new(path), &locked(&state.file, "state")?.state, &state.config)?;
        Ok(())
    })
}

/// The bytes of a state file. A two-call array: `*len` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_state_to_bytes(
    state: *const wkv7_state,
    data: *mut c_void,
    len: *mut usize,
) -> wkv7_status {
    run(|| {
        let state = c!(shared(state, "state"))?;
        let bytes = locked(&state.file, "state")?.to_bytes(&state.config)?;
        c!(copy(&bytes, data.cast(), len, "data"))
    })
}

/// A part, one of wkv7_state_part. A view, which lives until the state is changed or freed.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_state_get_part(
    state: *const wkv7_state,
    part: i32,
    data: *mut *const f32,
    count: *mut usize,
) -> wkv7_status {
    run(|| {
        let state = c!(shared(state, "state"))?;
        args::place(data, "data")?;
        let mut file = locked(&state.file, "state")?;
        let values = values(&mut file, part)?;
        c!(put(count, "count", values.len()))?;
        c!(put(data, "data", values.as_ptr()))
    })
}

/// Changes a part: `count` numbers, as many as it has. The logits, which belong to what was there before, are set to
/// nothing unless they are the part.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_state_set_part(
    state: *mut wkv7_state,
    part: i32,
    data: *const f32,
    count: usize,
) -> wkv7_status {
    run(|| {
        let state = c!(shared(state, "state"))?;
        let new = c!(slice(data, count, "data"))?;
        let mut file = locked(&state.file, "state")?;
        let is_logits = part == wkv7_state_part::WKV7_STATE_LOGITS as i32;
        if is_logits && count == state.config.vocab {
            file.logits.get_or_insert_with(|| vec![0.0; count]).copy_from_slice(new);
            return Ok(());
        }
        let values = values(&mut file, part)?;
        if is_logits || values.len() != new.len() {
            let has = if is_logits { state.config.vocab } else { values.len() };
            return Err(Fault::argument("count", format!("the part has {has} numbers, not {count}")));
        }
        values.copy_from_slice(new);
        file.logits = None;
        Ok(())
    })
}

fn values(file: &mut StateFile, part: i32) -> Result<&mut [f32], Fault> {
    Ok(match part {
        0 => &mut file.state.att_shift,
        1 => &mut file.state.wkv,
        2 => &mut file.state.ffn_shift,
        3 => file.logits.as_deref_mut().unwrap_or_default(),
        _ => return Err(Fault::argument("part", format!("{part} is not one of wkv7_state_part"))),
    })
}

/// Tokens that led to the state.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_state_tokens_seen(state: *const wkv7_state, tokens: *mut u64) -> wkv7_status {
    run(|| {
        let seen = locked(&c!(shared(state, "state"))?.file, "state")?.tokens_seen;
        c!(put(tokens, "tokens", seen))
    })
}

/// Reads all that a session remembers.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_state(
    session: *const wkv7_session,
    state: *mut *mut wkv7_state,
) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        args::place(state, "state")?;
        let file = session.0.lock()?.session.state_file()?;
        let config = session.0.model.config().clone();
        c!(give(state, "state", wkv7_state { config, file: Mutex::new(file) }))
    })
}

/// Lets a session continue from a state, which stays the caller's. One of another model is refused.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_set_state(
    session: *mut wkv7_session,
    state: *const wkv7_state,
) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        let state = c!(shared(state, "state"))?;
        let file = locked(&state.file, "state")?;
        Ok(session.0.lock()?.session.set_state_file(&file)?)
    })
}
