//! The choice of an instruction set, by name.

use std::fmt;
use std::str::FromStr;

use wkv7_core::Error;

use crate::BACKEND;

/// A set of instructions that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Path {
    /// What every machine of the compile target has.
    Portable,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
}

/// Forces a path by name, for tests and benchmarks.
const VARIABLE: &str = "WKV7_CPU";

impl Path {
    /// Every path, slowest first.
    pub const ALL: [Self; 2] = [Self::Portable, Self::Avx2];

    /// The name used in `WKV7_CPU` and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
        }
    }

    /// Whether this machine can take it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            Self::Avx2 => has_avx2(),
        }
    }

    /// What the environment variable `WKV7_CPU` asks for, else the fastest that this machine can take.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the variable names no path.
    pub fn choose() -> Result<Self, Error> {
        let name = std::env::var_os(VARIABLE).unwrap_or_default();
        if name.is_empty() {
            let fastest = Self::ALL.into_iter().rfind(|path| path.is_available());
            return Ok(fastest.unwrap_or(Self::Portable));
        }
        let parsed = name.to_string_lossy().parse();
        parsed.map_err(|why| Error::Unavailable {
            backend: BACKEND.to_owned(),
            why: format!("{VARIABLE}: {why}"),
        })
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    super::Avx2::new().is_some()
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|path| path.name() == name).ok_or_else(|| {
            format!("no CPU path `{name}`; known paths: {}", Self::ALL.map(Self::name).join(" "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for path in Path::ALL {
            assert_eq!(path.name().parse(), Ok(path));
        }
        let error = "avx9".parse::<Path>().expect_err("no such path");
        assert_eq!(error, "no CPU path `avx9`; known paths: portable avx2");
        assert!(Path::Portable.is_available());
    }
}
