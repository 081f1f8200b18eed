//! One plot: the slots it needs, its text, and the questions that the text answers.

use anyhow::{Context, Result, ensure};

use super::cast::Cast;
use super::rng::{Rng, hash};
use super::slots::{Scene, Slot, Stock, lines};
use super::split::Split;
use super::template::{Template, tidy};

/// A plot: `@slot` lines, `? question = answer = word of the text` lines, and else the text.
#[derive(Debug)]
pub struct Plot {
    friend_kind: Option<String>,
    slots: Vec<Slot>,
    body: Template,
    questions: Vec<[Template; 3]>,
}

/// A question about a story, its answer, and the words of the story that answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub ask: String,
    pub answer: String,
    pub key: String,
}

/// A story with what may be asked about it.
#[derive(Debug)]
pub struct Story<'a> {
    pub text: String,
    pub questions: Vec<Question>,
    pub scene: Scene<'a>,
}

impl Plot {
    /// Reads a plot.
    ///
    /// # Errors
    /// A line that is not as it should be, or no text.
    pub fn parse(text: &str) -> Result<Self> {
        let (mut friend_kind, mut slots, mut body, mut questions) =
            (None, Vec::new(), String::new(), Vec::new());
        for line in lines(text) {
            if let Some(kind) = line.strip_prefix("@friend-kind:") {
                friend_kind = Some(kind.trim().to_owned());
            } else if let Some(slot) = line.strip_prefix('@') {
                slots.push(Slot::parse(slot)?);
            } else if let Some(question) = line.strip_prefix('?') {
                let parts = question.split(" = ").map(|part| Template::parse(part.trim()));
                let parts: Vec<Template> = parts.collect::<Result<_>>()?;
                let parts = parts.try_into().ok().with_context(|| format!("not of three parts: {line:?}"))?;
                questions.push(parts);
            } else {
                body.push_str(line);
                body.push(' ');
            }
        }
        ensure!(!body.is_empty(), "a plot without text");
        Ok(Self { friend_kind, slots, body: Template::parse(&body)?, questions })
    }

    /// Draws a story of this plot.
    ///
    /// What hero has what thing says whether a story is for training or held out, so that a held-out story is new
    /// in more than its wording.
    ///
    /// # Errors
    /// Data that name an unknown slot.
    pub fn draw<'a>(&self, cast: &Cast, stock: &'a Stock, split: Split, rng: &mut Rng) -> Result<Story<'a>> {
        let mut scene = loop {
            let mut scene = Scene::new(stock);
            cast.draw(self.friend_kind.as_deref(), &mut scene, rng)?;
            for slot in &stock.slots {
                slot.draw(&mut scene, rng)?;
            }
            if split.holds(hash(&[scene.word("hero")?, scene.word("thing")?])) {
                break scene;
            }
        };
        for slot in &self.slots {
            slot.draw(&mut scene, rng)?;
        }
        let mut expand = |template: &Template| -> Result<String> {
            let mut text = String::new();
            template.expand(&scene, rng, &mut text)?;
            Ok(tidy(&text))
        };
        let text = expand(&self.body)?;
        let questions = self.questions.iter().map(|[ask, answer, key]| {
            Ok(Question { ask: expand(ask)?, answer: expand(answer)?, key: expand(key)? })
        });
        let mut questions: Vec<Question> = questions.collect::<Result<_>>()?;
        // Some ways of telling leave a thing out; then nobody asks for it.
        questions.retain(|question| contains(&text, &question.key));
        questions.extend(kind_question(&scene, &text)?);
        Ok(Story { text, questions, scene })
    }
}

/// What kind of animal the hero is, where it is one and the text says so.
fn kind_question(scene: &Scene<'_>, text: &str) -> Result<Option<Question>> {
    let (hero, kind) = (scene.word("hero")?, scene.word("kind")?);
    let said = scene.word("animal")? == "yes" && contains(text, kind);
    Ok(said.then(|| Question {
        ask: format!("What kind of animal was {hero}?"),
        answer: tidy(&format!("{hero} was a {kind}.")),
        key: kind.to_owned(),
    }))
}

/// Whether the story says `key`, with a capital or without.
pub fn contains(text: &str, key: &str) -> bool {
    text.to_ascii_lowercase().contains(&key.to_ascii_lowercase())
}
