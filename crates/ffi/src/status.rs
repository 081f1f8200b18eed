//! What functions answer with.

/// What a function answers. The numbers never change; new ones are added at the end, so treat one that you do not
/// know as an error.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wkv7_status {
    /// It worked.
    WKV7_OK = 0,
    /// A pointer that must not be NULL is NULL.
    WKV7_ERR_NULL = 1,
    /// A value outside its range, or a name that nothing has.
    WKV7_ERR_ARGUMENT = 2,
    /// A text that is not UTF-8.
    WKV7_ERR_UTF8 = 3,
    /// The buffer is too small; its length argument says what is needed.
    WKV7_ERR_BUFFER = 4,
    /// The operating system refused a file.
    WKV7_ERR_IO = 5,
    /// A file that is not what it should be, or is broken.
    WKV7_ERR_FILE = 6,
    /// Something that this build or this backend cannot do.
    WKV7_ERR_UNSUPPORTED = 7,
    /// The backend or device is not there.
    WKV7_ERR_UNAVAILABLE = 8,
    /// All of the model's slots are in use.
    WKV7_ERR_NO_SLOT = 9,
    /// Two things that belong to different models.
    WKV7_ERR_WRONG_MODEL = 10,
    /// A token outside the vocabulary.
    WKV7_ERR_TOKEN = 11,
    /// More than one call takes.
    WKV7_ERR_TOO_LARGE = 12,
    /// No vocabulary, or a text or token that it cannot translate.
    WKV7_ERR_TOKENIZER = 13,
    /// There are no logits yet: feed at least one token first.
    WKV7_ERR_NOTHING_FED = 14,
    /// An earlier error left the session without a valid state: reset it or give it one.
    WKV7_ERR_BROKEN = 15,
    /// Another call is using the handle: from another thread, a callback, or an open generation.
    WKV7_ERR_BUSY = 16,
    /// A callback or another thread asked to stop.
    WKV7_ERR_CANCELLED = 17,
    /// The device failed, or its memory is full.
    WKV7_ERR_DEVICE = 18,
    /// A bug in the library: it panicked, and this call caught it. The handles of this call are best freed.
    WKV7_ERR_PANIC = 19,
    /// A logit that no sampler can use, or no token left to sample.
    WKV7_ERR_SAMPLING = 20,
    /// Another error; the text says which.
    WKV7_ERR_OTHER = 21,
}

use wkv7_status as Status;

impl Status {
    /// Every status, by its number.
    pub(crate) const ALL: [Self; 22] = [
        Self::WKV7_OK,
        Self::WKV7_ERR_NULL,
        Self::WKV7_ERR_ARGUMENT,
        Self::WKV7_ERR_UTF8,
        Self::WKV7_ERR_BUFFER,
        Self::WKV7_ERR_IO,
        Self::WKV7_ERR_FILE,
        Self::WKV7_ERR_UNSUPPORTED,
        Self::WKV7_ERR_UNAVAILABLE,
        Self::WKV7_ERR_NO_SLOT,
        Self::WKV7_ERR_WRONG_MODEL,
        Self::WKV7_ERR_TOKEN,
        Self::WKV7_ERR_TOO_LARGE,
        Self::WKV7_ERR_TOKENIZER,
        Self::WKV7_ERR_NOTHING_FED,
        Self::WKV7_ERR_BROKEN,
        Self::WKV7_ERR_BUSY,
        Self::WKV7_ERR_CANCELLED,
        Self::WKV7_ERR_DEVICE,
        Self::WKV7_ERR_PANIC,
        Self::WKV7_ERR_SAMPLING,
        Self::WKV7_ERR_OTHER,
    ];

    /// What it means, for people.
    pub(crate) fn message(self) -> &'static std::ffi::CStr {
        match self {
            Self::WKV7_OK => c"it worked",
            Self::WKV7_ERR_NULL => c"a pointer that must not be NULL is NULL",
            Self::WKV7_ERR_ARGUMENT => c"a value outside its range, or an unknown name",
            Self::WKV7_ERR_UTF8 => c"a text that is not UTF-8",
            Self::WKV7_ERR_BUFFER => c"the buffer is too small",
            Self::WKV7_ERR_IO => c"the operating system refused a file",
            Self::WKV7_ERR_FILE => c"a file that is not what it should be, or is broken",
            Self::WKV7_ERR_UNSUPPORTED => c"this build or this backend cannot do it",
            Self::WKV7_ERR_UNAVAILABLE => c"the backend or device is not there",
            Self::WKV7_ERR_NO_SLOT => c"all slots of the model are in use",
            Self::WKV7_ERR_WRONG_MODEL => c"two things that belong to different models",
            Self::WKV7_ERR_TOKEN => c"a token outside the vocabulary",
            Self::WKV7_ERR_TOO_LARGE => c"more than one call takes",
            Self::WKV7_ERR_TOKENIZER => c"no vocabulary, or something that it cannot translate",
            Self::WKV7_ERR_NOTHING_FED => c"there are no logits yet",
            Self::WKV7_ERR_BROKEN => c"an earlier error left the session without a valid state",
            Self::WKV7_ERR_BUSY => c"another call is using the handle",
            Self::WKV7_ERR_CANCELLED => c"cancelled",
            Self::WKV7_ERR_DEVICE => c"the device failed, or its memory is full",
            Self::WKV7_ERR_PANIC => c"a bug in the library was caught",
            Self::WKV7_ERR_SAMPLING => c"no token can be sampled from these logits",
            Self::WKV7_ERR_OTHER => c"another error",
        }
    }
}
