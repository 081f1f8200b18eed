//! Conversations as text.

use std::fmt::Write as _;
use std::str::FromStr;

use super::clean::{clean, strip_thinking, unix};
use super::{Message, Role, Think, Tool};
use crate::Error;

/// A family of models and the strings it was trained on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Template {
    /// World models: no thinking; an answer ends at a blank line.
    World,
    /// G1 models: may think and call functions; an answer may hold blank lines and ends at the next turn.
    #[default]
    G1,
}

/// Opens the answer that is a function call, and an answer's end there.
const CALL: (&str, &str) = ("Assistant: ```json", "\n```");

impl Template {
    /// Its name in commands: `world`, `g1`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::G1 => "g1",
        }
    }

    /// The whole conversation, open for the next answer: ends in `Assistant:` and how the answer begins.
    ///
    /// With `tools`, the answer is to be a function call. The way of thinking concerns only this answer.
    #[must_use]
    pub fn render(self, messages: &[Message], think: Think, tools: &[Tool]) -> String {
        let think = self.known(think);
        let mut text = String::new();
        let (system, turns) = match messages {
            [first, turns @ ..] if first.role == Role::System => (Some(first.text.as_str()), turns),
            turns => (None, turns),
        };
        text.push_str(&head(system, tools));
        let last = turns.len().saturating_sub(1);
        for (index, message) in turns.iter().enumerate() {
            let request = if index == last && tools.is_empty() { think.request() } else { "" };
            text.push_str(&self.speech(message, request));
            text.push_str("\n\n");
        }
        text.push_str(&opening(think, tools));
        text
    }

    /// What to feed after an answer that ended at one of [`Template::stops`] or at the end of text, which
    /// the session was not fed: the next message, open for the next answer.
    #[must_use]
    pub fn turn(self, message: &Message, think: Think, tools: &[Tool]) -> String {
        let think = self.known(think);
        let request = if tools.is_empty() { think.request() } else { "" };
        let close = if tools.is_empty() { "" } else { CALL.1 };
        format!("{close}\n\n{}\n\n{}", self.speech(message, request), opening(think, tools))
    }

    /// Texts at which an answer ends.
    #[must_use]
    pub fn stops(self, tools: &[Tool]) -> Vec<String> {
        let stop = match self {
            _ if !tools.is_empty() => CALL.1,
            Self::World => "\n\n",
            Self::G1 => "\n\nUser:",
        };
        vec![stop.to_owned()]
    }

    /// What was said in a generated answer, without the thinking, as a later [`Template::render`] wants it.
    ///
    /// `generated` is what followed the opening that `think` and `tools` made.
    #[must_use]
    pub fn answer(self, generated: &str, think: Think, tools: &[Tool]) -> String {
        let think = self.known(think);
        if !tools.is_empty() {
            return format!("```json{}{}", generated.trim_end(), CALL.1);
        }
        let whole = format!("{}{generated}", think.opening());
        strip_thinking(&whole).to_owned()
    }

    /// The way of thinking as far as the family knows it.
    fn known(self, think: Think) -> Think {
        match self {
            Self::World => Think::Plain,
            Self::G1 => think,
        }
    }

    /// One turn without the separator after it; `request` goes after a user's text.
    fn speech(self, message: &Message, request: &str) -> String {
        match message.role {
            Role::System => format!("System: {}", clean(&message.text)),
            Role::User => format!("User: {}{request}", clean(&message.text)),
            Role::Tool => format!("User: Function output:\n{}", clean(&message.text)),
            Role::Assistant => {
                let said = strip_thinking(&message.text);
                let said = match self {
                    Self::World => clean(said),
                    Self::G1 => unix(said).trim().to_owned(), // its own answers hold blank lines
                };
                format!("Assistant: {said}")
            }
        }
    }
}

/// The system's turn with its separator, if there is anything to say.
fn head(system: Option<&str>, tools: &[Tool]) -> String {
    let system = system.map(clean).filter(|text| !text.is_empty());
    if tools.is_empty() {
        return system.map_or_else(String::new, |text| format!("System: {text}\n\n"));
    }
    let mut head = String::from("System: ");
    if let Some(text) = system {
        head.push_str(&text);
        head.push('\n');
    }
    head.push_str("Tools:\n");
    for tool in tools {
        // Writing to a string cannot fail.
        let _ = writeln!(head, "- {tool}");
    }
    head.push_str("Return only a JSON function call.\n\n");
    head
}

/// How the answer begins.
fn opening(think: Think, tools: &[Tool]) -> String {
    if tools.is_empty() { format!("Assistant:{}", think.opening()) } else { CALL.0.to_owned() }
}

/// A prompt that makes a G1c or later model write what belongs between `prefix` and `suffix`.
#[must_use]
pub fn fill_in_the_middle(prefix: &str, suffix: &str) -> String {
    format!("✿prefix✿✿suffix✿{suffix}✿middle✿{prefix}")
}

impl FromStr for Template {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let named = [Self::World, Self::G1].into_iter().find(|template| template.name() == text);
        named.ok_or_else(|| Error::Option {
            option: "template",
            range: "world or g1",
            found: format!("`{text}`"),
        })
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
