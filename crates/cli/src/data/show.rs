//! `wkv7 data show`: the documents of a pair as text.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use wkv7_train::data::{BinIdx, END};

use crate::args::{any_count, some_count};
use crate::terminal::output;
use crate::terminal::text::TextOut;
use crate::tokenize::VocabularyArgs;

/// Print documents of a .bin and .idx pair as text
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Show {
    /// The pair, with or without its ending
    #[arg(value_name = "PREFIX")]
    prefix: PathBuf,
    #[command(flatten)]
    vocabulary: VocabularyArgs,
    /// How many documents
    #[arg(short = 'n', long, value_name = "N", default_value = "3", value_parser = some_count)]
    documents: usize,
    /// The first of them, from 0
    #[arg(long, value_name = "N", default_value = "0", value_parser = any_count::<usize>)]
    from: usize,
    /// At most so many tokens of each
    #[arg(long, value_name = "N", default_value = "500", value_parser = some_count)]
    tokens: usize,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 data show stories
  wkv7 data show tiny --vocab bytes --from 1000 -n 1 --tokens 10000";

impl Show {
    pub fn run(self) -> anyhow::Result<()> {
        let tokenizer = self.vocabulary.tokenizer()?;
        let pair = BinIdx::open(&self.prefix)?;
        let end = self.from.saturating_add(self.documents).min(pair.documents());
        if self.from >= end {
            let (path, all) = (pair.path().display(), pair.documents());
            anyhow::bail!("{path}: expected --from below the {all} documents there are, found {}", self.from);
        }
        for document in self.from..end {
            let (first, behind) = (pair.start(document), pair.start(document + 1));
            let count = behind - first;
            let shown = count.min(self.tokens);
            let mut ids = Vec::new();
            pair.read(first..first + shown, tokenizer.vocab().max(1), &mut ids)?; // the end is always known
            if shown == count && ids.last() == Some(&END) {
                ids.pop();
            }
            let named = || format!("{}: document {document}", pair.path().display());
            let text = tokenizer.decode(&ids).with_context(named)?;
            let plural = if count == 1 { "" } else { "s" };
            output::print(format!("--- document {document}, {count} token{plural}\n"))?;
            let rest = if shown < count { "..." } else { "" };
            TextOut::new(true).write(&format!("{}{rest}\n", String::from_utf8_lossy(&text)))?;
        }
        Ok(())
    }
}
