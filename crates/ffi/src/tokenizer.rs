//! Vocabularies: text to tokens and back.

use std::ffi::c_char;
use std::path::Path;
use std::sync::Arc;

use wkv7::tokenizer::{self, Tokenizer};

use crate::args;
use crate::call::{Fault, run};
use crate::model::wkv7_model;
use crate::status::{wkv7_status, wkv7_status as Status};

/// A vocabulary. May be used from any number of threads at once.
pub struct wkv7_tokenizer(pub(crate) Arc<dyn Tokenizer>);

/// The vocabulary of a model.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_model_tokenizer(
    model: *const wkv7_model,
    tokenizer: *mut *mut wkv7_tokenizer,
) -> wkv7_status {
    run(|| {
        let model = c!(shared(model, "model"))?;
        let found = model.0.tokenizer()?;
        c!(give(tokenizer, "tokenizer", wkv7_tokenizer(Arc::clone(found))))
    })
}

/// A vocabulary without a model: "world", "bytes", or the path of a file, the official text form or a tokenizer.json.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_tokenizer_open(
    name: *const c_char,
    name_len: usize,
    tokenizer: *mut *mut wkv7_tokenizer,
) -> wkv7_status {
    run(|| {
        args::place(tokenizer, "tokenizer")?;
        let opened = match c!(text(name, name_len, "name"))? {
            "world" => tokenizer::world(),
            "bytes" => Arc::new(tokenizer::Bytes),
            path => tokenizer::open(Path::new(path))?,
        };
        c!(give(tokenizer, "tokenizer", wkv7_tokenizer(opened)))
    })
}

/// Frees a tokenizer; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_tokenizer_free(tokenizer: *mut wkv7_tokenizer) {
    c!(release(tokenizer));
}

/// One more than the largest id that the vocabulary has.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_tokenizer_size(tokenizer: *const wkv7_tokenizer, size: *mut usize) -> wkv7_status {
    run(|| {
        let tokenizer = c!(shared(tokenizer, "tokenizer"))?;
        c!(put(size, "size", tokenizer.0.vocab()))
    })
}

/// The token that ends a text; -1 where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_tokenizer_end_of_text(
    tokenizer: *const wkv7_tokenizer,
    token: *mut i64,
) -> wkv7_status {
    run(|| {
        let tokenizer = c!(shared(tokenizer, "tokenizer"))?;
        c!(put(token, "token", tokenizer.0.end_of_text().map_or(-1, i64::from)))
    })
}

/// The tokens of a text. Any bytes will do, except where a tokenizer.json wants UTF-8. A two-call array: `*count` tokens.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_tokenizer_encode(
    tokenizer: *const wkv7_tokenizer,
    text: *const c_char,
    text_len: usize,
    tokens: *mut u32,
    count: *mut usize,
) -> wkv7_status {
    run(|| {
        let tokenizer = c!(shared(tokenizer, "tokenizer"))?;
        let bytes = c!(bytes(text, text_len, "text"))?;
        let mut ids = Vec::new();
        tokenizer.0.encode(bytes, &mut ids)?;
        c!(copy(&ids, tokens, count, "tokens"))
    })
}

/// The bytes of tokens, joined; they may begin or end inside a character, see wkv7_decoder. A two-call array: `*len`
/// bytes.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_tokenizer_decode(
    tokenizer: *const wkv7_tokenizer,
    tokens: *const u32,
    count: usize,
    bytes: *mut c_char,
    len: *mut usize,
) -> wkv7_status {
    run(|| {
        let tokenizer = c!(shared(tokenizer, "tokenizer"))?;
        let tokens = c!(slice(tokens, count, "tokens"))?;
        c!(copy(&tokenizer.0.decode(tokens)?, bytes.cast(), len, "bytes"))
    })
}

/// The bytes that a token stands for; none for the end of text and other special tokens. They live as long as the
/// tokenizer.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_tokenizer_token(
    tokenizer: *const wkv7_tokenizer,
    token: u32,
    bytes: *mut *const c_char,
    len: *mut usize,
) -> wkv7_status {
    run(|| {
        let tokenizer = c!(shared(tokenizer, "tokenizer"))?;
        args::place(bytes, "bytes")?;
        let found = tokenizer.0.token_bytes(token).ok_or_else(|| {
            let text = format!("token {token} is not in the vocabulary `{}`", tokenizer.0.name());
            Fault::new(Status::WKV7_ERR_TOKENIZER, text)
        })?;
        c!(put(len, "len", found.len()))?;
        c!(put(bytes, "bytes", found.as_ptr().cast()))
    })
}
