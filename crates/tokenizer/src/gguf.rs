//! The vocabulary inside a GGUF: `tokenizer.ggml.tokens` and `.token_type` of model "rwkv".
//!
//! Token bytes are stored as the body of Python's `repr` of them: printable ASCII as it is, `\t \n \r \\`, the
//! delimiter where it could not be avoided, and `\xHH` for all else.

use crate::table::TableBuilder;
use crate::{Error, World};

/// `LLAMA_TOKEN_TYPE_*` of llama.cpp.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const UNUSED: i32 = 5;
const BYTE: i32 = 6;

/// Builds the tokenizer of a GGUF from its tokens (escaped, as stored) and their types.
///
/// Only normal and byte tokens are ever encoded, so a prompt that spells `<s>` stays text. Control, unknown and unused
/// tokens decode to nothing. The end of text is the first control token.
///
/// # Errors
/// The first token with a broken escape or an unknown type, by index; a vocabulary with nothing to encode, or beyond
/// the accepted size.
pub fn from_gguf_tokens<T: AsRef<[u8]>>(tokens: impl IntoIterator<Item = (T, i32)>) -> Result<World, Error> {
    let mut texts = Vec::new();
    let mut kinds = Vec::new();
    for (id, (stored, kind)) in tokens.into_iter().enumerate() {
        let stored = stored.as_ref();
        let wrong = |(expected, found)| Error::GgufToken { id, expected, found };
        texts.push(match kind {
            NORMAL | USER_DEFINED => unescape_token(stored).map_err(wrong)?,
            BYTE => vec![byte_token(stored).map_err(wrong)?],
            UNKNOWN | CONTROL | UNUSED => Vec::new(),
            other => return Err(wrong(("a type from 1 to 6", format!("type {other}")))),
        });
        kinds.push(kind);
    }
    let mut builder = TableBuilder::new(texts.len())?;
    for (id, text) in (0..).zip(&texts) {
        builder.set(id, text)?;
    }
    // In range: the builder refused more than MAX_VOCAB ids.
    let end_of_text = kinds.iter().position(|&kind| kind == CONTROL).map(|id| id as u32);
    World::new("gguf", builder.finish(), end_of_text, |id| matches!(kinds[id as usize], NORMAL | BYTE))
}

/// Expectation and finding.
type Mismatch = (&'static str, String);

/// Bytes of a token as a GGUF stores it; a backslash before any other character stands for that character.
///
/// # Errors
/// What was expected and what was found: `\x` without two hexadecimal digits, or a backslash at the end.
pub fn unescape_token(stored: &[u8]) -> Result<Vec<u8>, (&'static str, String)> {
    let mut bytes = Vec::with_capacity(stored.len());
    let mut rest = stored;
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        let (&kind, after) =
            rest.split_first().ok_or_else(|| ("a character after the last backslash", shown(stored)))?;
        rest = after;
        bytes.push(match kind {
            b't' => b'\t',
            b'n' => b'\n',
            b'r' => b'\r',
            b'x' => {
                let (value, after) =
                    hex_byte(rest).ok_or_else(|| (r"two hexadecimal digits after \x", shown(stored)))?;
                rest = after;
                value
            }
            other => other,
        });
    }
    Ok(bytes)
}

/// A byte token, `<0xHH>` and nothing else: a sign or a third digit is refused.
fn byte_token(stored: &[u8]) -> Result<u8, Mismatch> {
    let digits = stored.strip_prefix(b"<0x").and_then(|rest| rest.strip_suffix(b">"));
    match digits.and_then(hex_byte) {
        Some((value, [])) => Ok(value),
        _ => Err(("a byte token <0x00> to <0xFF>", shown(stored))),
    }
}

/// Two hexadecimal digits and what follows them.
fn hex_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], rest) = text.split_first_chunk()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some(((digit(high)? << 4 | digit(low)?) as u8, rest)) // 8 bits
}

/// The text for an error message: one line, cut.
fn shown(stored: &[u8]) -> String {
    let cut = &stored[..stored.len().min(40)];
    format!("the text \"{}\"", cut.escape_ascii())
}
