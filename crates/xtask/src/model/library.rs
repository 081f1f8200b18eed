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
const PLOTS: [(&str, &str); 21] = plots![
    "brave", "fly", "friend", "goose", "homeward", "honest", "journey", "learn", "lost", "music", "nest",
    "promise", "race", "repair", "seed", "share", "snow", "soup", "storm", "surprise", "wish",
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::model::mix::{self, MAIN};
    use crate::model::plot::contains;
    use crate::model::rng::hash;

    fn texts(seed: u64, bytes: u64) -> Vec<(Sort, String)> {
        let (library, mut texts) = (Library::new().unwrap(), Vec::new());
        mix::draw(&library, MAIN, Split::Train, bytes, &mut Rng::new(seed), |sort, text| {
            texts.push((sort, text.to_owned()));
            Ok(())
        })
        .unwrap();
        texts
    }

    #[test]
    fn a_seed_means_the_same_bytes_for_ever() {
        let texts = texts(1, 200_000);
        let all: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(
            format!("{:016x}", hash(&all)),
            "84c9f564c1a63bd6",
            "change this only with the words, and train the model anew"
        );
    }

    #[test]
    fn every_sort_has_its_part() {
        let mut bytes = BTreeMap::new();
        let texts = texts(2, 1_000_000);
        for (sort, text) in &texts {
            *bytes.entry(*sort).or_insert(0) += text.len();
        }
        for (sort, part) in MAIN {
            let found = bytes[sort] as f64 / 1e4;
            assert!((found - *part as f64).abs() < 1.0, "{sort:?}: {found:.1} %");
        }
    }

    #[test]
    fn every_plot_gives_sound_stories() {
        let (library, mut rng) = (Library::new().unwrap(), Rng::new(3));
        for (plot, (name, _)) in library.plots.iter().zip(PLOTS) {
            let mut asked = BTreeSet::new();
            for _ in 0..300 {
                let story = plot.draw(&library.cast, &library.stock, Split::Train, &mut rng).unwrap();
                let text = &story.text;
                for (role, least) in [("hero", 2), ("friend", 1)] {
                    let role = story.scene.word(role).unwrap();
                    assert!(text.matches(role).count() >= least, "{name}: {role} in {text}");
                }
                sound(text);
                assert!((60..=220).contains(&text.split(' ').count()), "{name}: {text}");
                assert!(!text.contains('\n'), "{text}");
                for question in &story.questions {
                    sound(&question.ask);
                    sound(&question.answer);
                    assert!(contains(text, &question.key), "{name}: {question:?} {text}");
                    assert!(contains(&question.answer, &question.key), "{name}: {question:?}");
                    asked.insert(question.answer.split(' ').next().map(str::to_owned));
                }
                assert!(!story.questions.is_empty(), "{name} answers nothing: {text}");
            }
            assert!(asked.len() > 10, "{name} always has the same answers");
        }
    }

    /// Spaces, articles, quotes, capitals and ends of sentences as they should be.
    fn sound(text: &str) {
        assert!(text.is_ascii() && !text.contains("  ") && text.trim() == text, "{text}");
        let words: Vec<&str> = text.split([' ', '"']).collect();
        for pair in words.windows(2) {
            let vowel = pair[1].starts_with(['a', 'e', 'i', 'o', 'u']);
            assert!(!(matches!(pair[0], "a" | "A") && vowel), "{pair:?} in {text}");
            assert!(!matches!(pair[0], "an" | "An") || vowel, "{pair:?} in {text}");
            assert!(
                pair[0] != pair[1] || !pair[0].ends_with(|c: char| c.is_ascii_alphabetic()),
                "{pair:?} in {text}"
            );
            let starts = pair[0].ends_with(['.', '!', '?']) && !pair[1].is_empty();
            let lower = pair[1].starts_with(|c: char| c.is_ascii_lowercase());
            assert!(!(starts && pair[0].ends_with('.') && lower), "{pair:?} in {text}");
        }
        assert_eq!(text.matches('"').count() % 2, 0, "{text}");
        assert!(text.ends_with(['.', '!', '?', '"']), "{text}");
        for wrong in [" ,", " .", "..", ".,", ",.", "?.", "!.", "\".", "[", "{", "|"] {
            assert!(!text.contains(wrong), "{wrong:?} in {text}");
        }
    }

    #[test]
    fn half_of_the_stories_begin_as_stories_do() {
        let (library, mut rng) = (Library::new().unwrap(), Rng::new(4));
        let stories: Vec<String> =
            (0..2_000).map(|_| library.text(Sort::Story, Split::Train, &mut rng).unwrap()).collect();
        let once = stories.iter().filter(|text| text.starts_with("Once upon a time, ")).count();
        assert!((900..1_100).contains(&once), "{once}");
        assert_eq!(stories.iter().collect::<BTreeSet<_>>().len(), stories.len());
        let goose = stories.iter().filter(|text| text.contains("goose")).count();
        assert!(goose > 500, "{goose}");
    }

    #[test]
    fn heroes_and_things_of_held_out_stories_do_not_meet_in_training() {
        let (library, mut rng) = (Library::new().unwrap(), Rng::new(5));
        let mut pairs = |split| -> BTreeSet<(String, String)> {
            let pair = |_| {
                let story = library.story(split, &mut rng).unwrap();
                let word = |slot| story.scene.word(slot).unwrap().to_owned();
                (word("hero"), word("thing"))
            };
            (0..3_000).map(pair).collect()
        };
        assert!(pairs(Split::Train).is_disjoint(&pairs(Split::HeldOut)));
    }

    #[test]
    fn the_other_style_is_another() {
        let (library, mut rng) = (Library::new().unwrap(), Rng::new(6));
        let mut text = |sort| library.text(sort, Split::Train, &mut rng).unwrap();
        for _ in 0..300 {
            let letter = text(Sort::Other);
            sound(&format!("{letter}."));
            assert!(letter.starts_with("Dear "), "{letter}");
            assert!(!text(Sort::Story).contains("Dear "));
        }
    }
}
