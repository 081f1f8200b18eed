//! `wkv7 detokenize`: token ids to bytes.

use clap::Args;

use crate::args::parse_ids;
use crate::terminal::output;
use crate::tokenize::VocabularyArgs;

/// Turn token ids back into text
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Detokenize {
    /// The ids, separated by commas or spaces [default: standard input, also as `tokenize --json` prints them]
    ids: Vec<String>,
    #[command(flatten)]
    vocabulary: VocabularyArgs,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 detokenize 33155,45,40213,34
  wkv7 tokenize --json < book.txt | wkv7 detokenize | cmp - book.txt

Writes the exact bytes, with no line end added.";

impl Detokenize {
    pub fn run(self) -> anyhow::Result<()> {
        let text = if self.ids.is_empty() {
            String::from_utf8_lossy(&output::read_stdin()?).into_owned()
        } else {
            self.ids.join(" ")
        };
        let bytes = self.vocabulary.tokenizer()?.decode(&parse_ids(&text)?)?;
        Ok(output::print(bytes)?)
    }
}
