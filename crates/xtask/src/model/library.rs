//! All the words, plots and facts, and the texts that are drawn from them.

use anyhow::{Context, Result};

use super::cast::Cast;
use super::chat::{self, Turn};
use super::facts::{self, Fact};
use super::plot::{Plot, Story};
use super::rng::Rng;
use super::slots::Stock;
use super::split::Split;
use super::{arithmetic, tracking};

macro_rules! plots {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("plots/", $name, ".txt")))),*] };
}

/// The plots of the main style.
const PLOTS: [(&str, &str); 17] = plots![
    "brave", "friend", "goose", "journey", "learn", "lost", "music", "nest", "promise", "race", "repair",
    "seed", "share", "snow", "storm", "surprise", "wish",
];
/// Those of the other style, which the main corpus never shows.
const OTHER: [(&str, &str); 1] = plots!["letters"];

/// What the texts are made from.
#[derive(Debug)]
pub struct Library {
    pub cast: Cast,
    stock: Stock,
    pub plots: Vec<Plot>,
    other: Vec<Plot>,
    pub facts: Vec<Fact>,
}

/// The sorts of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    Story,
    Question,
    Fact,
    Arithmetic,
    Tracking,
    /// A story in the other style.
    Other,
}

impl Library {
    /// Reads what the program carries.
    ///
    /// # Errors
    /// Data that are not as they should be.
    pub fn new() -> Result<Self> {
        let plots = |texts: &[(&str, &str)]| -> Result<Vec<Plot>> {
            texts
                .iter()
                .map(|(name, text)| Plot::parse(text).with_context(|| format!("plot {name}")))
                .collect()
        };
        Ok(Self {
            cast: Cast::parse(include_str!("words/cast.txt"))?,
            stock: Stock::parse(include_str!("words/slots.txt"))?,
            plots: plots(&PLOTS)?,
            other: plots(&OTHER)?,
            facts: facts::parse(include_str!("words/facts.txt"))?,
        })
    }

    /// Draws a story of the main style.
    ///
    /// # Errors
    /// Data that name an unknown slot.
    pub fn story(&self, split: Split, rng: &mut Rng) -> Result<Story<'_>> {
        rng.pick(&self.plots).draw(&self.cast, &self.stock, split, rng)
    }

    /// Draws a text of one sort.
    ///
    /// # Errors
    /// Data that name an unknown slot.
    pub fn text(&self, sort: Sort, split: Split, rng: &mut Rng) -> Result<String> {
        let turns = match sort {
            Sort::Story => return Ok(self.story(split, rng)?.text),
            Sort::Other => return Ok(rng.pick(&self.other).draw(&self.cast, &self.stock, split, rng)?.text),
            Sort::Question => {
                let story = self.story(split, rng)?;
                if rng.chance(60) {
                    chat::about_passage(&story, rng)
                } else {
                    chat::about_request(&story, rng)?
                }
            }
            Sort::Fact => self.turns(rng, |rng| self.fact(split, rng)),
            Sort::Arithmetic => self.turns(rng, |rng| arithmetic::turn(&self.cast, split, rng)),
            Sort::Tracking => self.turns(rng, |rng| tracking::turn(&self.cast, split, rng)),
        };
        Ok(chat::text(&turns))
    }

    /// Draws a question for a fact.
    pub fn fact(&self, split: Split, rng: &mut Rng) -> Turn {
        loop {
            if let Some(turn) = rng.pick(&self.facts).turn(split, rng) {
                return turn;
            }
        }
    }

    /// From one turn to six.
    fn turns(&self, rng: &mut Rng, mut draw: impl FnMut(&mut Rng) -> Turn) -> Vec<Turn> {
        (0..rng.between(1, 6)).map(|_| draw(rng)).collect()
    }
}
