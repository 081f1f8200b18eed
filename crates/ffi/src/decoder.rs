//! Decoding one token at a time into whole characters.

use std::ffi::c_char;
use std::sync::{Mutex, PoisonError};

use wkv7::tokenizer::StreamDecoder;

use crate::args;
use crate::call::run;
use crate::status::wkv7_status;
use crate::tokenizer::wkv7_tokenizer;

/// Turns tokens into text as they come; no character is cut. For one thread at a time. It keeps its vocabulary.
pub struct wkv7_decoder(Mutex<Inner>);

struct Inner {
    stream: StreamDecoder,
    text: String,
}

/// A decoder at the start of a text.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_decoder_new(
    tokenizer: *const wkv7_tokenizer,
    decoder: *mut *mut wkv7_decoder,
) -> wkv7_status {
    run(|| {
        let tokenizer = c!(shared(tokenizer, "tokenizer"))?;
        let inner = Inner { stream: tokenizer.0.decoder(), text: String::new() };
        c!(give(decoder, "decoder", wkv7_decoder(Mutex::new(inner))))
    })
}

/// Frees a decoder; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_decoder_free(decoder: *mut wkv7_decoder) {
    c!(release(decoder));
}

/// Takes the next token. The text that is certain now, often none, lives until the decoder's next call.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_decoder_push(
    decoder: *mut wkv7_decoder,
    token: u32,
    text: *mut *const c_char,
    text_len: *mut usize,
) -> wkv7_status {
    advance(decoder, text, text_len, |inner| Ok(inner.stream.push_into(token, &mut inner.text)?))
}

/// Ends the text: half a character becomes U+FFFD, and the decoder is as new. The text lives until its next call.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_decoder_finish(
    decoder: *mut wkv7_decoder,
    text: *mut *const c_char,
    text_len: *mut usize,
) -> wkv7_status {
    advance(decoder, text, text_len, |inner| {
        inner.text.push_str(&inner.stream.finish());
        Ok(())
    })
}

fn advance(
    decoder: *const wkv7_decoder,
    text: *mut *const c_char,
    text_len: *mut usize,
    step: impl FnOnce(&mut Inner) -> Result<(), crate::call::Fault>,
) -> wkv7_status {
    run(|| {
        let decoder = c!(shared(decoder, "decoder"))?;
        args::place(text, "text")?;
        args::place(text_len, "text_len")?;
        let mut inner = decoder.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.text.clear();
        step(&mut inner)?;
        c!(put(text_len, "text_len", inner.text.len()))?;
        c!(put(text, "text", inner.text.as_ptr().cast()))
    })
}
