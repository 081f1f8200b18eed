//! What the small model knows of the world: questions, each with several wordings and one answer.

use anyhow::{Context, Result, ensure};

use super::chat::Turn;
use super::rng::{Rng, hash};
use super::slots::lines;
use super::split::Split;
use super::template::{Slots, Template, tidy};

/// A fact: how one asks for it, and what it is.
#[derive(Debug)]
pub struct Fact {
    asks: Vec<String>,
    answer: String,
}

/// Reads the file of facts: single ones, and tables whose every row fills the `%` lines above it.
///
/// # Errors
/// A line that is neither, or a row with too few fields.
pub fn parse(text: &str) -> Result<Vec<Fact>> {
    let (mut facts, mut forms, mut rows_began) = (Vec::new(), Vec::new(), false);
    for line in lines(text) {
        if line == "%%" {
            forms.clear();
        } else if let Some(form) = line.strip_prefix('%') {
            ensure!(!rows_began || forms.is_empty(), "a form below its rows: {line:?}");
            rows_began = false;
            forms.push(form);
        } else if forms.is_empty() {
            facts.push(Fact::parse(line, &Row(Vec::new()))?);
        } else {
            rows_began = true;
            let row = Row(line.split(';').map(str::trim).collect());
            for form in &forms {
                facts.push(Fact::parse(form, &row).with_context(|| format!("row {line:?}"))?);
            }
        }
    }
    Ok(facts)
}

impl Fact {
    fn parse(line: &str, row: &Row<'_>) -> Result<Self> {
        let (asks, answer) = line.split_once(" = ").with_context(|| format!("no answer: {line:?}"))?;
        let fill = |text: &str| -> Result<String> {
            let (mut out, mut rng) = (String::new(), Rng::new(0)); // facts have no choices to draw
            Template::parse(text)?.expand(row, &mut rng, &mut out)?;
            Ok(tidy(&out))
        };
        let asks = asks.split('|').map(fill).collect::<Result<_>>()?;
        Ok(Self { asks, answer: fill(answer)? })
    }

    /// One wording of the question, where this part has any. The first wording is always for training: a fact whose
    /// every wording is held out could not be known.
    pub fn turn(&self, split: Split, rng: &mut Rng) -> Option<Turn> {
        let here = |(at, ask): &(usize, &String)| {
            let trained = *at == 0 || Split::Train.holds(hash(&[ask]));
            trained == (split == Split::Train)
        };
        let asks: Vec<&String> = self.asks.iter().enumerate().filter(here).map(|(_, ask)| ask).collect();
        if asks.is_empty() {
            return None;
        }
        Some(Turn { ask: (*rng.pick(&asks)).clone(), answer: self.answer.clone() })
    }
}

/// The fields of a row: `{0}`, and `{a 0}` with its article.
struct Row<'a>(Vec<&'a str>);

impl Slots for Row<'_> {
    fn fill(&self, name: &str, _: &mut Rng, out: &mut String) -> Result<()> {
        let (article, at) = match name.strip_prefix("a ") {
            Some(at) => ("a ", at),
            None => ("", name),
        };
        let field = at.parse::<usize>().ok().and_then(|at| self.0.get(at));
        out.push_str(article);
        out.push_str(field.with_context(|| format!("no field {name:?}"))?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "What is ice? = Ice is water.\n% What does {a 0} say? | Say {0}. = {A 0} says {1}.\nowl; hoo\ncow; moo\n%%\nHi = Ho";

    #[test]
    fn tables_give_a_fact_for_each_row() {
        let facts = parse(TEXT).unwrap();
        let asks: Vec<&str> = facts.iter().map(|fact| fact.asks[0].as_str()).collect();
        assert_eq!(asks, ["What is ice?", "What does an owl say?", "What does a cow say?", "Hi"]);
        assert_eq!(facts[1].answer, "An owl says hoo.");
        assert!(parse("% {2} = {0}\na; b").is_err());
        assert!(parse("no answer").is_err());
    }

    #[test]
    fn no_wording_is_in_both_parts() {
        let facts = parse(include_str!("words/facts.txt")).unwrap();
        let asked = |split| -> std::collections::BTreeSet<String> {
            let mut rng = Rng::new(1);
            (0..20)
                .flat_map(|_| {
                    facts.iter().filter_map(|f| f.turn(split, &mut rng)).map(|t| t.ask).collect::<Vec<_>>()
                })
                .collect()
        };
        let (train, held_out) = (asked(Split::Train), asked(Split::HeldOut));
        assert!(facts.len() >= 150, "{} facts", facts.len());
        assert!(held_out.len() >= 30, "{} held out", held_out.len());
        assert!(train.is_disjoint(&held_out));
    }
}
