//! Which vocabulary a model's text has: inside the checkpoint, beside it, or told by size.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wkv7_formats::{Checkpoint, Vocabulary};
use wkv7_tokenizer::{self as tokenizer, Tokenizer};

use crate::model::folder_of;
use crate::{Config, Error, TokenizerChoice};

/// Where to look for the vocabulary of a model.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts {
    /// The one inside the checkpoint.
    pub inside: Option<Vocabulary>,
    /// The folder in which one may lie.
    pub folder: Option<PathBuf>,
}

/// The vocabulary that was asked for; `None` where it is to be found out.
pub(crate) fn chosen(choice: &TokenizerChoice, vocab: usize) -> Result<Option<Arc<dyn Tokenizer>>, Error> {
    let chosen = match choice {
        TokenizerChoice::Auto => return Ok(None),
        TokenizerChoice::World => tokenizer::guess(WORLD)?,
        TokenizerChoice::Bytes => Arc::new(tokenizer::Bytes),
        TokenizerChoice::File(path) => tokenizer::open(path)?,
    };
    if chosen.vocab() > vocab {
        let (tokenizer, found) = (chosen.name().to_owned(), chosen.vocab());
        return Err(Error::TokenizerTooLarge { tokenizer, found, vocab });
    }
    Ok(Some(chosen))
}

/// The vocabulary that [`crate::Model::open`] would use for `checkpoint`, without loading the model.
///
/// # Errors
/// One that was asked for and cannot be used; nothing that tells which it is, and the way out.
pub fn open_tokenizer(
    choice: &TokenizerChoice,
    checkpoint: &Checkpoint,
) -> Result<Arc<dyn Tokenizer>, Error> {
    let vocab = Config::deduce(&checkpoint.tensors, checkpoint.recipe)?.vocab;
    if let Some(chosen) = chosen(choice, vocab)? {
        return Ok(chosen);
    }
    let folder = folder_of(&checkpoint.path);
    let whereabouts = Whereabouts { inside: checkpoint.vocabulary.clone(), folder };
    find(&whereabouts, vocab).map_err(|error| Error::NoTokenizer(Arc::new(error)))
}

/// `tokenizer`'s vocabulary as a GGUF stores it, for a model of `vocab` tokens: what llama.cpp's own converter
/// writes for World models, ids without text included.
#[must_use]
pub fn gguf_vocabulary(tokenizer: &dyn Tokenizer, vocab: usize) -> Vocabulary {
    let ids = 0..u32::try_from(vocab).unwrap_or(u32::MAX);
    let tokens = ids.map(|id| tokenizer.token_bytes(id).filter(|bytes| !bytes.is_empty()));
    Vocabulary::from_token_bytes(tokens, vocab)
}

/// Type of a token that stands for text.
const NORMAL: i32 = 1;
/// Vocabulary size of World models.
const WORLD: usize = 65_536;

/// Finds the vocabulary of a model with `vocab` tokens.
pub(crate) fn find(whereabouts: &Whereabouts, vocab: usize) -> Result<Arc<dyn Tokenizer>, tokenizer::Error> {
    if let Some(inside) = &whereabouts.inside
        && let Some(found) = from_gguf(inside)?
        && found.vocab() <= vocab
    {
        return Ok(found);
    }
    if let Some(folder) = &whereabouts.folder
        && let Some(found) = beside(folder, vocab)?
    {
        return Ok(found);
    }
    match &whereabouts.inside {
        // The file has a vocabulary, only not one that can be read: guessing would give wrong text in silence.
        Some(_) => Err(tokenizer::Error::NoVocabulary { vocab }),
        None => tokenizer::guess(vocab),
    }
}

/// Only the World kind has the token bytes in the file; other kinds, for which this is `None`, need their
/// `tokenizer.json`.
fn from_gguf(vocabulary: &Vocabulary) -> Result<Option<Arc<dyn Tokenizer>>, tokenizer::Error> {
    if vocabulary.model != "rwkv" {
        return Ok(None);
    }
    let types = vocabulary.types.iter().copied().chain(std::iter::repeat(NORMAL));
    let world = tokenizer::from_gguf_tokens(vocabulary.tokens.iter().zip(types))?;
    Ok(Some(Arc::new(world)))
}

/// A vocabulary file in `folder` that fits a model of `vocab` tokens.
///
/// One that has more tokens than the model belongs to another model in the same folder and is passed over.
/// A file of an official name that cannot be read is an error: guessing on would give wrong text in silence.
fn beside(folder: &Path, vocab: usize) -> Result<Option<Arc<dyn Tokenizer>>, tokenizer::Error> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(None) };
    let mut candidates: Vec<(u8, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            Some((rank(path.file_name()?.to_str()?)?, path))
        })
        .filter(|(_, path)| path.is_file()) // a pipe of that name would be waited for
        .collect();
    candidates.sort();
    for (rank, path) in candidates {
        match tokenizer::open(&path) {
            Ok(found) if found.vocab() <= vocab => return Ok(Some(found)),
            Err(error) if rank < LOOSE => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}

/// Rank of names that only suggest a vocabulary.
const LOOSE: u8 = 2;

/// How much a file's name promises a vocabulary, lower first; `None` for not at all.
fn rank(name: &str) -> Option<u8> {
    let text = name.ends_with(".txt");
    match name {
        _ if text && name.starts_with("rwkv_vocab") => Some(0),
        "tokenizer.json" => Some(1),
        _ if text && name.contains("vocab") => Some(LOOSE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ranked() {
        assert_eq!(rank("rwkv_vocab_v20230424.txt"), Some(0));
        assert_eq!(rank("tokenizer.json"), Some(1));
        assert_eq!(rank("my-vocab.txt"), Some(2));
        assert_eq!(rank("vocab.json"), None);
    }

    #[test]
    fn the_size_decides_where_nothing_else_does() {
        let nowhere = Whereabouts::default();
        assert_eq!(find(&nowhere, 256).expect("bytes").name(), "bytes");
        assert!(matches!(find(&nowhere, 131), Err(tokenizer::Error::NoVocabulary { vocab: 131 })));
    }

    #[test]
    fn a_vocabulary_that_is_asked_for_must_fit() {
        let error = chosen(&TokenizerChoice::Bytes, 131).expect_err("too large").to_string();
        assert_eq!(error, "vocabulary `bytes` has 256 tokens, the model has only 131");
        assert!(chosen(&TokenizerChoice::Auto, 131).expect("nothing asked").is_none());
    }

    #[test]
    fn a_vocabulary_survives_a_gguf() {
        let bytes = tokenizer::Bytes;
        let stored = gguf_vocabulary(&bytes, 258);
        assert_eq!((stored.tokens.len(), stored.tokens[257].as_slice()), (258, &b"[PAD257]"[..]));
        let read = from_gguf(&stored).expect("sound").expect("of the World kind");
        for id in 0..258 {
            assert_eq!(read.token_bytes(id).unwrap_or(b""), bytes.token_bytes(id).unwrap_or(b""), "{id}");
        }
    }

    #[cfg(feature = "world")]
    #[test]
    fn the_world_survives_a_gguf() {
        let world = tokenizer::world();
        let read = from_gguf(&gguf_vocabulary(&*world, WORLD)).expect("sound").expect("of the World kind");
        assert_eq!((read.vocab(), read.end_of_text()), (WORLD, Some(0)));
        for id in 0..65_530 {
            assert_eq!(read.token_bytes(id), world.token_bytes(id), "token {id}");
        }
        let text = "a prompt that spells <s> and [PAD65530], nothing more".as_bytes();
        let (mut ids, mut want) = (Vec::new(), Vec::new());
        read.encode(text, &mut ids).expect("any bytes");
        world.encode(text, &mut want).expect("any bytes");
        assert_eq!(ids, want);
    }

    #[test]
    fn the_vocabulary_inside_comes_first() {
        let vocabulary = Vocabulary {
            model: "rwkv".to_owned(),
            tokens: vec![b"<s>".to_vec(), b"a".to_vec(), b"b".to_vec()],
            types: vec![3, 1, 1],
        };
        let other = Vocabulary { model: "gpt2".to_owned(), ..vocabulary.clone() };
        let inside = Whereabouts { inside: Some(vocabulary), folder: None };
        let found = find(&inside, 256).expect("inside");
        assert_eq!(found.token_bytes(2), Some(&b"b"[..]));
        let unread = Whereabouts { inside: Some(other), folder: None };
        assert!(find(&unread, 256).is_err(), "another kind is not guessed to be bytes");
    }
}
