//! `wkv7 generate`: a prompt in, text out.

mod prompt;
mod report;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::bail;
use clap::Args;
use wkv7::{Generate as Wanted, Sampler, Session, StopReason};

use crate::args::{ModelArgs, SamplingArgs, StateArgs, any_count};
use crate::feed::feed;
use crate::memory;
use crate::terminal::interrupt::Impatience;
use crate::terminal::text::TextOut;
use crate::terminal::{self, interrupt, output};
use prompt::{Prompt, PromptArgs};
use report::{Report, speed};

/// Continue a prompt
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Generate {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    prompt: PromptArgs,
    /// Tokens to generate at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 256, value_parser = any_count::<usize>)]
    max_tokens: usize,
    /// End where this text would come; \n, \t and \\ are understood; may be given several times
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    stop: Vec<String>,
    #[command(flatten)]
    state: StateArgs,
    /// Save the state that the text leaves
    #[arg(long, value_name = "FILE")]
    save_state: Option<PathBuf>,
    /// Print one JSON object at the end instead of text as it comes
    #[arg(long)]
    json: bool,
    /// Print speed, seed and why it ended to standard error [default: only on a terminal]
    #[arg(long)]
    stats: bool,
    #[command(flatten)]
    sampling: SamplingArgs,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 generate \"Once upon a time\"
  wkv7 generate model.pth \"The Eiffel tower is\"
  wkv7 generate model.pth --temperature 0 -n 64 -f prompt.txt
  wkv7 generate model.pth --template world \"What is a goose?\"
  wkv7 generate model.pth -f book.txt -n 0 --save-state book.state
  wkv7 generate model.pth --state book.state \"In short,\"";

impl Generate {
    pub fn run(mut self) -> anyhow::Result<()> {
        interrupt::listen(Impatience::LeaveAtOnce)?; // one token of a large model on a cold disk takes long
        self.prompt.take_from(&mut self.model.arg);
        let prompt = self.prompt.read(self.state.file.is_some())?;
        let advised = |error| self.model.arg.advised(error, self.prompt.prompt.as_ref());
        let model = self.model.open_from(&self.state).map_err(advised)?;
        let sampler = self.sampling.sampler(&model, 0)?;
        let mut session = model.session()?;
        let Some(report) = self.generate(&mut session, &prompt, sampler)? else {
            return Ok(()); // half a prompt leaves a state that nobody asked for
        };
        if let Some(path) = &self.save_state {
            session.save(path)?;
        }
        if self.json {
            return output::json(&report);
        }
        if self.stats || (terminal::stderr_is_terminal() && terminal::stdout_is_terminal()) {
            terminal::note(&report);
        }
        Ok(())
    }

    /// Feeds the prompt and generates; prints as it goes unless the result is wanted as JSON. `None` where
    /// Ctrl-C came before the end of the prompt.
    fn generate(
        &self,
        session: &mut Session,
        prompt: &Prompt,
        sampler: Sampler,
    ) -> anyhow::Result<Option<Report>> {
        let tokens = session.model().encode(&prompt.text)?;
        if tokens.is_empty() && self.max_tokens > 0 && !can_begin(session) {
            bail!(
                "the prompt is empty, and this model's vocabulary has no token for the beginning of a text"
            );
        }
        let (seed, start) = (sampler.seed(), Instant::now());
        if !feed(session, &tokens)? {
            return Ok(None);
        }
        Impatience::Leave.set();
        let prompt_tokens_per_second = speed(tokens.len(), start.elapsed());

        let stop = prompt.stop.iter().cloned().chain(self.stop.iter().map(|text| unescaped(text))).collect();
        let wanted = Wanted { sampler, max_tokens: self.max_tokens, stop, ..Wanted::default() };
        let mut out = TextOut::new(!self.json);
        let (mut text, mut ids, start) = (String::new(), Vec::new(), Instant::now());
        let mut generation = session.generate(wanted);
        while !interrupt::asked()
            && let Some(piece) = generation.next()
        {
            let piece = piece?;
            out.write(&piece.text)?;
            text.push_str(&piece.text);
            ids.push(piece.token);
        }
        let stop = generation.stop_reason().map_or_else(|| "interrupt", reason_name);
        let tokens_per_second = speed(ids.len(), start.elapsed());
        out.end_line()?;
        let prompt_tokens = tokens.len();
        let peak_bytes = memory::peak_bytes();
        Ok(Some(Report {
            text,
            ids,
            stop,
            seed,
            prompt_tokens,
            prompt_tokens_per_second,
            tokens_per_second,
            peak_bytes,
        }))
    }
}

/// Whether there is something to continue, or the vocabulary says how a text begins.
fn can_begin(session: &Session) -> bool {
    let end = session.model().tokenizer().is_ok_and(|tokenizer| tokenizer.end_of_text().is_some());
    session.logits().is_some() || (end && session.tokens_seen() == 0)
}

/// Why a generation ended, in words.
fn reason_name(reason: StopReason) -> &'static str {
    match reason {
        StopReason::StopToken(_) => "stop token",
        StopReason::StopText(_) => "stop text",
        StopReason::MaxTokens => "max tokens",
        _ => "other",
    }
}

/// `text` with \n, \t and \\ as the characters they stand for; other backslashes are themselves.
fn unescaped(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text.chars());
    while let Some(c) = rest.next() {
        match (c, rest.as_str().chars().next()) {
            ('\\', Some(escaped @ ('n' | 't' | '\\'))) => {
                rest.next();
                plain.push(if escaped == 'n' {
                    '\n'
                } else if escaped == 't' {
                    '\t'
                } else {
                    '\\'
                });
            }
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn escapes_are_understood() {
        assert_eq!(unescaped(r"\n\nUser: \t\\n \x \"), "\n\nUser: \t\\n \\x \\");
    }
}
