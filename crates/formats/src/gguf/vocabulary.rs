//! The vocabulary inside a file.

use super::metadata::{Kind, Metadata};
use super::{FORMAT, shown};
use crate::{Problem, Vocabulary};

/// Token of text.
pub(crate) const NORMAL: i32 = 1;
/// Token with a meaning instead of a text.
pub(crate) const CONTROL: i32 = 3;
/// An id that stands for nothing.
pub(crate) const UNUSED: i32 = 5;
/// One byte, written `<0xHH>`.
const BYTE: i32 = 6;

/// Tokens in a vocabulary, 16 times World's.
const MAX_TOKENS: usize = 1 << 20;
/// Bytes of a token as written; the longest of World, 128 bytes, takes at most 512.
const MAX_TOKEN: usize = 1 << 14;

/// Bytes of all tokens as written; those of World take 0.8 MB.
const MAX_BYTES: usize = 1 << 25;

/// The vocabulary that `metadata` describes, where it does.
pub(super) fn read(metadata: &Metadata<'_>) -> Result<Option<Vocabulary>, Problem> {
    const TOKENS: &str = "tokenizer.ggml.tokens";
    const TYPES: &str = "tokenizer.ggml.token_type";
    let model = metadata.text("tokenizer.ggml.model")?;
    let tokens = metadata.array(TOKENS, Kind::Text)?;
    let types = metadata.array(TYPES, Kind::I32)?;
    let (Some(model), Some((count, bytes))) = (model, tokens) else {
        return Ok(None);
    };
    let broken = |what| Err(Problem::broken(FORMAT, what));
    if count > MAX_TOKENS {
        return broken(format!("`{TOKENS}`: expected at most {MAX_TOKENS} tokens, found {count}"));
    }
    if bytes.len() > MAX_BYTES {
        let found = bytes.len();
        return broken(format!("`{TOKENS}`: expected at most {MAX_BYTES} bytes in all, found {found}"));
    }
    let types: Vec<i32> = match types {
        Some((found, _)) if found != count => {
            return broken(format!("`{TYPES}`: expected {count} types, one a token, found {found}"));
        }
        Some((_, bytes)) => bytes.as_chunks::<4>().0.iter().map(|&bytes| i32::from_le_bytes(bytes)).collect(),
        None => vec![NORMAL; count],
    };
    let tokens = split(bytes);
    for (id, (token, &kind)) in tokens.iter().zip(&types).enumerate() {
        if !(NORMAL..=BYTE).contains(&kind) {
            return broken(format!("token {id}: expected a type from 1 to 6, found {kind}"));
        }
        if token.len() > MAX_TOKEN {
            let found = token.len();
            return broken(format!("token {id}: expected at most {MAX_TOKEN} bytes, found {found}"));
        }
        if kind == BYTE && !is_byte(token) {
            return broken(format!("token {id}: expected a byte <0x00> to <0xFF>, found `{}`", shown(token)));
        }
    }
    Ok(Some(Vocabulary { model: String::from_utf8_lossy(model).into_owned(), tokens, types }))
}

/// The texts of an array whose lengths were checked when the metadata was read.
fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<8>() {
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (text, rest) = rest.split_at(length.min(rest.len()));
        texts.push(text.to_vec());
        bytes = rest;
    }
    texts
}

/// Exactly two hexadecimal digits: a sign would make an index below zero of it.
fn is_byte(token: &[u8]) -> bool {
    matches!(token, [b'<', b'0', b'x', high, low, b'>'] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

impl Vocabulary {
    /// The World kind from what each id stands for, `None` for ids without bytes.
    ///
    /// Id 0 without bytes is the end of text; every other id without bytes, and those up to `vocab`, are
    /// unused. Bytes are written as the body of Python's `repr`, as llama.cpp's converter does.
    pub fn from_token_bytes<'a>(tokens: impl IntoIterator<Item = Option<&'a [u8]>>, vocab: usize) -> Self {
        let mut made = Self { model: "rwkv".to_owned(), tokens: Vec::new(), types: Vec::new() };
        let padded = tokens.into_iter().chain(std::iter::repeat(None)).take(vocab);
        for (id, token) in padded.enumerate() {
            let (text, kind) = match token {
                Some(bytes) => (escape(bytes), NORMAL),
                None if id == 0 => ("<s>".to_owned(), CONTROL),
                None => (format!("[PAD{id}]"), UNUSED),
            };
            made.tokens.push(text.into_bytes());
            made.types.push(kind);
        }
        made
    }
}

/// The body of Python's `repr` of `bytes`: a quote is escaped only where both kinds occur.
fn escape(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let both_quotes = bytes.contains(&b'\'') && bytes.contains(&b'"');
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str(r"\\"),
            b'\t' => out.push_str(r"\t"),
            b'\n' => out.push_str(r"\n"),
            b'\r' => out.push_str(r"\r"),
            b'\'' if both_quotes => out.push_str(r"\'"),
            b' '..=b'~' => out.push(char::from(byte)),
            // Writing to a string cannot fail.
            other => _ = write!(out, r"\x{other:02x}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_written_as_python_writes_them() {
        let tokens: [Option<&[u8]>; 5] = [None, Some(b"a\n\\"), None, Some(b"'\""), Some(b"it's\xff\0")];
        let made = Vocabulary::from_token_bytes(tokens, 7);
        let texts: Vec<&str> = made.tokens.iter().map(|t| std::str::from_utf8(t).expect("ascii")).collect();
        assert_eq!(texts, ["<s>", r"a\n\\", "[PAD2]", r#"\'""#, r"it's\xff\x00", "[PAD5]", "[PAD6]"]);
        assert_eq!(made.types, [3, 1, 5, 1, 1, 5, 5]);
    }

    #[test]
    fn byte_tokens_are_exact() {
        assert!(is_byte(b"<0x0A>") && is_byte(b"<0xff>"));
        for wrong in ["<0x-1>", "<0x+1>", "<0x001>", "<0x1>", "0x01", "<0xg0>"] {
            assert!(!is_byte(wrong.as_bytes()), "{wrong}");
        }
    }
}
