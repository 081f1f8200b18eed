//! Text with choices and slots: `[One|Two] {thing}s`.
//!
//! `[a|b|c]` is one of its parts, drawn anew each time; parts may be empty and may nest. `{name}` is what a
//! [`Slots`] says; written `{Name}`, its first letter is made a capital. Nothing else is special.

use anyhow::{Result, bail, ensure};

use super::rng::Rng;

/// A text whose choices are not made yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot(String),
    Choice(Vec<Template>),
}

/// What the slots of a template stand for.
pub trait Slots {
    /// Adds the text of `name` to `out`.
    fn fill(&self, name: &str, rng: &mut Rng, out: &mut String) -> Result<()>;
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A bracket that is not closed, or not opened.
    pub fn parse(text: &str) -> Result<Self> {
        let mut rest = text;
        let (template, end) = sequence(&mut rest, false)?;
        ensure!(end.is_none(), "`]` without `[` in {text:?}");
        Ok(template)
    }

    /// Draws every choice and adds the text to `out`.
    ///
    /// # Errors
    /// A slot that `slots` does not know.
    pub fn expand(&self, slots: &dyn Slots, rng: &mut Rng, out: &mut String) -> Result<()> {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Choice(choices) => rng.pick(choices).expand(slots, rng, out)?,
                Part::Slot(name) => fill(slots, name, rng, out)?,
            }
        }
        Ok(())
    }
}

/// Fills one slot, with a capital where its name has one.
fn fill(slots: &dyn Slots, name: &str, rng: &mut Rng, out: &mut String) -> Result<()> {
    if !name.starts_with(|first: char| first.is_ascii_uppercase()) {
        return slots.fill(name, rng, out);
    }
    let start = out.len();
    let mut lower = name.to_owned();
    lower[..1].make_ascii_lowercase();
    slots.fill(&lower, rng, out)?;
    if let Some(first) = out.get_mut(start..start + 1) {
        first.make_ascii_uppercase();
    }
    Ok(())
}

/// Reads up to the end of the text or, where `nested`, up to a `|` or `]`, which is returned.
fn sequence(rest: &mut &str, nested: bool) -> Result<(Template, Option<char>)> {
    let mut parts = Vec::new();
    loop {
        let cut = rest.find(['[', ']', '{', '}', '|']).unwrap_or(rest.len());
        let (text, after) = rest.split_at(cut);
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
        let Some(mark) = after.chars().next() else {
            ensure!(!nested, "`[` without `]`");
            return Ok((Template(parts), None));
        };
        *rest = &after[1..];
        match mark {
            '[' => parts.push(choice(rest)?),
            '{' => {
                let Some((name, after)) = rest.split_once('}') else { bail!("`{{` without `}}`") };
                parts.push(Part::Slot(name.to_owned()));
                *rest = after;
            }
            ']' | '|' if nested => return Ok((Template(parts), Some(mark))),
            _ => bail!("a stray {mark:?} before {rest:?}"),
        }
    }
}

fn choice(rest: &mut &str) -> Result<Part> {
    let mut choices = Vec::new();
    loop {
        let (template, end) = sequence(rest, true)?;
        choices.push(template);
        if end == Some(']') {
            return Ok(Part::Choice(choices));
        }
    }
}

/// Makes one paragraph of what templates gave: single spaces, no space at the ends, `an` before a vowel.
pub fn tidy(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut out = String::with_capacity(text.len());
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        out.push_str(word);
        let bare = word.trim_start_matches('"');
        let vowel = words.get(at + 1).is_some_and(|next| next.starts_with(['a', 'e', 'i', 'o', 'u']));
        if vowel && (bare == "a" || bare == "A") {
            out.push('n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Slots for Echo {
        fn fill(&self, name: &str, _: &mut Rng, out: &mut String) -> Result<()> {
            ensure!(name != "unknown", "no slot {name}");
            out.push_str(name);
            Ok(())
        }
    }

    fn expand(text: &str, seed: u64) -> Result<String> {
        let mut out = String::new();
        Template::parse(text)?.expand(&Echo, &mut Rng::new(seed), &mut out)?;
        Ok(out)
    }

    #[test]
    fn choices_nest_and_may_be_empty() {
        let mut seen: Vec<String> =
            (0..200).map(|seed| expand("x[a[b|]|c]{He} {he}", seed).unwrap()).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, ["xaHe he", "xabHe he", "xcHe he"]);
    }

    #[test]
    fn what_is_not_closed_or_not_known_is_an_error() {
        for bad in ["[a|b", "a]", "{he", "a|b", "}", "{unknown}"] {
            assert!(expand(bad, 1).is_err(), "{bad}");
        }
    }

    #[test]
    fn articles_and_spaces_are_put_right() {
        assert_eq!(
            tidy(" A  orange kite, a red egg, \"A owl!\" a\n elk "),
            "An orange kite, a red egg, \"An owl!\" an elk"
        );
    }
}
