//! A conversation and the session that follows it.

use std::path::Path;

use anyhow::bail;
use wkv7::chat::{Message, Role, Template, Think};
use wkv7::{Generate, Generation, Model, Sampler, Session, State};

use crate::feed::feed;

/// Moments kept to come back to; older turns are fed again if they are ever needed.
const MOMENTS: usize = 8;

/// What was said, and a session that has been fed a prefix of it.
///
/// The text that the session should hold follows from the messages alone. To get there, the session goes
/// back to the last moment that still fits and is fed the rest: nothing at all to go back for in the usual
/// case, the last turn where an answer's thinking is to be forgotten or a turn was taken back.
pub struct Conversation {
    session: Session,
    template: Template,
    think: Think,
    messages: Vec<Message>,
    /// What the session was fed since the first moment.
    held: String,
    /// Moments at the beginnings of turns; the first is where the conversation began.
    moments: Vec<Moment>,
}

/// A moment of the session.
struct Moment {
    /// What it had been fed since the first.
    held: String,
    state: State,
    tokens_seen: u64,
}

impl Conversation {
    /// Begins where `session` is.
    pub fn new(session: Session, template: Template, think: Think) -> anyhow::Result<Self> {
        let mut conversation =
            Self { session, template, think, messages: Vec::new(), held: String::new(), moments: Vec::new() };
        conversation.begin()?;
        Ok(conversation)
    }

    /// Forgets what was said; the session stays where it is.
    fn begin(&mut self) -> anyhow::Result<()> {
        self.messages.clear();
        self.held.clear();
        self.moments.clear();
        self.remember()
    }

    /// Begins anew.
    pub fn reset(&mut self) -> anyhow::Result<()> {
        self.session.reset()?;
        self.begin()
    }

    /// Instructions for what follows; only at the beginning. Empty text gives none.
    pub fn instruct(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.messages.push(Message::new(Role::System, text));
        }
    }

    /// Takes back the last question and its answer; false where there is none.
    pub fn undo(&mut self) -> bool {
        let last = self.messages.iter().rposition(|message| message.role == Role::User);
        self.messages.truncate(last.unwrap_or(self.messages.len()));
        last.is_some()
    }

    /// Writes the state after all that was said.
    pub fn save(&mut self, path: &Path) -> anyhow::Result<()> {
        let text = self.closed();
        if !self.bring_to(&text)? {
            bail!("stopped; {} is as it was", path.display());
        }
        Ok(self.session.save(path)?)
    }

    /// Goes on from a saved state.
    pub fn load(&mut self, path: &Path) -> anyhow::Result<()> {
        self.session.restore(path)?;
        self.begin()
    }

    /// The model that answers.
    pub fn model(&self) -> &Model {
        self.session.model()
    }

    /// Puts a question, ready to generate the answer; false where Ctrl-C came before it was read.
    pub fn ask(&mut self, text: &str) -> anyhow::Result<bool> {
        self.messages.push(Message::new(Role::User, text));
        let text = self.continued() + &self.template.render(&self.messages, self.think, &[]);
        let asked = self.bring_to(&text);
        if asked.is_err() {
            self.messages.pop();
        }
        asked
    }

    /// The answer, piece by piece. [`Conversation::answered`] must be told what was taken of it.
    pub fn answer(&mut self, sampler: Sampler, max_tokens: usize) -> Generation<'_> {
        let stop = self.template.stops(&[]);
        self.session.generate(Generate { sampler, max_tokens, stop, ..Generate::default() })
    }

    /// The answer that was generated, as far as it went.
    pub fn answered(&mut self, generated: &str) {
        self.held.push_str(generated);
        let said = self.template.answer(generated, self.think, &[]);
        self.messages.push(Message::new(Role::Assistant, said));
    }

    /// Takes back a question whose answer failed, and goes back to where it was put.
    pub fn abandon(&mut self) -> anyhow::Result<()> {
        self.undo();
        self.go_back()
    }

    /// Goes back to the last moment.
    fn go_back(&mut self) -> anyhow::Result<()> {
        let Some(moment) = self.moments.last() else { bail!("the conversation has no beginning") };
        self.session.set_state(&moment.state, moment.tokens_seen)?;
        self.held.clone_from(&moment.held);
        Ok(())
    }

    /// Brings the session to `text`, by way of the latest moment that fits; false where Ctrl-C came first, and
    /// the session is at that moment.
    fn bring_to(&mut self, text: &str) -> anyhow::Result<bool> {
        if !text.starts_with(&self.held) {
            while self.moments.len() > 1 && !self.moments.last().is_some_and(|m| text.starts_with(&m.held)) {
                self.moments.pop();
            }
            self.go_back()?;
        }
        self.remember()?;
        let rest = text.strip_prefix(&self.held).unwrap_or(text).to_owned();
        let tokens = self.session.model().encode(&rest)?;
        if !feed(&mut self.session, &tokens)? {
            self.go_back()?;
            return Ok(false);
        }
        self.held.push_str(&rest);
        Ok(true)
    }

    /// Keeps this moment.
    fn remember(&mut self) -> anyhow::Result<()> {
        if self.moments.last().is_none_or(|moment| moment.held != self.held) {
            let (state, tokens_seen) = (self.session.state()?, self.session.tokens_seen());
            self.moments.push(Moment { held: self.held.clone(), state, tokens_seen });
        }
        if self.moments.len() > MOMENTS {
            self.moments.remove(1); // the beginning stays
        }
        Ok(())
    }

    /// What separates this conversation from what the session had seen before it.
    fn continued(&self) -> String {
        let seen = self.moments.first().is_some_and(|moment| moment.tokens_seen > 0);
        if seen { "\n\n".to_owned() } else { String::new() }
    }

    /// All that was said, with no answer begun.
    fn closed(&self) -> String {
        if self.messages.is_empty() {
            return String::new();
        }
        let open = self.continued() + &self.template.render(&self.messages, Think::Plain, &[]);
        open.strip_suffix("\n\nAssistant:").unwrap_or(&open).to_owned()
    }
}
