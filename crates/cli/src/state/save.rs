//! `wkv7 state save`: feed a text once, keep what it leaves.

use std::path::PathBuf;

use clap::Args;

use crate::args::{ModelArgs, StateArgs, TokenList};
use crate::feed::feed;
use crate::terminal::interrupt::{self, Impatience};
use crate::terminal::{self, output};

/// Feed a text or tokens and save the state they leave
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Save {
    #[command(flatten)]
    model: ModelArgs,
    /// The text [default: standard input]. A single argument that can be no model is the text, for the built-in model
    #[arg(value_name = "TEXT", conflicts_with_all = ["file", "tokens"])]
    text: Option<String>,
    /// Read the text from a file, bytes as they are (- for standard input)
    #[arg(short, long, value_name = "FILE", conflicts_with = "tokens")]
    file: Option<PathBuf>,
    /// Feed these token ids, or those in @FILE
    #[arg(long, value_name = "IDS|@FILE")]
    tokens: Option<TokenList>,
    #[command(flatten)]
    state: StateArgs,
    /// The state file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 state save model.pth -f book.txt --output book.state
  wkv7 generate model.pth --state book.state \"In short,\"";

impl Save {
    pub fn run(mut self) -> anyhow::Result<()> {
        interrupt::listen(Impatience::LeaveAtOnce)?;
        if self.text.is_none() && self.file.is_none() && self.tokens.is_none() {
            self.text = self.model.arg.take_text();
        }
        let given = self.tokens.as_ref().map(TokenList::read).transpose()?;
        let text = match (&self.text, &self.file) {
            _ if given.is_some() => Vec::new(),
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(file)) => output::read(file)?,
            (None, None) if terminal::stdin_is_terminal() => {
                anyhow::bail!("no text: give it as an argument, with --file, --tokens or on standard input")
            }
            (None, None) => output::read_stdin()?,
        };
        let advised = |error| self.model.arg.advised(error, self.text.as_ref());
        let model = self.model.open_from(&self.state).map_err(advised)?;
        let mut session = model.session()?;
        let tokens = given.map_or_else(|| model.encode(&text), Ok)?;
        if feed(&mut session, &tokens)? {
            Impatience::Wait.set(); // until the file is whole
            session.save(&self.output)?;
        }
        Ok(())
    }
}
