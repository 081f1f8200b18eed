//! Who is in a story: names, kinds, and the words that agree with them.

use anyhow::{Context, Result, ensure};

use super::rng::Rng;
use super::slots::{Scene, lines};
use super::template::Template;

/// Children; their kind is `girl` or `boy`.
const CHILD: &str = "child";

/// Names and kinds to draw from.
#[derive(Debug)]
pub struct Cast {
    /// `[child or animal][she or he]`
    names: [[Vec<String>; 2]; 2],
    kinds: Vec<Kind>,
}

#[derive(Debug)]
struct Kind {
    name: String,
    /// `ran`
    went: String,
    /// `under one wing`
    carry: Template,
    /// `Honk, honk!`
    call: String,
    weight: usize,
}

impl Cast {
    /// Reads the file of names and kinds.
    ///
    /// # Errors
    /// A line that is neither, or a list of names that is missing.
    pub fn parse(text: &str) -> Result<Self> {
        let mut cast = Self { names: Default::default(), kinds: Vec::new() };
        for line in lines(text) {
            if let Some((list, names)) = line.split_once('=') {
                let (animal, he) = match list.trim() {
                    "girls" => (0, 0),
                    "boys" => (0, 1),
                    "she-animals" => (1, 0),
                    "he-animals" => (1, 1),
                    other => anyhow::bail!("an unknown list of names: {other}"),
                };
                cast.names[animal][he] = names.split_whitespace().map(str::to_owned).collect();
            } else {
                cast.kinds.push(Kind::parse(line)?);
            }
        }
        ensure!(cast.names.iter().flatten().all(|list| list.len() > 2), "a list of names is missing");
        ensure!(cast.kinds.len() > 2, "too few kinds");
        Ok(cast)
    }

    /// Draws a hero and a friend, of different kind and sex so that every pronoun is plain, and one name more.
    ///
    /// Sets `hero` and its words (`kind`, `he`, `title`...), the same with `f.` for the friend, and `sign`.
    ///
    /// # Errors
    /// A kind of the data that names an unknown slot, or a `friend_kind` that there is not.
    pub fn draw(&self, friend_kind: Option<&str>, scene: &mut Scene<'_>, rng: &mut Rng) -> Result<()> {
        let friend = match friend_kind {
            Some(name) => self.kinds.iter().find(|kind| kind.name == name).context("no such kind")?,
            None => self.kind(rng),
        };
        let hero = loop {
            let kind = self.kind(rng);
            if kind.name == CHILD || kind.name != friend.name {
                break kind;
            }
        };
        let he = rng.below(2);
        self.person("", "hero", hero, he, scene, rng);
        self.person("f.", "friend", friend, 1 - he, scene, rng);
        let mut carry = String::new();
        hero.carry.expand(scene, rng, &mut carry)?;
        scene.set("carry", carry);
        for name in self.children(3, rng) {
            if name != scene.word("hero")? && name != scene.word("friend")? {
                scene.set("sign", name);
            }
        }
        Ok(())
    }

    /// Some different names of children.
    pub fn children(&self, count: usize, rng: &mut Rng) -> Vec<&str> {
        let mut names: Vec<&str> = self.names[0].iter().flatten().map(String::as_str).collect();
        rng.shuffle(&mut names);
        names.truncate(count);
        names
    }

    fn kind(&self, rng: &mut Rng) -> &Kind {
        let mut at = rng.below(self.kinds.iter().map(|kind| kind.weight).sum());
        for kind in &self.kinds {
            if at < kind.weight {
                return kind;
            }
            at -= kind.weight;
        }
        &self.kinds[0] // not reached: the weights add up
    }

    fn person(&self, prefix: &str, role: &str, kind: &Kind, he: usize, scene: &mut Scene<'_>, rng: &mut Rng) {
        let child = kind.name == CHILD;
        let name = rng.pick(&self.names[usize::from(!child)][he]);
        let noun = if child { ["girl", "boy"][he] } else { &kind.name };
        let mut set = |slot: &str, text: &str| scene.set(format!("{prefix}{slot}"), text);
        set("kind", noun);
        set("animal", if child { "" } else { "yes" });
        set("he", ["she", "he"][he]);
        set("him", ["her", "him"][he]);
        set("his", ["her", "his"][he]);
        set("himself", ["herself", "himself"][he]);
        set("went", &kind.went);
        set("call", &kind.call);
        set("title", &if child { name.clone() } else { format!("{name} the {noun}") });
        set("a", &format!("a {noun} named {name}"));
        scene.set(role, name);
    }
}

impl Kind {
    fn parse(line: &str) -> Result<Self> {
        let fields: Vec<&str> = line.split(';').map(str::trim).collect();
        let &[name, went, carry, call, weight] = fields.as_slice() else {
            anyhow::bail!("a kind has five fields, {line:?} has {}", fields.len());
        };
        let weight = weight.parse().with_context(|| format!("the weight of {name}"))?;
        Ok(Self {
            name: name.into(),
            went: went.into(),
            carry: Template::parse(carry)?,
            call: call.into(),
            weight,
        })
    }
}
