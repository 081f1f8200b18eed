//! Log messages for the host.

use std::ffi::{c_char, c_void};
use std::sync::{Once, PoisonError, RwLock};

use log::{LevelFilter, Log, Metadata, Record};

use crate::args::User;
use crate::call::{Fault, run};
use crate::status::wkv7_status;

/// How much a log message matters. More may come between or after these.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wkv7_log_level {
    /// As a limit: no messages.
    WKV7_LOG_OFF = 0,
    /// Something failed that no status tells.
    WKV7_LOG_ERROR = 1,
    /// Something is not as it should be.
    WKV7_LOG_WARN = 2,
    /// What was opened, and how.
    WKV7_LOG_INFO = 3,
    /// For whoever looks for a fault.
    WKV7_LOG_DEBUG = 4,
    /// Everything.
    WKV7_LOG_TRACE = 5,
}

/// Gets a log message, a UTF-8 text of `len` bytes that is not ended by a NUL and gone after the call. Called from any
/// thread, also from several at once. It must not call wkv7_log().
pub type wkv7_log_callback =
    Option<extern "C" fn(user: *mut c_void, level: i32, message: *const c_char, len: usize)>;

#[derive(Clone, Copy)]
struct Target {
    callback: extern "C" fn(*mut c_void, i32, *const c_char, usize),
    user: User,
}

static TARGET: RwLock<Option<Target>> = RwLock::new(None);

struct ToHost;

impl Log for ToHost {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let target = *TARGET.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(Target { callback, user }) = target {
            let message = format!("{}: {}", record.target(), record.args());
            callback(user.0, record.level() as i32, message.as_ptr().cast(), message.len());
        }
    }

    fn flush(&self) {}
}

/// Sends the log messages of the whole process's library up to `level`, one of wkv7_log_level, to `callback`. NULL or
/// WKV7_LOG_OFF ends it; a message that is on its way in another thread may still arrive. Without this call nothing is
/// logged, and nothing is ever printed.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_log(level: i32, callback: wkv7_log_callback, user: *mut c_void) -> wkv7_status {
    static FIRST: Once = Once::new();
    run(|| {
        let limit = match level {
            0 => LevelFilter::Off,
            1 => LevelFilter::Error,
            2 => LevelFilter::Warn,
            3 => LevelFilter::Info,
            4 => LevelFilter::Debug,
            5 => LevelFilter::Trace,
            _ => return Err(Fault::argument("level", format!("{level} is not one of wkv7_log_level"))),
        };
        // Fails only where something else in this library has set one, which nothing does.
        FIRST.call_once(|| drop(log::set_logger(&ToHost)));
        let target = callback.map(|callback| Target { callback, user: User(user) });
        log::set_max_level(if target.is_some() { limit } else { LevelFilter::Off });
        *TARGET.write().unwrap_or_else(PoisonError::into_inner) = target;
        Ok(())
    })
}
