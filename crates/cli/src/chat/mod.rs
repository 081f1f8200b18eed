//! `wkv7 chat`: a conversation at the terminal, or one turn a line from a pipe.

mod conversation;
mod input;
mod slash;

use std::path::PathBuf;

use clap::Args;
use wkv7::chat::{Template, Think};

use crate::args::{ModelArgs, SamplingArgs, StateArgs, any_count};
use crate::terminal::failure::one_line;
use crate::terminal::interrupt::Impatience;
use crate::terminal::text::TextOut;
use crate::terminal::{self, interrupt, output};
use conversation::Conversation;
use input::{Input, Line};
use slash::{HELP, Slash};

/// Talk with a model
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Chat {
    #[command(flatten)]
    model: ModelArgs,
    /// The chat format: world or g1
    #[arg(long, value_name = "TEMPLATE", default_value = "g1")]
    template: Template,
    /// How the model thinks before it answers: plain, off, fake, think, bit, some or lot
    #[arg(long, value_name = "HOW", default_value = "plain")]
    think: Think,
    /// Instructions for the whole conversation
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    system: String,
    /// Tokens of an answer at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 2048, value_parser = any_count::<usize>)]
    max_tokens: usize,
    #[command(flatten)]
    state: StateArgs,
    /// Where typed lines are remembered [default: wkv7/history in the user's data folder]
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    #[command(flatten)]
    sampling: SamplingArgs,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 chat model.pth
  wkv7 chat model.gguf --think some --system \"Be brief.\"
  printf 'Hello\\nWho are you?\\n' | wkv7 chat model.pth --template world

Inside: /reset /undo /save FILE /load FILE /system [TEXT] /help /quit.
Ctrl-C stops an answer; at the prompt, Ctrl-D or Ctrl-C twice leaves.";

impl Chat {
    pub fn run(self) -> anyhow::Result<()> {
        interrupt::listen(Impatience::LeaveAtOnce)?;
        let model = self.model.open_from(&self.state)?;
        Impatience::Leave.set(); // an answer is stopped first
        let mut conversation = Conversation::new(model.session()?, self.template, self.think)?;
        conversation.instruct(&self.system);
        let mut input = Input::open(self.history.clone().or_else(input::usual_history))?;
        if input.is_editor() {
            terminal::note(format_args!(
                "{} on {}; /help shows the commands",
                self.model.arg.name(),
                model.info().backend
            ));
        }
        let talked = self.talk(&mut conversation, &mut input);
        input.close();
        talked
    }

    /// Turn by turn until the person leaves.
    fn talk(&self, conversation: &mut Conversation, input: &mut Input) -> anyhow::Result<()> {
        let (mut turn, mut leaving) = (0, false);
        loop {
            let line = match input.next("> ")? {
                Line::End => return Ok(()),
                Line::Interrupt if leaving => return Ok(()),
                Line::Interrupt => {
                    terminal::note("Ctrl-C again leaves");
                    leaving = true;
                    continue;
                }
                Line::Text(line) => line,
            };
            leaving = false;
            let done = match line.trim() {
                "" => continue,
                "/quit" | "/exit" => return Ok(()),
                line if line.starts_with('/') && !line.starts_with("//") => obey(line, conversation),
                line => {
                    turn += 1;
                    self.answer(conversation, line.strip_prefix('/').unwrap_or(line), turn)
                }
            };
            // A person goes on after a mistake; a script must notice it.
            match done {
                Err(error) if input.is_editor() && !terminal::failure::is_closed_pipe(&error) => {
                    terminal::note(format_args!("error: {}", one_line(&error)));
                }
                done => done?,
            }
            if interrupt::asked() {
                if !input.is_editor() {
                    return Ok(());
                }
                interrupt::forget();
            }
        }
    }

    /// Puts a question and prints the answer as it comes; Ctrl-C ends it.
    fn answer(&self, conversation: &mut Conversation, question: &str, turn: u64) -> anyhow::Result<()> {
        if !conversation.ask(question)? {
            terminal::note("stopped while reading");
            return conversation.abandon();
        }
        let mut out = TextOut::new(true);
        let (mut generated, mut shown) = (String::new(), false);
        let mut generation =
            conversation.answer(self.sampling.sampler(conversation.model(), turn)?, self.max_tokens);
        let ended = loop {
            let Some(piece) = generation.next().filter(|_| !interrupt::asked()) else { break Ok(()) };
            let Ok(piece) = piece.as_ref() else { break piece.map(drop) };
            generated.push_str(&piece.text);
            // The blank after `Assistant:` belongs to the format, not to the answer.
            let text = if shown { &*piece.text } else { piece.text.trim_start() };
            shown |= !text.is_empty();
            out.write(text)?;
        };
        drop(generation);
        output::print("\n")?;
        match ended {
            Ok(()) => conversation.answered(&generated),
            Err(error) => {
                conversation.abandon()?;
                return Err(error.into());
            }
        }
        Ok(())
    }
}

/// Does what a line with a slash asks for.
fn obey(line: &str, conversation: &mut Conversation) -> anyhow::Result<()> {
    match line.parse().map_err(anyhow::Error::msg)? {
        Slash::Reset => {
            conversation.reset()?;
            terminal::note("forgot the conversation");
        }
        Slash::Undo if conversation.undo() => terminal::note("took back the last turn"),
        Slash::Undo => anyhow::bail!("nothing to take back"),
        Slash::Save(path) => {
            conversation.save(&path)?;
            terminal::note(format_args!("saved {}", path.display()));
        }
        Slash::Load(path) => {
            conversation.load(&path)?;
            terminal::note(format_args!("loaded {}", path.display()));
        }
        Slash::System(text) => {
            conversation.reset()?;
            conversation.instruct(&text);
        }
        Slash::Help => terminal::note(HELP),
    }
    Ok(())
}
