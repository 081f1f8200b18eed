//! Where a prompt comes from and how it is dressed.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use wkv7::chat::{Message, Role, Template, Think};

use crate::args::ModelArg;
use crate::terminal::{self, output};

/// The prompt and its template.
#[derive(Debug, Args)]
pub struct PromptArgs {
    /// The text to continue [default: standard input]. A single argument that is no file or folder, has no path
    /// separator and does not end as checkpoints do is the prompt, and the built-in model continues it
    #[arg(value_name = "PROMPT", conflicts_with = "file")]
    pub prompt: Option<String>,
    /// Read the prompt from a file, bytes as they are (- for standard input)
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Take the prompt as a user's turn in this chat format (world or g1), and let the model answer
    #[arg(long, value_name = "TEMPLATE")]
    template: Option<Template>,
    /// Instructions before the user's turn
    #[arg(long, value_name = "TEXT", requires = "template")]
    system: Option<String>,
    /// How the model thinks before it answers: plain, off, fake, think, bit, some or lot
    #[arg(long, value_name = "HOW", requires = "template")]
    think: Option<Think>,
}

/// A prompt as the model gets it.
#[derive(Debug)]
pub struct Prompt {
    /// What to feed.
    pub text: Vec<u8>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
}

impl PromptArgs {
    /// Takes the only argument as the prompt where it can be no model.
    pub fn take_from(&mut self, model: &mut ModelArg) {
        if self.prompt.is_none() && self.file.is_none() {
            self.prompt = model.take_text();
        }
    }

    /// Reads the prompt; `optional` says that there need not be one.
    pub fn read(&self, optional: bool) -> anyhow::Result<Prompt> {
        let text = match (&self.prompt, &self.file) {
            (Some(prompt), _) => prompt.clone().into_bytes(),
            (None, Some(file)) => output::read(file)?,
            (None, None) if !terminal::stdin_is_terminal() => output::read_stdin()?,
            (None, None) if optional => Vec::new(),
            (None, None) => bail!("no prompt: give it as an argument, with --file or on standard input"),
        };
        match self.template {
            None => Ok(Prompt { text, stop: Vec::new() }),
            Some(template) => self.dress(template, text),
        }
    }

    fn dress(&self, template: Template, text: Vec<u8>) -> anyhow::Result<Prompt> {
        let Ok(text) = String::from_utf8(text) else {
            bail!("--template: expected a prompt in UTF-8 text, found other bytes");
        };
        let system = self.system.iter().map(|text| Message::new(Role::System, text));
        let messages: Vec<Message> = system.chain([Message::new(Role::User, text)]).collect();
        let text = template.render(&messages, self.think.unwrap_or_default(), &[]).into_bytes();
        Ok(Prompt { text, stop: template.stops(&[]) })
    }
}
