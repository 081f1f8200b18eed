//! How much a G1 model thinks before it answers.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// How an answer begins. World models were not trained to think: their template knows only `Plain`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Think {
    /// The answer begins at once: `Assistant:`.
    #[default]
    Plain,
    /// Thinking opened and closed on one line: `Assistant: <think></think`.
    Off,
    /// Thinking opened and closed on two lines: `Assistant: <think>\n</think`.
    FakeThink,
    /// Thinks: `Assistant: <think`.
    Think,
    /// Thinks, asked to by ` (think a bit)` after the user's text.
    ThinkABit,
    /// Thinks, asked to by ` (think)` after the user's text.
    ThinkSome,
    /// Thinks, asked to by ` (think a lot)` after the user's text.
    ThinkALot,
}

impl Think {
    /// Every way, in the order of its names' help.
    pub const ALL: [Self; 7] = [
        Self::Plain,
        Self::Off,
        Self::FakeThink,
        Self::Think,
        Self::ThinkABit,
        Self::ThinkSome,
        Self::ThinkALot,
    ];

    /// Its name in commands: `plain`, `off`, `fake`, `think`, `bit`, `some`, `lot`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Off => "off",
            Self::FakeThink => "fake",
            Self::Think => "think",
            Self::ThinkABit => "bit",
            Self::ThinkSome => "some",
            Self::ThinkALot => "lot",
        }
    }

    /// What stands after `Assistant:`.
    pub(super) fn opening(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Off => " <think></think",
            Self::FakeThink => " <think>\n</think",
            Self::Think | Self::ThinkABit | Self::ThinkSome | Self::ThinkALot => " <think",
        }
    }

    /// What stands after the last text of the user.
    pub(super) fn request(self) -> &'static str {
        match self {
            Self::ThinkABit => " (think a bit)",
            Self::ThinkSome => " (think)",
            Self::ThinkALot => " (think a lot)",
            Self::Plain | Self::Off | Self::FakeThink | Self::Think => "",
        }
    }
}

impl fmt::Display for Think {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Think {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let range = "plain, off, fake, think, bit, some or lot";
        let named = Self::ALL.into_iter().find(|think| think.name() == text);
        named.ok_or_else(|| Error::Option { option: "think", range, found: format!("`{text}`") })
    }
}
