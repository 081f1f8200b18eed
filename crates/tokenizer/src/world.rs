//! Greedy longest match over bytes: the World vocabulary and its kin.

use std::fmt;
use std::path::Path;

use crate::table::{MAX_VOCAB, Table, TableBuilder};
use crate::trie::Trie;
use crate::{Error, Tokenizer, vocab_file};

/// A vocabulary cut greedily: at each position the longest token that matches.
///
/// Works on bytes as they are; nothing is normalised and nothing added. Where two ids have the same bytes, the smaller
/// is the one encoded and both decode.
pub struct World {
    name: &'static str,
    table: Table,
    trie: Trie,
    end_of_text: Option<u32>,
}

impl World {
    /// Reads the text of a vocabulary file in the official form, `<id> <Python literal> <length in bytes>` a line.
    ///
    /// Ids may have gaps but no repetitions. Where the file has no id 0, that id is the end of text, as in World.
    ///
    /// # Errors
    /// The first line that is not as it should be, by number; a vocabulary beyond the accepted size.
    pub fn from_vocab_file(text: &[u8]) -> Result<Self, Error> {
        let mut tokens: Vec<Option<Vec<u8>>> = Vec::new();
        for (index, entry) in vocab_file::parse(text).enumerate() {
            let vocab_file::Entry { id, bytes } = entry?;
            let at = id as usize;
            if at >= MAX_VOCAB {
                return Err(Error::TooLarge { what: "token ids", limit: MAX_VOCAB, found: at + 1 });
            }
            if at >= tokens.len() {
                tokens.resize(at + 1, None);
            }
            if tokens[at].replace(bytes).is_some() {
                let expected = "an id not seen before".into();
                return Err(vocab_file::LineError {
                    line: index + 1,
                    expected,
                    found: format!("id {id} again"),
                }
                .into());
            }
        }
        if let Some(zero @ None) = tokens.first_mut() {
            *zero = Some(Vec::new());
        }
        Self::from_tokens(tokens)
    }

    /// Reads a vocabulary file in the official form from `path`.
    ///
    /// # Errors
    /// Those of [`World::from_vocab_file`], and the file that cannot be read; each names `path`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let text = crate::open::read(path)?;
        Self::from_vocab_file(&text).map_err(|error| crate::open::in_file(path, error))
    }

    /// Takes the tokens themselves; the id is the index, `None` an id not in use.
    ///
    /// An empty token is never encoded and decodes to nothing; an empty token 0 is the end of text.
    ///
    /// # Errors
    /// No token at all, or a vocabulary beyond the accepted size.
    pub fn from_tokens(tokens: Vec<Option<Vec<u8>>>) -> Result<Self, Error> {
        let mut builder = TableBuilder::new(tokens.len())?;
        for (id, token) in (0..).zip(&tokens) {
            if let Some(token) = token {
                builder.set(id, token)?;
            }
        }
        let end_of_text = matches!(tokens.first(), Some(Some(token)) if token.is_empty()).then_some(0);
        Self::new("world", builder.finish(), end_of_text, |_| true)
    }

    /// Sorts the tokens of `table` for which `encoded` says so, and builds their trie.
    pub(crate) fn new(
        name: &'static str,
        table: Table,
        end_of_text: Option<u32>,
        encoded: impl Fn(u32) -> bool,
    ) -> Result<Self, Error> {
        // In range: a table has at most MAX_VOCAB ids.
        let mut sorted: Vec<u32> = (0..table.vocab() as u32)
            .filter(|&id| encoded(id) && table.get(id).is_some_and(|token| !token.is_empty()))
            .collect();
        if sorted.is_empty() {
            return Err(Error::Empty);
        }
        sorted.sort_unstable_by(|&a, &b| table.get(a).cmp(&table.get(b)).then(a.cmp(&b)));
        sorted.dedup_by(|later, kept| table.get(*later) == table.get(*kept));
        Self::from_sorted(name, table, end_of_text, &sorted)
    }

    /// As [`World::new`], from ids already in the order of their bytes.
    pub(crate) fn from_sorted(
        name: &'static str,
        table: Table,
        end_of_text: Option<u32>,
        sorted: &[u32],
    ) -> Result<Self, Error> {
        let trie = Trie::new(&table, sorted)?;
        Ok(Self { name, table, trie, end_of_text })
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("name", &self.name)
            .field("vocab", &self.vocab())
            .finish_non_exhaustive()
    }
}

impl Tokenizer for World {
    fn name(&self) -> &str {
        self.name
    }

    fn vocab(&self) -> usize {
        self.table.vocab()
    }

    fn encode(&self, text: &[u8], ids: &mut Vec<u32>) -> Result<(), Error> {
        let before = ids.len();
        ids.reserve(text.len() / 4); // English prose has 4.4 bytes a token
        self.trie.encode(text, ids).map_err(|offset| {
            ids.truncate(before);
            Error::NoToken { byte: text[offset], offset, tokenizer: self.name.into() }
        })
    }

    fn token_bytes(&self, id: u32) -> Option<&[u8]> {
        self.table.get(id)
    }

    fn decode(&self, ids: &[u32]) -> Result<Vec<u8>, Error> {
        self.table.decode(self.name, ids)
    }

    fn end_of_text(&self) -> Option<u32> {
        self.end_of_text
    }
}
