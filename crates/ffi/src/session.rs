//! Sessions: one sequence of tokens each.

use std::ffi::c_char;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use wkv7::core::top;
use wkv7::{Cancel, Model, Session, Top};

use crate::args;
use crate::call::{Fault, run};
use crate::model::wkv7_model;
use crate::sampler::locked;
use crate::sized::{self, Sized};
use crate::status::{wkv7_status, wkv7_status as Status};

/// One sequence and all that it remembers. For one thread at a time, except wkv7_session_cancel(). It keeps its model.
pub struct wkv7_session(pub(crate) Arc<Shared>);

/// A session that generations and batches may share with its handle.
pub(crate) struct Shared {
    pub model: Model,
    cancel: Cancel,
    inner: Mutex<Inner>,
}

/// What one caller at a time has.
pub(crate) struct Inner {
    pub session: Session,
    /// A generation is open: only it may advance the session.
    pub generating: bool,
    pub stats: wkv7_stats,
}

impl wkv7_stats {
    /// Nothing yet.
    const NONE: Self = Self {
        struct_size: 0, // in the caller's place stands the caller's
        last_tokens: 0,
        last_seconds: 0.0,
        fed_tokens: 0,
        fed_seconds: 0.0,
        generated_tokens: 0,
        generated_seconds: 0.0,
    };

    /// A call fed `tokens` tokens since `begun`.
    pub(crate) fn fed(&mut self, tokens: u64, begun: Instant) {
        (self.last_tokens, self.last_seconds) = (tokens, begun.elapsed().as_secs_f64());
        self.fed_tokens += tokens;
        self.fed_seconds += self.last_seconds;
    }
}

impl Shared {
    /// A handle for a session.
    pub fn new(session: Session) -> Arc<Self> {
        let (model, cancel) = (session.model().clone(), session.cancel().clone());
        let inner = Mutex::new(Inner { session, generating: false, stats: wkv7_stats::NONE });
        Arc::new(Self { model, cancel, inner })
    }

    /// The session for one caller.
    pub fn lock(&self) -> Result<MutexGuard<'_, Inner>, Fault> {
        let inner = locked(&self.inner, "session")?;
        if inner.generating {
            let text = "a generation of this session is open: free it first";
            return Err(Fault::new(Status::WKV7_ERR_BUSY, text));
        }
        Ok(inner)
    }

    /// The session for its open generation.
    pub fn lock_for_generation(&self) -> Result<MutexGuard<'_, Inner>, Fault> {
        locked(&self.inner, "session")
    }

    /// The session for the end of its open generation, whoever may be looking at it.
    pub fn wait_for_generation(&self) -> Option<MutexGuard<'_, Inner>> {
        self.inner.lock().ok()
    }
}

/// Counts what a step feeds, also where it fails halfway.
fn feeding<T>(
    session: &Shared,
    step: impl FnOnce(&mut Session) -> Result<T, wkv7::Error>,
) -> Result<T, Fault> {
    let mut inner = session.lock()?;
    let (begun, before) = (Instant::now(), inner.session.tokens_seen());
    let done = step(&mut inner.session);
    let tokens = inner.session.tokens_seen().saturating_sub(before);
    inner.stats.fed(tokens, begun);
    Ok(done?)
}

/// A new session, at the model's initial state.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_new(model: *const wkv7_model, session: *mut *mut wkv7_session) -> wkv7_status {
    run(|| {
        let model = c!(shared(model, "model"))?;
        args::place(session, "session")?;
        c!(give(session, "session", wkv7_session(Shared::new(model.0.session()?))))
    })
}

/// Frees a session and its slot; NULL is allowed. An open generation, or a batch that it is in, keeps it.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_free(session: *mut wkv7_session) {
    c!(release(session));
}

/// A second session that continues from here on its own.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_fork(
    session: *const wkv7_session,
    fork: *mut *mut wkv7_session,
) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        args::place(fork, "fork")?;
        let forked = session.0.lock()?.session.fork()?;
        c!(give(fork, "fork", wkv7_session(Shared::new(forked))))
    })
}

/// A session of `model` that continues from here on another backend or device with the same weights.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_to(
    session: *const wkv7_session,
    model: *const wkv7_model,
    moved: *mut *mut wkv7_session,
) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        let model = c!(shared(model, "model"))?;
        args::place(moved, "moved")?;
        let there = session.0.lock()?.session.to(&model.0)?;
        c!(give(moved, "moved", wkv7_session(Shared::new(there))))
    })
}

/// Goes back to where new sessions of the model start.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_reset(session: *mut wkv7_session) -> wkv7_status {
    run(|| Ok(c!(shared(session, "session"))?.0.lock()?.session.reset()?))
}

/// Feeds tokens; the logits after the last are then there to be read.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_feed(
    session: *mut wkv7_session,
    tokens: *const u32,
    count: usize,
) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        let tokens = c!(slice(tokens, count, "tokens"))?;
        feeding(&session.0, |session| session.feed(tokens))
    })
}

/// Feeds a text. `count` may be NULL; it gets the number of its tokens.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_feed_text(
    session: *mut wkv7_session,
    text: *const c_char,
    text_len: usize,
    count: *mut usize,
) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        let text = c!(text(text, text_len, "text"))?;
        let tokens = feeding(&session.0, |session| session.feed_text(text))?;
        if count.is_null() { Ok(()) } else { c!(put(count, "count", tokens)) }
    })
}

/// Feeds tokens and writes the logits after each of them, [tokens, vocab], to a two-call array: `*logits_count` numbers.
/// Nothing is fed where there is no buffer or it is too small.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_feed_all(
    session: *mut wkv7_session,
    tokens: *const u32,
    count: usize,
    logits: *mut f32,
    logits_count: *mut usize,
) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        let tokens = c!(slice(tokens, count, "tokens"))?;
        let needed = count.saturating_mul(session.0.model.config().vocab);
        let Some(room) = c!(room(needed, logits, logits_count, "logits"))? else { return Ok(()) };
        let all = feeding(&session.0, |session| session.feed_all(tokens))?;
        room[..all.len()].copy_from_slice(&all);
        Ok(())
    })
}

/// One of the largest logits.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_top {
    /// The token.
    pub token: u32,
    /// Its logit.
    pub logit: f32,
    /// Natural logarithm of its probability among all tokens.
    pub log_probability: f32,
}

impl From<Top> for wkv7_top {
    fn from(Top { token, logit, log_probability, .. }: Top) -> Self {
        Self { token, logit, log_probability }
    }
}

/// The largest logits after the last token, by falling logit, equal ones by rising token: as many as `tops` has room for
/// or the vocabulary has, whichever is less. `*count` says how much room there is, and comes back as how many there are.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_top(
    session: *const wkv7_session,
    tops: *mut wkv7_top,
    count: *mut usize,
) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        write_tops(tops, count, |room| {
            let inner = session.0.lock()?;
            let mut found = Vec::with_capacity(room);
            top::largest(inner.session.logits().ok_or(wkv7::Error::NothingFed)?, room, &mut found);
            Ok(found)
        })
    })
}

/// Feeds tokens and tells the largest logits after the last as wkv7_session_top() does, without fetching all of them from
/// a device. The session has no logits afterwards: to generate from it, feed with wkv7_session_feed().
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_feed_top(
    session: *mut wkv7_session,
    tokens: *const u32,
    tokens_count: usize,
    tops: *mut wkv7_top,
    count: *mut usize,
) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        let tokens = c!(slice(tokens, tokens_count, "tokens"))?;
        write_tops(tops, count, |room| feeding(&session.0, |session| session.feed_top(tokens, room)))
    })
}

/// Writes as many as there are, of as many as there is room for.
fn write_tops(
    tops: *mut wkv7_top,
    count: *mut usize,
    find: impl FnOnce(usize) -> Result<Vec<Top>, Fault>,
) -> Result<(), Fault> {
    args::place(tops, "tops")?;
    args::place(count, "count")?;
    let room = c!(room(0, tops, count, "tops"))?.unwrap_or_default();
    let found = find(room.len())?;
    for (place, top) in room.iter_mut().zip(&found) {
        *place = (*top).into();
    }
    c!(put(count, "count", found.len()))
}

/// Feeds tokens and writes the hidden state after the last, which stands for all that was fed: the output of the last
/// norm, [channels]. A two-call array: `*hidden_count` numbers, none without tokens. Nothing is fed where there is no
/// buffer or it is too small. The session has no logits afterwards.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_embed(
    session: *mut wkv7_session,
    tokens: *const u32,
    tokens_count: usize,
    hidden: *mut f32,
    hidden_count: *mut usize,
) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        let tokens = c!(slice(tokens, tokens_count, "tokens"))?;
        let needed = if tokens.is_empty() { 0 } else { session.0.model.config().channels };
        let Some(room) = c!(room(needed, hidden, hidden_count, "hidden"))? else { return Ok(()) };
        let found = feeding(&session.0, |session| session.embed(tokens))?;
        room[..found.len()].copy_from_slice(&found);
        Ok(())
    })
}

/// The logits after the last token, one for each token of the vocabulary. A view, which lives until the session is
/// advanced, changed or freed.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_logits(
    session: *const wkv7_session,
    logits: *mut *const f32,
    count: *mut usize,
) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        args::place(logits, "logits")?;
        let inner = session.0.lock()?;
        let found = inner.session.logits().ok_or(wkv7::Error::NothingFed)?;
        c!(put(count, "count", found.len()))?;
        c!(put(logits, "logits", found.as_ptr()))
    })
}

/// Tokens fed since the sequence began.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_tokens_seen(session: *const wkv7_session, tokens: *mut u64) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        let seen = session.0.lock_for_generation()?.session.tokens_seen();
        c!(put(tokens, "tokens", seen))
    })
}

/// Asks the session to stop, from any thread: feeding stops between two forwards, generating before its next token, with
/// WKV7_ERR_CANCELLED. It holds for later calls as well, until wkv7_session_clear_cancel(), so that it does not matter
/// which of two threads comes first.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_cancel(session: *const wkv7_session) -> wkv7_status {
    run(|| {
        c!(shared(session, "session"))?.0.cancel.set();
        Ok(())
    })
}

/// Lets a cancelled session work again; what it was fed, it holds.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_clear_cancel(session: *const wkv7_session) -> wkv7_status {
    run(|| {
        c!(shared(session, "session"))?.0.cancel.clear();
        Ok(())
    })
}

/// What a session's calls took.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_stats {
    /// sizeof(wkv7_stats), set by the caller before the call.
    pub struct_size: usize,
    /// Tokens that the last call fed, or its generation made.
    pub last_tokens: u64,
    /// Seconds that it took.
    pub last_seconds: f64,
    /// Tokens that all calls fed.
    pub fed_tokens: u64,
    /// Seconds that they took.
    pub fed_seconds: f64,
    /// Tokens that all generations made.
    pub generated_tokens: u64,
    /// Seconds that they took.
    pub generated_seconds: f64,
}

// SAFETY: `repr(C)`, begins with its size; numbers only.
unsafe impl Sized for wkv7_stats {
    const NAME: &'static str = "wkv7_stats";
    const FIRST: usize = std::mem::offset_of!(Self, fed_tokens);
}

/// What the session's calls took. Set `stats->struct_size` to sizeof(wkv7_stats) first.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_stats(session: *const wkv7_session, stats: *mut wkv7_stats) -> wkv7_status {
    run(|| {
        let session = c!(shared(session, "session"))?;
        args::place(stats, "stats")?;
        let known = session.0.lock_for_generation()?.stats;
        // SAFETY: the header's contract for structs.
        unsafe { sized::fill(stats, "stats", &known) }
    })
}
