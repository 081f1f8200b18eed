//! Generations: pieces of text, asked for or called back.

use std::ffi::{c_char, c_void};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use wkv7::{Generate, Generator, Piece, Sampler, StopReason};

use crate::args::{self, wkv7_text};
use crate::call::{Fault, run};
use crate::sampler::{self, locked, wkv7_sampler};
use crate::session::{self, wkv7_session};
use crate::sized::{self, Sized};
use crate::status::{wkv7_status, wkv7_status as Status};

/// Pieces of text, made as they are asked for. While it is open its session answers other calls with WKV7_ERR_BUSY. For
/// one thread at a time.
pub struct wkv7_generation(Mutex<Inner>);

struct Inner {
    session: Arc<session::Shared>,
    sampler: sampler::Shared,
    generator: Generator,
    piece: Option<Piece>, // the one that the host is looking at
    view: wkv7_piece,
    tokens: u64,
    seconds: f64,
    called_off: bool,
    open: bool,
}

// SAFETY: `view` points into `piece`, which goes where it goes and whose text lies on the heap.
unsafe impl Send for Inner {}

/// A generated token. More fields may follow in later versions.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_piece {
    /// The text that became certain with it, UTF-8, ended by a NUL that is not counted. Whole characters only, so it
    /// may be empty, or begin with a character that an earlier token began.
    pub text: *const c_char,
    /// Bytes of `text`.
    pub text_len: usize,
    /// The token.
    pub token: u32,
    /// Natural logarithm of the probability that the model gave it, before any penalty or cut.
    pub log_probability: f32,
}

/// What to generate. Zero is the default everywhere.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_generate_options {
    /// sizeof(wkv7_generate_options); wkv7_generate_options_init() sets it.
    pub struct_size: usize,
    /// Tokens to generate at most; 0 means 256.
    pub max_tokens: usize,
    /// Texts at which to stop; none of their text is emitted.
    pub stop: *const wkv7_text,
    /// Number of `stop`.
    pub stop_count: usize,
    /// Tokens at which to stop, besides the end of text, which always stops.
    pub stop_tokens: *const u32,
    /// Number of `stop_tokens`.
    pub stop_tokens_count: usize,
}

// SAFETY: `repr(C)`, begins with its size; zeros are numbers and empty arrays.
unsafe impl Sized for wkv7_generate_options {
    const NAME: &'static str = "wkv7_generate_options";
    const FIRST: usize = std::mem::offset_of!(Self, stop);
}

/// Why a generation ended.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wkv7_stop_reason {
    /// It goes on, or ended with an error.
    WKV7_STOP_NONE = 0,
    /// The end of text or another stop token was sampled.
    WKV7_STOP_TOKEN = 1,
    /// A stop text appeared.
    WKV7_STOP_TEXT = 2,
    /// As many tokens as were asked for.
    WKV7_STOP_MAX_TOKENS = 3,
    /// The callback said so.
    WKV7_STOP_CALLBACK = 4,
}

use wkv7_stop_reason as Reason;

/// How a generation ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_generation_result {
    /// sizeof(wkv7_generation_result), set by the caller before the call.
    pub struct_size: usize,
    /// One of wkv7_stop_reason.
    pub reason: i32,
    /// The token at which it stopped, for WKV7_STOP_TOKEN.
    pub stop_token: u32,
    /// Which of the texts it stopped at, for WKV7_STOP_TEXT.
    pub stop_index: usize,
    /// Tokens handed out.
    pub tokens: u64,
    /// Seconds that they took.
    pub seconds: f64,
}

// SAFETY: `repr(C)`, begins with its size; numbers only.
unsafe impl Sized for wkv7_generation_result {
    const NAME: &'static str = "wkv7_generation_result";
    const FIRST: usize = std::mem::offset_of!(Self, tokens);
}

/// Gets a piece, which is gone after the call; a result that is not 0 ends the generation. Called from the thread that
/// generates.
pub type wkv7_piece_callback = Option<extern "C" fn(user: *mut c_void, piece: *const wkv7_piece) -> i32>;

/// Sets every option to its default. `struct_size` is sizeof(wkv7_generate_options).
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_generate_options_init(
    options: *mut wkv7_generate_options,
    struct_size: usize,
) -> wkv7_status {
    run(|| c!(zero(options, struct_size)))
}

impl Inner {
    fn start(
        session: *const wkv7_session,
        sampler: *const wkv7_sampler,
        options: *const wkv7_generate_options,
    ) -> Result<Self, Fault> {
        let session = Arc::clone(&c!(shared(session, "session"))?.0);
        let sampler = match c!(shared(sampler, "sampler")) {
            Ok(sampler) => sampler.0.clone(),
            Err(_) => Sampler::new(session.model.sampler_options())?.into(),
        };
        // SAFETY: the header's contract for structs.
        let options = match unsafe { sized::read(options) }? {
            Some(given) => read(&given)?,
            None => Generate::default(),
        };
        let generator = Generator::new(&session.model, &options);
        session.lock()?.generating = true;
        let view = wkv7_piece { text: c"".as_ptr(), text_len: 0, token: 0, log_probability: 0.0 };
        let (piece, tokens, seconds, called_off, open) = (None, 0, 0.0, false, true);
        Ok(Self { session, sampler, generator, piece, view, tokens, seconds, called_off, open })
    }

    /// Makes the next piece; `false` once there is none.
    fn advance(&mut self) -> Result<bool, Fault> {
        if !self.open {
            return Ok(false);
        }
        let begun = Instant::now();
        let mut inner = self.session.lock_for_generation()?;
        let mut sampler = self.sampler.lock()?;
        if let Some(seen) = self.piece.take() {
            self.generator.recycle(seen);
        }
        let next = self.generator.next(&mut inner.session, &mut sampler).transpose();
        let took = begun.elapsed().as_secs_f64();
        self.seconds += took;
        inner.stats.generated_seconds += took;
        inner.stats.last_seconds = self.seconds;
        let Some(mut piece) = next? else { return Ok(false) };
        self.tokens += 1;
        inner.stats.generated_tokens += 1;
        inner.stats.last_tokens = self.tokens;
        let text_len = piece.text.len();
        piece.text.push('\0');
        let (token, log_probability) = (piece.token, piece.log_probability);
        self.view = wkv7_piece { text: piece.text.as_ptr().cast(), text_len, token, log_probability };
        self.piece = Some(piece);
        Ok(true)
    }

    /// Puts the session in order and gives it back.
    fn close(&mut self) -> Result<(), Fault> {
        if !self.open {
            return Ok(());
        }
        self.open = false;
        // After a panic nobody can use the session any more.
        let Some(mut inner) = self.session.wait_for_generation() else { return Ok(()) };
        inner.generating = false;
        Ok(self.generator.finish(&mut inner.session)?)
    }

    fn result(&self) -> wkv7_generation_result {
        let (reason, stop_token, stop_index) = match self.generator.stop_reason() {
            _ if self.called_off => (Reason::WKV7_STOP_CALLBACK, 0, 0),
            Some(StopReason::StopToken(token)) => (Reason::WKV7_STOP_TOKEN, token, 0),
            Some(StopReason::StopText(index)) => (Reason::WKV7_STOP_TEXT, 0, index),
            Some(StopReason::MaxTokens) => (Reason::WKV7_STOP_MAX_TOKENS, 0, 0),
            _ => (Reason::WKV7_STOP_NONE, 0, 0),
        };
        let (reason, tokens, seconds) = (reason as i32, self.tokens, self.seconds);
        wkv7_generation_result { struct_size: 0, reason, stop_token, stop_index, tokens, seconds }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A session that could not be put in order says so at its next call.
        let _ = self.close();
    }
}

fn read(given: &wkv7_generate_options) -> Result<Generate, Fault> {
    let stop = c!(slice(given.stop, given.stop_count, "stop"))?;
    let stop_tokens = c!(slice(given.stop_tokens, given.stop_tokens_count, "stop_tokens"))?;
    let texts = stop.iter().map(|text| Ok(c!(field(*text, "stop"))?.to_owned()));
    let default = Generate::default();
    let max_tokens = if given.max_tokens == 0 { default.max_tokens } else { given.max_tokens };
    let stop = texts.collect::<Result<_, Fault>>()?;
    Ok(Generate { max_tokens, stop, stop_tokens: stop_tokens.to_vec(), ..default })
}

/// Begins to generate from where the session is. `sampler` may be NULL: the model's defaults, with a new seed. `options`
/// may be NULL. Both need to live only for this call; a sampler that is used goes on being used.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_generation_start(
    session: *mut wkv7_session,
    sampler: *mut wkv7_sampler,
    options: *const wkv7_generate_options,
    generation: *mut *mut wkv7_generation,
) -> wkv7_status {
    run(|| {
        args::place(generation, "generation")?;
        let inner = Inner::start(session, sampler, options)?;
        c!(give(generation, "generation", wkv7_generation(Mutex::new(inner))))
    })
}

/// Makes the next piece. `*piece` is NULL once the generation is over; otherwise it lives until the next call for this
/// generation.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_generation_next(
    generation: *mut wkv7_generation,
    piece: *mut *const wkv7_piece,
) -> wkv7_status {
    run(|| {
        let generation = c!(shared(generation, "generation"))?;
        args::place(piece, "piece")?;
        let mut inner = locked(&generation.0, "generation")?;
        let there = inner.advance()?;
        c!(put(piece, "piece", if there { &raw const inner.view } else { std::ptr::null() }))
    })
}

/// How the generation ended, or how far it is. Set `result->struct_size` to sizeof(wkv7_generation_result) first.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_generation_get_result(
    generation: *const wkv7_generation,
    result: *mut wkv7_generation_result,
) -> wkv7_status {
    run(|| {
        let generation = c!(shared(generation, "generation"))?;
        args::place(result, "result")?;
        let known = locked(&generation.0, "generation")?.result();
        // SAFETY: the header's contract for structs.
        unsafe { sized::fill(result, "result", &known) }
    })
}

/// Ends a generation; NULL is allowed. The session then holds exactly what was handed out, and can be used again: a stop
/// text or a stop token, and what came after, was not fed.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_generation_free(generation: *mut wkv7_generation) {
    c!(release(generation));
}

/// Generates from where the session is, and calls `callback` with each piece. `sampler` may be NULL: the model's defaults,
/// with a new seed. `options` and `result` may be NULL; otherwise set `result->struct_size` first. Afterwards the session
/// holds exactly what was handed out.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_session_generate(
    session: *mut wkv7_session,
    sampler: *mut wkv7_sampler,
    options: *const wkv7_generate_options,
    callback: wkv7_piece_callback,
    user: *mut c_void,
    result: *mut wkv7_generation_result,
) -> wkv7_status {
    run(|| {
        let callback = callback.ok_or_else(|| Fault::new(Status::WKV7_ERR_NULL, "`callback` is NULL"))?;
        let mut inner = Inner::start(session, sampler, options)?;
        while inner.advance()? {
            if callback(user, &raw const inner.view) != 0 {
                inner.called_off = true;
                break;
            }
        }
        inner.close()?;
        if result.is_null() {
            return Ok(());
        }
        // SAFETY: the header's contract for structs.
        unsafe { sized::fill(result, "result", &inner.result()) }
    })
}
