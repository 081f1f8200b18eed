//! `tokenizer.json`, through the `tokenizers` library.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use tokenizers::decoders::DecoderWrapper;
use tokenizers::{Decoder, Tokenizer as Library};

use crate::table::{Table, TableBuilder};
use crate::{Error, Tokenizer, json_screen};

/// A `tokenizer.json`: the library encodes; decoding goes through the raw bytes of each token, so that none is lost
/// where a token ends inside a character.
///
/// What the library's decoder does only at the start of a text (stripping a space) is left undone.
pub struct Json {
    library: Library,
    table: Table,
    end_of_text: Option<u32>,
}

/// What ends a document, by the names in use; the first that exists.
const END_OF_TEXT: [&str; 3] = ["<|endoftext|>", "</s>", "<eos>"];

impl Json {
    /// Reads the text of a `tokenizer.json`.
    ///
    /// # Errors
    /// Text that the library refuses or does not survive; a vocabulary beyond the accepted size; a decoder that gives tokens no bytes of
    /// their own.
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        json_screen::check(text)?;
        let mut library = Library::from_bytes(text).map_err(failed)?;
        // Both serve batches of fixed size and would drop or add tokens.
        library.with_padding(None);
        library.with_truncation(None).map_err(failed)?;
        let table = table(&library)?;
        let end_of_text = END_OF_TEXT.iter().find_map(|name| library.token_to_id(name));
        Ok(Self { library, table, end_of_text })
    }

    /// Reads the `tokenizer.json` at `path`.
    ///
    /// # Errors
    /// Those of [`Json::from_json`], and the file that cannot be read; each names `path`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = crate::open::read(path)?;
        Self::from_json(&text).map_err(|error| crate::open::in_file(path, error))
    }
}

fn failed(error: tokenizers::Error) -> Error {
    Error::Json(error.to_string())
}

/// The bytes of each token: none for a special one, the content of an added one, else by the decoder.
fn table(library: &Library) -> Result<Table, Error> {
    let added = library.get_added_tokens_decoder();
    let names: BTreeMap<u32, String> =
        library.get_vocab(true).into_iter().map(|(name, id)| (id, name)).collect();
    let last = names.last_key_value().map(|(&id, _)| id).max(added.keys().copied().max());
    let Some(last) = last else { return Err(Error::Empty) };
    let mut builder = TableBuilder::new(last as usize + 1)?;
    let spelling = Spelling::of(library.get_decoder())?;
    for (&id, name) in &names {
        if !added.contains_key(&id) {
            builder.set(id, &spelling.bytes(name)?)?;
        }
    }
    for (&id, token) in &added {
        builder.set(id, if token.special { b"" } else { token.content.as_bytes() })?;
    }
    Ok(builder.finish())
}

/// How the names of tokens spell bytes.
enum Spelling<'a> {
    /// One character a byte, in the alphabet of GPT-2.
    ByteLevel,
    /// As the decoder renders a token that follows another; `<0xHH>` is a byte where `fallback` says so.
    Decoder { decoder: &'a DecoderWrapper, fallback: bool },
    /// No decoder: the library puts a space before every token but the first.
    Spaced,
}

impl<'a> Spelling<'a> {
    fn of(decoder: Option<&'a DecoderWrapper>) -> Result<Self, Error> {
        let Some(decoder) = decoder else { return Ok(Self::Spaced) };
        let parts = match decoder {
            DecoderWrapper::Sequence(sequence) => sequence.get_decoders(),
            single => std::slice::from_ref(single),
        };
        // These render a token by what follows it, so a token has no bytes of its own.
        if parts.iter().any(|part| matches!(part, DecoderWrapper::CTC(_) | DecoderWrapper::BPE(_))) {
            return Err(Error::Json(
                "expected a decoder that works token by token, found CTC or BPEDecoder".into(),
            ));
        }
        if parts.iter().any(|part| matches!(part, DecoderWrapper::ByteLevel(_))) {
            return Ok(Self::ByteLevel);
        }
        let fallback = parts.iter().any(|part| matches!(part, DecoderWrapper::ByteFallback(_)));
        Ok(Self::Decoder { decoder, fallback })
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, Error> {
        match self {
            // A name outside the alphabet stands for itself, as in the library.
            Self::ByteLevel => Ok(name
                .chars()
                .map(byte_of)
                .collect::<Option<_>>()
                .unwrap_or_else(|| name.as_bytes().to_vec())),
            Self::Decoder { decoder, fallback } => match fallback_byte(name) {
                Some(byte) if *fallback => Ok(vec![byte]),
                _ => after_another(decoder, name),
            },
            Self::Spaced => Ok(format!(" {name}").into_bytes()),
        }
    }
}

/// What the decoder adds for `name` where a token stands before it.
fn after_another(decoder: &DecoderWrapper, name: &str) -> Result<Vec<u8>, Error> {
    const ANOTHER: &str = "a";
    let pair = decoder.decode(vec![ANOTHER.to_string(), name.to_string()]).map_err(failed)?;
    let added = pair.strip_prefix(ANOTHER).ok_or_else(|| {
        Error::Json(format!(
            "expected a decoder that keeps the token {ANOTHER:?}, found {pair:?} before {name:?}"
        ))
    })?;
    Ok(added.as_bytes().to_vec())
}

/// `<0xHH>`, strictly.
fn fallback_byte(name: &str) -> Option<u8> {
    let digits = name.strip_prefix("<0x")?.strip_suffix('>')?;
    let strict = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if strict { u8::from_str_radix(digits, 16).ok() } else { None }
}

/// The byte of a character in GPT-2's alphabet: printable Latin-1 characters are themselves, and the 68 other bytes,
/// ascending, are U+0100 onward.
fn byte_of(c: char) -> Option<u8> {
    match u32::from(c) {
        itself @ (0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) => u8::try_from(itself).ok(),
        moved @ 0x100..=0x120 => u8::try_from(moved - 0x100).ok(), // 0x00 to 0x20
        moved @ 0x121..=0x142 => u8::try_from(moved - 0x121 + 0x7f).ok(), // 0x7f to 0xa0
        0x143 => Some(0xad),
        _ => None,
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Json").field("vocab", &self.vocab()).finish_non_exhaustive()
    }
}

impl Tokenizer for Json {
    fn name(&self) -> &str {
        "tokenizer.json"
    }

    fn vocab(&self) -> usize {
        self.table.vocab()
    }

    fn encode(&self, text: &[u8], ids: &mut Vec<u32>) -> Result<(), Error> {
        let text = std::str::from_utf8(text)
            .map_err(|error| Error::NotUtf8 { offset: error.valid_up_to(), tokenizer: self.name().into() })?;
        // Special tokens that the text spells are recognised; none is put before or after it.
        let encoding = self.library.encode_fast(text, false).map_err(failed)?;
        ids.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    fn token_bytes(&self, id: u32) -> Option<&[u8]> {
        self.table.get(id)
    }

    fn decode(&self, ids: &[u32]) -> Result<Vec<u8>, Error> {
        self.table.decode(self.name(), ids)
    }

    fn end_of_text(&self) -> Option<u32> {
        self.end_of_text
    }
}
