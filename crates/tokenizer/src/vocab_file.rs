//! The official vocabulary file: one token a line, `<id> <Python literal> <length in bytes>`.
//!
//! The build script compiles this file too, so it depends on nothing but the standard library.

use std::fmt;

/// One line of the file, decoded.
#[derive(Debug)]
pub(crate) struct Entry {
    pub id: u32,
    pub bytes: Vec<u8>,
}

/// A line that is not what the format wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// Line number, from 1.
    pub line: usize,
    /// What should have stood there.
    pub expected: String,
    /// What stood there.
    pub found: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: expected {}, found {}", self.line, self.expected, self.found)
    }
}

impl std::error::Error for LineError {}

/// Longest accepted line. The longest official token has 128 bytes, at most 4 characters of file for each.
const MAX_LINE: usize = 64 * 1024;

/// Reads the whole text of a vocabulary file, in file order. Says nothing about gaps and repetitions of ids.
pub(crate) fn parse(text: &[u8]) -> impl Iterator<Item = Result<Entry, LineError>> {
    // The newline that ends the last line starts no further one.
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    body.split(|&byte| byte == b'\n').enumerate().map(|(index, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        parse_line(line).map_err(|(expected, found)| LineError { line: index + 1, expected, found })
    })
}

/// What was expected and what was found.
type Mismatch = (String, String);

fn parse_line(line: &[u8]) -> Result<Entry, Mismatch> {
    if line.len() > MAX_LINE {
        return Err((format!("at most {MAX_LINE} bytes"), format!("{} bytes", line.len())));
    }
    let text = std::str::from_utf8(line).map_err(|error| {
        ("UTF-8 text".into(), format!("an invalid byte at column {}", error.valid_up_to() + 1))
    })?;
    // The literal may itself contain spaces, so cut at the first and the last one.
    let (id, rest) = text.split_once(' ').ok_or_else(|| shape(text))?;
    let (literal, length) = rest.rsplit_once(' ').ok_or_else(|| shape(text))?;
    let id = decimal(id).ok_or_else(|| ("a decimal id".to_string(), quoted(id)))?;
    let length =
        decimal(length).ok_or_else(|| ("a decimal length at the end".to_string(), quoted(length)))?;
    let bytes = parse_literal(literal)?;
    if bytes.len() != length as usize {
        return Err((format!("{length} bytes as the line declares"), format!("{} bytes", bytes.len())));
    }
    Ok(Entry { id, bytes })
}

/// Digits only: `str::parse` would also take a leading plus.
fn decimal(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Decodes `'...'`, `"..."` (text, UTF-8 encoded) or `b'...'`, `b"..."` (raw bytes).
fn parse_literal(literal: &str) -> Result<Vec<u8>, Mismatch> {
    let (raw, quoted_body) = match literal.strip_prefix('b') {
        Some(rest) => (true, rest),
        None => (false, literal),
    };
    let mut chars = quoted_body.chars();
    let delimiter = match chars.next() {
        Some(quote @ ('\'' | '"')) => quote,
        _ => return Err(("a Python string or bytes literal".into(), quoted(literal))),
    };
    if chars.next_back() != Some(delimiter) {
        return Err((format!("a literal that ends with {delimiter}"), quoted(literal)));
    }
    let mut bytes = Vec::with_capacity(quoted_body.len());
    while let Some(c) = chars.next() {
        match c {
            '\\' => unescape(&mut chars, raw, &mut bytes)?,
            c if c == delimiter => {
                return Err((format!("no bare {delimiter} inside the literal"), quoted(literal)));
            }
            c if raw && !c.is_ascii() => {
                return Err(("ASCII only in a bytes literal".into(), quoted(literal)));
            }
            c => push_char(&mut bytes, c),
        }
    }
    Ok(bytes)
}

/// Decodes what follows a backslash. `\xHH` is a byte in a bytes literal and a code point in a text literal.
fn unescape(chars: &mut std::str::Chars<'_>, raw: bool, bytes: &mut Vec<u8>) -> Result<(), Mismatch> {
    let kind = chars.next();
    match kind {
        Some('n') => bytes.push(b'\n'),
        Some('t') => bytes.push(b'\t'),
        Some('r') => bytes.push(b'\r'),
        Some(c @ ('\\' | '\'' | '"')) => push_char(bytes, c),
        Some('x') if raw => bytes.push(hex(chars, 2)? as u8), // two digits fit a byte
        Some('x') => push_code_point(bytes, hex(chars, 2)?)?,
        Some('u') if !raw => push_code_point(bytes, hex(chars, 4)?)?,
        Some('U') if !raw => push_code_point(bytes, hex(chars, 8)?)?,
        Some(c) => {
            return Err((
                r#"one of \n \t \r \\ \' \" \xHH \uXXXX"#.into(),
                format!("\\{}", c.escape_debug()),
            ));
        }
        None => return Err(("a character after the backslash".into(), "the end of the literal".into())),
    }
    Ok(())
}

/// Exactly `digits` (2, 4 or 8) hexadecimal digits; no sign, no space.
fn hex(chars: &mut std::str::Chars<'_>, digits: usize) -> Result<u32, Mismatch> {
    let rest = chars.as_str();
    let mut value = 0u32;
    for _ in 0..digits {
        let digit = chars.next().and_then(|c| c.to_digit(16)).ok_or_else(|| {
            (format!("{digits} hexadecimal digits"), quoted(&rest.chars().take(digits).collect::<String>()))
        })?;
        value = value << 4 | digit; // at most 8 digits: 32 bits
    }
    Ok(value)
}

fn push_code_point(bytes: &mut Vec<u8>, value: u32) -> Result<(), Mismatch> {
    let c = char::from_u32(value)
        .ok_or_else(|| ("a Unicode scalar value".to_string(), format!("the code point {value:#x}")))?;
    push_char(bytes, c);
    Ok(())
}

fn push_char(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn shape(text: &str) -> Mismatch {
    ("`<id> <literal> <length>`".into(), quoted(text))
}

/// A piece of the file fit for one line of an error message.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    if text.is_empty() {
        return "nothing".into();
    }
    let cut: String = text.chars().take(SHOWN).collect();
    let dots = if cut.len() < text.len() { "..." } else { "" };
    format!("{cut:?}{dots}")
}
