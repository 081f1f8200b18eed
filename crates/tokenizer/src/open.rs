//! Which vocabulary: from a file, or from the size of a model.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::{Bytes, Error, Tokenizer, World};

/// Largest vocabulary file read; the official one has 1.1 MB, a large tokenizer.json 35 MB.
const MAX_FILE: u64 = 256 << 20;

/// Opens a vocabulary file by its content: `tokenizer.json` where it begins with a brace, else the official text form.
///
/// # Errors
/// A file that cannot be read or is neither; each names `path`.
pub fn open(path: &Path) -> Result<Arc<dyn Tokenizer>, Error> {
    let text = read(path)?;
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    let opened = if first == Some(&b'{') {
        open_json(&text)
    } else {
        World::from_vocab_file(&text).map(|world| Arc::new(world) as Arc<dyn Tokenizer>)
    };
    opened.map_err(|error| in_file(path, error))
}

#[cfg(feature = "hf")]
fn open_json(text: &[u8]) -> Result<Arc<dyn Tokenizer>, Error> {
    Ok(Arc::new(crate::Json::from_json(text)?))
}

#[cfg(not(feature = "hf"))]
fn open_json(_text: &[u8]) -> Result<Arc<dyn Tokenizer>, Error> {
    Err(Error::LeftOut {
        what: "tokenizer.json files",
        feature: "hf",
        way_out: "build with it, or give a vocabulary in the official text form",
    })
}

/// Chooses by the vocabulary size of a model that has no vocabulary beside or inside it: 65536 is World, 256 is bytes.
///
/// # Errors
/// [`Error::NoVocabulary`] for any other size; [`Error::LeftOut`] where this build has no World vocabulary.
pub fn guess(vocab: usize) -> Result<Arc<dyn Tokenizer>, Error> {
    match vocab {
        65536 => built_in_world(),
        256 => Ok(Arc::new(Bytes)),
        _ => Err(Error::NoVocabulary { vocab }),
    }
}

#[cfg(feature = "world")]
fn built_in_world() -> Result<Arc<dyn Tokenizer>, Error> {
    Ok(crate::world())
}

#[cfg(not(feature = "world"))]
fn built_in_world() -> Result<Arc<dyn Tokenizer>, Error> {
    Err(Error::LeftOut {
        what: "the World vocabulary",
        feature: "world",
        way_out: "build with it, or name a vocabulary file with --vocab",
    })
}

/// The whole file, up to a limit that holds even where the system reports no size.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read { path: path.into(), source };
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_FILE + 1).read_to_end(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE {
        let error =
            Error::TooLarge { what: "bytes in its file", limit: MAX_FILE as usize, found: text.len() };
        return Err(in_file(path, error));
    }
    Ok(text)
}

/// Names the file in an error about its content.
pub(crate) fn in_file(path: &Path, error: Error) -> Error {
    Error::File { path: path.into(), source: Box::new(error) }
}
