//! How the backend is opened: which adapter, which optional features, which limits.

use std::fmt;
use std::str::FromStr;

use wgpu::{Adapter, CooperativeMatrixProperties, CooperativeScalarType};
use wkv7_core::Error;

use crate::BACKEND;

/// The environment variable that says which optional features are used: `none`, or a list such as `subgroups`.
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
    /// Products of many tokens by cooperative matrices: activations, and weights that are not F16, are rounded to F16 for
    /// them, unless [`LoadOptions::exact`](wkv7_core::LoadOptions::exact) forbids it. Used only where [`FEATURES_VARIABLE`] or
    /// [`Settings::features`] asks for it: the interface calls it experimental, and the adapters that the tests run on do not have it.
    pub cooperative: bool,
}

impl Features {
    /// Those that are used where nothing is said.
    pub const USUAL: Self = Self { subgroups: true, int64: true, cooperative: false };
    /// All that an adapter has.
    pub const ALL: Self = Self { subgroups: true, int64: true, cooperative: true };
    /// Only what every adapter has.
    pub const NONE: Self = Self { subgroups: false, int64: false, cooperative: false };

    /// What [`FEATURES_VARIABLE`] says; the usual ones where it is not set.
    ///
    /// # Errors
    /// [`Error::Unavailable`] for a word that is no feature.
    pub fn from_environment() -> Result<Self, Error> {
        match std::env::var(FEATURES_VARIABLE) {
            Ok(text) => text.parse(),
            Err(_) => Ok(Self::USUAL),
        }
    }

    /// Those that are to be used, by name.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let used = [(self.subgroups, "subgroups"), (self.int64, "int64"), (self.cooperative, "cooperative")];
        used.into_iter().filter_map(|(is_used, name)| is_used.then_some(name)).collect()
    }

    /// Those of them that `adapter` has and that suit it.
    pub(crate) fn of(self, adapter: &Adapter, is_software: bool) -> Self {
        let has = |features| adapter.features().contains(features);
        Self {
            subgroups: self.subgroups && has(wgpu::Features::SUBGROUP),
            int64: self.int64 && is_software && has(wgpu::Features::SHADER_INT64),
            cooperative: self.cooperative && has(COOPERATIVE) && multiplies_halves(adapter),
        }
    }
}

/// What the kernels of cooperative matrices need.
pub(crate) const COOPERATIVE: wgpu::Features = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
    .union(wgpu::Features::SHADER_F16)
    .union(wgpu::Features::SUBGROUP);
/// Bytes of workgroup memory that they take.
const COOPERATIVE_BYTES: u32 = 36 << 10;

/// Whether subgroups of 32 lanes multiply matrices of 16 by 16 F16 numbers and add in F32.
fn multiplies_halves(adapter: &Adapter) -> bool {
    let (info, limits) = (adapter.get_info(), adapter.limits());
    let size = CooperativeMatrixProperties {
        m_size: 16,
        n_size: 16,
        k_size: 16,
        ab_type: CooperativeScalarType::F16,
        cr_type: CooperativeScalarType::F32,
        saturating_accumulation: false,
    };
    (info.subgroup_min_size, info.subgroup_max_size) == (32, 32)
        && limits.max_compute_workgroup_storage_size >= COOPERATIVE_BYTES
        && adapter.cooperative_matrix_properties().contains(&size)
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names();
        f.pad(&if names.is_empty() { "no optional features".to_owned() } else { names.join(", ") })
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
                "cooperative" => features.cooperative = true,
                _ => {
                    let why = format!(
                        "{FEATURES_VARIABLE} says `{word}`, expected `none`, `all`, `subgroups`, `int64` or `cooperative`"
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
    /// workgroups too, is a loop over lanes. On llvmpipe 1.7 times as fast as the other for one token, 1.7 times for 8,
    /// 3.0 times for 64 (`examples/shapes.rs`).
    Narrow,
}

/// What the text of kernels follows from besides their names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ways {
    pub(crate) features: Features,
    pub(crate) shape: Shape,
    /// Whether lanes may write numbers that lie in one vector of four: where an interface reads, changes and writes the
    /// whole vector, as Metal does, they would undo each other's.
    pub(crate) writes_parts: bool,
}

impl Shape {
    /// Rows that a workgroup takes in a product of few tokens.
    pub(crate) fn strip(self) -> u32 {
        match self {
            Self::Wide => 4,
            Self::Narrow => 16,
        }
    }

    /// Lanes of a workgroup that shows what the device can do.
    pub(crate) fn ceiling_width(self) -> u32 {
        match self {
            Self::Wide => 256,
            Self::Narrow => 64,
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
    /// Whether every dispatch is timed, where the adapter can; see [`Wgpu::profile`](crate::Wgpu::profile).
    pub profile: bool,
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
            Features { subgroups: true, ..Features::NONE }
        );
        assert_eq!("int64, subgroups, cooperative".parse::<Features>().expect("words"), Features::ALL);
        let error = "tensor-cores".parse::<Features>().expect_err("no such feature").to_string();
        assert!(error.contains("`tensor-cores`") && error.contains("`subgroups`"), "{error}");
    }
}
