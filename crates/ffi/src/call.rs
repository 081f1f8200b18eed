//! The frame of every call: errors become a status and a text, and no panic crosses.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use wkv7::core::Error as CoreError;
use wkv7::formats::Problem;
use wkv7::tune::TrainError;
use wkv7::{Error, tokenizer};

use crate::status::wkv7_status as Status;

/// Why a call failed.
#[derive(Debug)]
pub struct Fault {
    status: Status,
    text: String,
}

impl Fault {
    /// A fault of kind `status`, told by `text`.
    pub fn new(status: Status, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// A bad value of argument or field `name`.
    pub fn argument(name: &str, problem: impl std::fmt::Display) -> Self {
        Self::new(Status::WKV7_ERR_ARGUMENT, format!("`{name}`: {problem}"))
    }
}

thread_local! {
    /// What went wrong in this thread's last call that failed.
    static LAST: RefCell<CString> = RefCell::default();
}

/// Runs the body of a function of the ABI.
pub fn run(body: impl FnOnce() -> Result<(), Fault>) -> Status {
    // A broken invariant cannot be seen afterwards: whatever is behind a lock is poisoned by the panic.
    let fault = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return Status::WKV7_OK,
        Ok(Err(fault)) => fault,
        Err(panic) => Fault::new(Status::WKV7_ERR_PANIC, format!("a bug in the library: {}", said(&*panic))),
    };
    let text = CString::new(fault.text.replace('\0', "\u{fffd}")).unwrap_or_default();
    // A thread that is ending has no place for the text any more.
    let _ = LAST.try_with(|last| last.replace(text));
    fault.status
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it panicked")
}

/// Frees what a handle owns, whatever happens.
pub fn quietly(body: impl FnOnce()) {
    let _ = run(|| {
        body();
        Ok(())
    });
}

/// The text of this thread's last error; empty where there was none. It stays until this thread's next call that
/// fails.
pub fn last_error() -> *const c_char {
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Core(core) => of_core(core),
            Error::File(file) => of_problem(&file.problem),
            Error::Tokenizer(inner) => of_tokenizer(inner),
            Error::NoTokenizer(_) | Error::TokenizerTooLarge { .. } => Status::WKV7_ERR_TOKENIZER,
            Error::NoBuiltIn => Status::WKV7_ERR_UNSUPPORTED,
            Error::InitialState { .. } => Status::WKV7_ERR_FILE,
            Error::Tune(inner) => of_tuning(inner),
            Error::Option { .. } => Status::WKV7_ERR_ARGUMENT,
            Error::NothingFed => Status::WKV7_ERR_NOTHING_FED,
            Error::Broken => Status::WKV7_ERR_BROKEN,
            Error::Poisoned => Status::WKV7_ERR_PANIC,
            Error::BadLogit { .. } | Error::NothingToSample { .. } => Status::WKV7_ERR_SAMPLING,
            Error::Cancelled => Status::WKV7_ERR_CANCELLED,
            _ => Status::WKV7_ERR_OTHER,
        };
        Self::new(status, wkv7::story(&error))
    }
}

impl From<CoreError> for Fault {
    fn from(error: CoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<wkv7::formats::Error> for Fault {
    fn from(error: wkv7::formats::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::new(of_problem(&problem), wkv7::story(&problem))
    }
}

impl From<tokenizer::Error> for Fault {
    fn from(error: tokenizer::Error) -> Self {
        Error::from(error).into()
    }
}

fn of_core(error: &CoreError) -> Status {
    match error {
        CoreError::MissingTensor { .. }
        | CoreError::UnexpectedTensor { .. }
        | CoreError::DuplicateTensor { .. }
        | CoreError::WrongShape { .. }
        | CoreError::BadTensor { .. }
        | CoreError::NotRwkv7 { .. }
        | CoreError::RowNotWholeBlocks { .. } => Status::WKV7_ERR_FILE,
        CoreError::Unsupported { .. } => Status::WKV7_ERR_UNSUPPORTED,
        CoreError::Unavailable { .. } => Status::WKV7_ERR_UNAVAILABLE,
        CoreError::NoFreeSlot { .. } => Status::WKV7_ERR_NO_SLOT,
        CoreError::ForeignSlot | CoreError::WrongStateSize { .. } | CoreError::ForeignState { .. } => {
            Status::WKV7_ERR_WRONG_MODEL
        }
        CoreError::TokenOutOfRange { .. } => Status::WKV7_ERR_TOKEN,
        CoreError::BatchTooLarge { .. } => Status::WKV7_ERR_TOO_LARGE,
        CoreError::Device { .. } => Status::WKV7_ERR_DEVICE,
        CoreError::Cancelled => Status::WKV7_ERR_CANCELLED,
        _ => Status::WKV7_ERR_OTHER,
    }
}

fn of_problem(problem: &Problem) -> Status {
    match problem {
        Problem::Io(_) => Status::WKV7_ERR_IO,
        Problem::Model(core) => of_core(core),
        Problem::NotACheckpoint(_) | Problem::Broken { .. } => Status::WKV7_ERR_FILE,
        Problem::Unsupported(_) => Status::WKV7_ERR_UNSUPPORTED,
        Problem::Cancelled => Status::WKV7_ERR_CANCELLED,
        _ => Status::WKV7_ERR_OTHER,
    }
}

fn of_tokenizer(error: &tokenizer::Error) -> Status {
    match error {
        tokenizer::Error::Read { .. } => Status::WKV7_ERR_IO,
        _ => Status::WKV7_ERR_TOKENIZER,
    }
}

fn of_tuning(error: &TrainError) -> Status {
    match error {
        TrainError::Model(core) => of_core(core),
        TrainError::File(file) => of_problem(&file.problem),
        TrainError::Text { source, .. } => of_tokenizer(source),
        TrainError::Tuning(_) | TrainError::Schedule(_) => Status::WKV7_ERR_ARGUMENT,
        _ => Status::WKV7_ERR_OTHER,
    }
}
