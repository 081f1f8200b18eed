//! The official chat form: `User: ...`, an empty line, `Assistant: ...`.

use anyhow::Result;

use super::plot::Story;
use super::rng::Rng;

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub ask: String,
    pub answer: String,
}

impl Turn {
    /// What stands before the answer; the answer follows after a space.
    pub fn prompt(&self) -> String {
        format!("User: {}\n\nAssistant:", self.ask)
    }
}

/// The text of a conversation.
pub fn text(turns: &[Turn]) -> String {
    let turns: Vec<String> = turns.iter().map(|turn| format!("{} {}", turn.prompt(), turn.answer)).collect();
    turns.join("\n\n")
}

/// A story that the user tells and asks about.
pub fn about_passage(story: &Story<'_>, rng: &mut Rng) -> Vec<Turn> {
    let mut turns = questions(story, rng);
    if let Some(first) = turns.first_mut() {
        first.ask = format!("{}\n{}", story.text, first.ask);
    }
    turns
}

/// A story that the assistant is asked for, and then asked about.
///
/// # Errors
/// A story without the words that name it.
pub fn about_request(story: &Story<'_>, rng: &mut Rng) -> Result<Vec<Turn>> {
    let mut turns = vec![Turn { ask: request(story, rng)?, answer: story.text.clone() }];
    turns.extend(questions(story, rng));
    Ok(turns)
}

/// Asks for a story like `story`.
fn request(story: &Story<'_>, rng: &mut Rng) -> Result<String> {
    let word = |slot| story.scene.word(slot);
    let (hero, kind, friend) = (word("hero")?, word("kind")?, word("friend")?);
    let about = match rng.below(6) {
        0 => String::new(),
        1 => format!(" about {hero}"),
        2 => format!(" about a {kind}"),
        3 => format!(" about a {kind} named {hero}"),
        4 => format!(" about {hero} and {friend}"),
        _ => format!(" about {}", word("topic")?),
    };
    let about = super::template::tidy(&format!("story{about}"));
    Ok(match rng.below(5) {
        0 | 1 => format!("Tell me a {about}."),
        2 => format!("Please tell me a {about}."),
        3 => format!("Can you tell me a {about}?"),
        _ => format!("Write a {about}."),
    })
}

/// From two to four of the story's questions, in any order.
fn questions(story: &Story<'_>, rng: &mut Rng) -> Vec<Turn> {
    let mut turns: Vec<Turn> =
        story.questions.iter().map(|q| Turn { ask: q.ask.clone(), answer: q.answer.clone() }).collect();
    rng.shuffle(&mut turns);
    turns.truncate(rng.between(2, 4));
    turns
}
