//! What a run is made of before it is opened: its settings, its data.

use std::path::Path;

use wkv7_tokenizer::Tokenizer;

use super::{Config, Folder};
use crate::Error;
use crate::data::{Dataset, stem, text::Reading};

impl Folder {
    /// The settings of a run in this folder: `wanted`, where a run that is there may go on so.
    ///
    /// # Errors
    /// Settings under which that run would become another.
    pub fn settings(&self, wanted: &Config) -> Result<Config, Error> {
        let wanted = wanted.clone().with_whole_paths()?;
        if let Some(began) = self.began_with()? {
            let mut wanted = wanted;
            wanted.decide_as(&began);
            wanted.goes_on_from(&began)?;
            return Ok(wanted);
        }
        wanted.check()?;
        Ok(wanted)
    }

    /// The settings that a run in this folder began with; `None` where there is no run.
    ///
    /// # Errors
    /// A `config.toml` that cannot be read.
    pub fn began_with(&self) -> Result<Option<Config>, Error> {
        let path = self.config();
        if path.exists() { Config::read(&path).map(Some) } else { Ok(None) }
    }
}

impl Config {
    /// Takes defaults that depend on others as they were decided.
    fn decide_as(&mut self, before: &Self) {
        self.layers = self.layers.or(before.layers);
        self.channels = self.channels.or(before.channels);
        self.head_size = self.head_size.or(before.head_size);
        self.ffn = self.ffn.or(before.ffn);
        self.vocab_size = self.vocab_size.or(before.vocab_size);
        self.learning_rate = self.learning_rate.or(before.learning_rate);
        self.learning_rate_last = self.learning_rate_last.or(before.learning_rate_last);
        self.warmup = self.warmup.or(before.warmup);
        if self.steps.is_none() && self.tokens.is_none() && self.epochs.is_none() {
            (self.steps, self.tokens, self.epochs) = (before.steps, before.tokens, before.epochs);
        }
    }

    /// Whether the data is a binidx pair, which needs no tokenizer.
    #[must_use]
    pub fn has_pair(&self) -> bool {
        matches!(&self.data[..], [path] if is_pair(path))
    }

    /// Opens the data for a model of `vocab` token ids: a pair lies where it is, text is encoded into memory.
    ///
    /// # Errors
    /// Files that cannot be read or encoded, text without a tokenizer, a pair beside other files.
    pub fn dataset(&self, tokenizer: Option<&dyn Tokenizer>, vocab: usize) -> Result<Dataset, Error> {
        let data = match &self.data[..] {
            [] => {
                return Err(Error::Setting(
                    "no data to train on: give `data`, a binidx pair or files of text".to_owned(),
                ));
            }
            [path] if is_pair(path) => Dataset::open(path, vocab)?,
            paths => {
                if let Some(path) = paths.iter().find(|path| is_pair(path)) {
                    let what = format!(
                        "{}: expected a binidx pair alone, found other data beside it",
                        path.display()
                    );
                    return Err(Error::Setting(what));
                }
                let none = || Error::Setting("text to train on, but no vocabulary".to_owned());
                let reading = Reading { separator: self.separator.clone() };
                Dataset::from_text(paths, &reading, tokenizer.ok_or_else(none)?, vocab)?
            }
        };
        Ok(data.hold_out(self.held_out)?)
    }
}

/// Whether there is an index of that name. A file of just this name is text, whatever lies beside it.
fn is_pair(path: &Path) -> bool {
    let stem = stem(path);
    let named = stem != path;
    let mut index = stem.into_os_string();
    index.push(".idx");
    Path::new(&index).is_file() && (named || !path.is_file())
}
