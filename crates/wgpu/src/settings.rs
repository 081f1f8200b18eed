//! How the backend is opened: which adapter, which optional features, which limits.

use std::fmt;
use std::str::FromStr;

use wkv7_core::Error;

use crate::BACKEND;

/// The environment variable that forces optional features off: `none`, or a list of those to use, such as `subgroups`.
pub const FEATURES_VARIABLE: &str = "WKV7_WGPU_FEATURES";

/// Which adapter computes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Choice {
    /// The best real GPU: discrete before integrated before virtual. Never a software adapter.
    #[default]
    Best,
    /// The adapter at this place in [`devices`](crate::devices()).
    Index(usize),
    /// The first adapter whose name contains this, in any case; also a software adapter.
    Name(String),
}

impl FromStr for Choice {
    type Err = std::convert::Infallible;

    /// Nothing is the best, a number an index, anything else part of a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match (text, text.parse()) {
            ("", _) => Self::Best,
            (_, Ok(index)) => Self::Index(index),
            (name, Err(_)) => Self::Name(name.to_owned()),
        })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Best => f.pad("best"),
            Self::Index(index) => index.fmt(f),
            Self::Name(name) => f.pad(name),
        }
    }
}

/// Which optional features of an adapter may be used. Nothing depends on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Features {
    /// Sums over a subgroup by one instruction.
    pub subgroups: bool,
    /// Loads of 64 bits, by which software adapters read weights twice as fast; graphics cards do without.
    pub int64: bool,
}

impl Features {
    /// All that an adapter has.
    pub const ALL: Self = Self { subgroups: true, int64: true };
    /// Only what every adapter has.
    pub const NONE: Self = Self { subgroups: false, int64: false };

    /// What [`FEATURES_VARIABLE`] says; all where it is not set.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for a word that is no feature.
    pub fn from_environment() -> Result<Self, Error> {
        match std::env::var(FEATURES_VARIABLE) {
            Ok(text) => text.parse(),
            Err(_) => Ok(Self::ALL),
        }
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.subgroups, self.int64) {
            (true, true) => "subgroups, int64",
            (true, false) => "subgroups",
            (false, true) => "int64",
            (false, false) => "no optional features",
        })
    }
}

impl FromStr for Features {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut features = Self::NONE;
        for word in text.split(',').map(str::trim) {
            match word {
                "none" | "" => {}
                "all" => features = Self::ALL,
                "subgroups" => features.subgroups = true,
                "int64" => features.int64 = true,
                _ => {
                    let why = format!(
                        "{FEATURES_VARIABLE} says `{word}`, expected `none`, `all`, `subgroups` or `int64`"
                    );
                    return Err(Error::Unavailable { backend: BACKEND.to_owned(), why });
                }
            }
        }
        Ok(features)
    }
}

/// How products are spread over a device; the numbers are the same but for the order of sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Workgroups of many lanes, and tiles in workgroup memory where many tokens meet a matrix: for graphics cards.
    Wide,
    /// Workgroups of few lanes, each with many sums: for software adapters, to which every load from memory, that of
    /// workgroups too, is a loop over lanes. On llvmpipe 1.5 times as fast as the other for one token, 1.8 times for 8,
    /// 2.9 times for 64 (`examples/shapes.rs`).
    Narrow,
}

impl Shape {
    /// Rows that a workgroup takes in a product of few tokens.
    pub(crate) fn strip(self) -> u32 {
        match self {
            Self::Wide => 4,
            Self::Narrow => 16,
        }
    }

    /// Lanes that share the columns there.
    pub(crate) fn width(self) -> u32 {
        match self {
            Self::Wide => 64,
            Self::Narrow => 8,
        }
    }
}

/// How the backend is opened. The default suits most.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Settings {
    /// Which adapter computes.
    pub adapter: Choice,
    /// Which optional features may be used; `None` asks the environment, see [`FEATURES_VARIABLE`].
    pub features: Option<Features>,
    /// How products are spread; `None` decides by the adapter.
    pub shape: Option<Shape>,
    /// Bytes of device memory that a model may take; larger ones are refused. `None` leaves it to the device.
    pub memory_limit: Option<u64>,
    /// Bytes that a kernel may see of one buffer, where that is to be less than the adapter allows.
    pub binding_limit: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_from_text() {
        assert_eq!("".parse(), Ok(Choice::Best));
        assert_eq!("1".parse(), Ok(Choice::Index(1)));
        assert_eq!("llvmpipe".parse(), Ok(Choice::Name("llvmpipe".to_owned())));
    }

    #[test]
    fn features_are_read_from_text() {
        assert_eq!("none".parse::<Features>().expect("a word"), Features::NONE);
        assert_eq!(
            "subgroups".parse::<Features>().expect("a word"),
            Features { subgroups: true, int64: false }
        );
        assert_eq!("int64, subgroups".parse::<Features>().expect("words"), Features::ALL);
        let error = "tensor-cores".parse::<Features>().expect_err("no such feature").to_string();
        assert!(error.contains("`tensor-cores`") && error.contains("`subgroups`"), "{error}");
    }
}
