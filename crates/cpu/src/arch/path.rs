//! The choice of an instruction set, by name.

use std::fmt;
use std::str::FromStr;

use wkv7_core::Error;

#[cfg(target_arch = "x86_64")]
use super::maker::Maker;
#[cfg(target_arch = "x86_64")]
use super::{Amx, Avx2, Avx512, Bf16, Plain, Vnni};
use super::{Isa, Portable};
use crate::BACKEND;

/// A set of instructions that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Path {
    /// What every machine of the compile target has.
    Portable,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL and DQ as well.
    Avx512,
    /// The same with VNNI.
    Avx512Vnni,
    /// The same with BF16.
    Avx512Bf16,
    /// AVX-512 and VNNI with AMX for bytes and for bf16, on Linux, which lets the whole process use it from the moment that this is looked for.
    Amx,
}

/// Forces a path by name, for tests and benchmarks.
const VARIABLE: &str = "WKV7_CPU";

impl Path {
    /// Every path; later ones are faster, but see [`Path::choose`].
    pub const ALL: [Self; 6] =
        [Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Vnni, Self::Avx512Bf16, Self::Amx];

    /// The name used in `WKV7_CPU` and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512vnni",
            Self::Avx512Bf16 => "avx512bf16",
            Self::Amx => "amx",
        }
    }

    /// The bf16 parts that activations are cut into before they meet bf16 matrices, unless
    /// [`exact`](wkv7_core::LoadOptions::exact) forbids it; `None` where they stay in f32.
    #[must_use]
    pub const fn bf16_parts(self) -> Option<usize> {
        match self {
            Self::Amx => Some(2),
            Self::Avx512Bf16 => Some(1),
            _ => None,
        }
    }

    /// Whether it has an instruction for pairs of bf16, which makes training with [`Bf16`](crate::math::Precision::Bf16) faster
    /// wherever it is [chosen](Path::choose).
    #[must_use]
    pub const fn multiplies_pairs(self) -> bool {
        matches!(self, Self::Avx512Bf16)
    }

    /// Whether this machine can take it.
    #[must_use]
    pub fn is_available(self) -> bool {
        self.with(Nothing).is_ok()
    }

    /// Whether this machine is faster with the path before.
    #[cfg(target_arch = "x86_64")]
    fn is_slowed(self) -> bool {
        self.is_slowed_by(Maker::of_this_machine(), is_x86_feature_detected!("avx512fp16"))
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_slowed(self) -> bool {
        false
    }

    /// Whether a processor of `maker`, with AVX512-FP16 or without, is. Intel's cores with AMX do half as many operations a second
    /// in bf16 vectors as in f32 (Emerald Rapids: 32 and 64 a cycle), which matters where a virtual machine hides their AMX. That
    /// they have AVX512-FP16 tells them from Cooper Lake, which was not measured.
    #[cfg(target_arch = "x86_64")]
    fn is_slowed_by(self, maker: Maker, fp16: bool) -> bool {
        self == Self::Avx512Bf16 && maker == Maker::Intel && fp16
    }

    /// Does `work` with the instructions of this path, where the machine has them. Every path has its line here.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn with<W: With>(self, work: W) -> Result<W::Out, Missing> {
        Ok(match self {
            Self::Portable => work.with(Portable::<false, false>),
            Self::Avx2 => work.with(Avx2::new()?),
            Self::Avx512 => work.with(Avx512::<Plain>::new()?),
            Self::Avx512Vnni => work.with(Avx512::<Vnni>::new()?),
            Self::Avx512Bf16 => work.with(Avx512::<Bf16>::new()?),
            Self::Amx => work.with(Avx512::<Amx>::new()?),
        })
    }

    /// Does `work` with the instructions of this path, where the machine has them.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn with<W: With>(self, work: W) -> Result<W::Out, Missing> {
        match self {
            Self::Portable => Ok(work.with(Portable::<false, false>)),
            Self::Avx2 | Self::Avx512 | Self::Avx512Vnni | Self::Avx512Bf16 | Self::Amx => {
                Err(Missing("x86-64"))
            }
        }
    }

    /// What the environment variable `WKV7_CPU` asks for, else the fastest that this machine can take: the last of
    /// [`Path::ALL`]; but [`Path::Avx512Bf16`] is passed over on Intel's cores with AMX, where it is slower than f32.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the variable names no path.
    pub fn choose() -> Result<Self, Error> {
        let name = std::env::var_os(VARIABLE).unwrap_or_default();
        if name.is_empty() {
            let fastest = Self::ALL.into_iter().rfind(|path| path.is_available() && !path.is_slowed());
            return Ok(fastest.unwrap_or(Self::Portable));
        }
        let parsed = name.to_string_lossy().parse();
        parsed.map_err(|why| Error::Unavailable {
            backend: BACKEND.to_owned(),
            why: format!("{VARIABLE}: {why}"),
        })
    }
}

/// What is to be done with an instruction set that is chosen when the program runs.
pub(crate) trait With {
    type Out;
    fn with<I: Isa>(self, isa: I) -> Self::Out;
}

/// Asks whether there is one.
pub(crate) struct Nothing;

impl With for Nothing {
    type Out = ();
    fn with<I: Isa>(self, _: I) {}
}

/// The CPU feature that this machine lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing(pub(crate) &'static str);

impl Missing {
    /// Whether this machine has `feature` is known already; says so in the form of a result.
    pub(crate) fn unless(feature: &'static str, there: bool) -> Result<(), Self> {
        if there { Ok(()) } else { Err(Self(feature)) }
    }
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

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn slow_vectors_of_bf16_are_passed_over() {
        let slowed =
            |maker, fp16| Path::ALL.into_iter().filter(|path| path.is_slowed_by(maker, fp16)).collect();
        let slowed: [Vec<Path>; 4] =
            [(Maker::Intel, true), (Maker::Intel, false), (Maker::Amd, true), (Maker::Other, true)]
                .map(|(maker, fp16)| slowed(maker, fp16));
        assert_eq!(slowed, [vec![Path::Avx512Bf16], vec![], vec![], vec![]]);
    }

    #[test]
    fn names_round_trip_and_others_are_refused() {
        for path in Path::ALL {
            assert_eq!(path.name().parse(), Ok(path));
        }
        let error = "avx9".parse::<Path>().expect_err("no such path");
        assert_eq!(error, "no CPU path `avx9`; known paths: portable avx2 avx512 avx512vnni avx512bf16 amx");
        assert!(Path::Portable.is_available());
    }
}
