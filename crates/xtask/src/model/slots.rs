//! Files of slots and fragments: `@name: one; its other form | two; its other form` and `= name: template`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::rng::Rng;
use super::template::{Slots, Template};

/// A slot that is drawn once for a text: its choices, each with its forms.
#[derive(Debug)]
pub struct Slot {
    pub name: String,
    choices: Vec<Vec<Template>>,
}

impl Slot {
    /// Reads what follows the `@`.
    ///
    /// # Errors
    /// No colon, or a form that is no template.
    pub fn parse(line: &str) -> Result<Self> {
        let (name, rest) = line.split_once(':').with_context(|| format!("no colon in slot {line:?}"))?;
        let choices = rest.split('|').map(|choice| {
            choice.split(';').map(|form| Template::parse(form.trim())).collect::<Result<Vec<_>>>()
        });
        Ok(Self { name: name.trim().to_owned(), choices: choices.collect::<Result<_>>()? })
    }

    /// Draws a choice and sets its forms in `scene`: `name`, `name.1`, `name.2`.
    ///
    /// # Errors
    /// A form that names an unknown slot.
    pub fn draw(&self, scene: &mut Scene<'_>, rng: &mut Rng) -> Result<()> {
        for (at, form) in rng.pick(&self.choices).iter().enumerate() {
            let mut text = String::new();
            form.expand(scene, rng, &mut text)?;
            let name = if at == 0 { self.name.clone() } else { format!("{}.{at}", self.name) };
            scene.set(name, text);
        }
        Ok(())
    }
}

/// The slots and fragments of every story.
#[derive(Debug)]
pub struct Stock {
    pub slots: Vec<Slot>,
    fragments: BTreeMap<String, Template>,
}

impl Stock {
    /// Reads a file of both; `#` starts a comment.
    ///
    /// # Errors
    /// A line that is neither, or wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let mut stock = Self { slots: Vec::new(), fragments: BTreeMap::new() };
        for line in lines(text) {
            if let Some(slot) = line.strip_prefix('@') {
                stock.slots.push(Slot::parse(slot)?);
            } else {
                let fragment = line.strip_prefix('=').and_then(|rest| rest.split_once(':'));
                let (name, rest) =
                    fragment.with_context(|| format!("neither slot nor fragment: {line:?}"))?;
                let old = stock.fragments.insert(name.trim().to_owned(), Template::parse(rest.trim())?);
                ensure!(old.is_none(), "fragment {name} twice");
            }
        }
        Ok(stock)
    }
}

/// The lines of a data file without comments and empty ones.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What was drawn for one text.
#[derive(Debug, Clone)]
pub struct Scene<'a> {
    words: BTreeMap<String, String>,
    fragments: &'a BTreeMap<String, Template>,
}

impl<'a> Scene<'a> {
    /// A scene in which nothing is drawn yet.
    pub fn new(stock: &'a Stock) -> Self {
        Self { words: BTreeMap::new(), fragments: &stock.fragments }
    }

    /// Says what a slot stands for from now on.
    pub fn set(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.words.insert(name.into(), text.into());
    }

    /// What a slot stands for.
    ///
    /// # Errors
    /// A slot that was not set.
    pub fn word(&self, name: &str) -> Result<&str> {
        self.words.get(name).map(String::as_str).with_context(|| format!("no slot {name:?}"))
    }
}

impl Slots for Scene<'_> {
    fn fill(&self, name: &str, rng: &mut Rng, out: &mut String) -> Result<()> {
        match self.fragments.get(name) {
            Some(fragment) => fragment.expand(self, rng, out),
            None => {
                out.push_str(self.word(name)?);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_slot_belong_together() {
        let stock = Stock::parse("# comment\n@go: run; ran | swim; swam\n= both: {go} {go.1}").unwrap();
        for seed in 0..20 {
            let (mut rng, mut scene, mut out) = (Rng::new(seed), Scene::new(&stock), String::new());
            stock.slots[0].draw(&mut scene, &mut rng).unwrap();
            scene.fill("both", &mut rng, &mut out).unwrap();
            assert!(out == "run ran" || out == "swim swam", "{out}");
        }
    }

    #[test]
    fn what_is_neither_slot_nor_fragment_is_an_error() {
        for bad in ["plain", "@name", "= name", "= a: x\n= a: y", "@a: [x"] {
            assert!(Stock::parse(bad).is_err(), "{bad}");
        }
    }
}
