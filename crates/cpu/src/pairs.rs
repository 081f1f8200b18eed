//! Products of f32 numbers that are rounded to bf16 first, two at a time: what the official trainer multiplies, and twice as fast
//! as f32 on machines with a fast instruction for it (AMD's). Sums stay f32.

#[cfg(target_arch = "x86_64")]
use crate::arch::{Avx2, Avx512, Bf16, Plain};
use crate::arch::{Isa, LANES, Path, Portable, list};
use crate::bf16x3::HIGH;
use crate::math::{Math, Single};
use crate::part_tiles::rounded;

/// What multiplies pairs.
#[derive(Debug, Clone, Copy)]
pub struct Pairs(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512<Plain>),
    #[cfg(target_arch = "x86_64")]
    Bf16(Avx512<Bf16>),
}

impl Pairs {
    /// With the instructions of `path`; nothing where this machine lacks them, or multiplies f32 matrices by tiles
    /// of bf16 anyway.
    pub(crate) fn of(path: Path) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        let kind = match path {
            Path::Portable => Some(Kind::Portable),
            Path::Avx2 => Avx2::new().ok().map(Kind::Avx2),
            Path::Avx512 | Path::Avx512Vnni => Avx512::new().ok().map(Kind::Avx512),
            Path::Avx512Bf16 => Avx512::new().ok().map(Kind::Bf16),
            Path::Amx => None,
        };
        #[cfg(not(target_arch = "x86_64"))]
        let kind = (path == Path::Portable).then_some(Kind::Portable);
        kind.map(Self)
    }

    /// Does `work`.
    pub fn with<W: WithPairs>(self, work: W) -> W::Out {
        match self.0 {
            Kind::Portable => work.with(Single::new(Portable::<false, false>)),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(isa) => work.with(Single::new(isa)),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(isa) => work.with(Single::new(isa)),
            #[cfg(target_arch = "x86_64")]
            Kind::Bf16(isa) => work.with(Single::new(isa)),
        }
    }
}

/// What is to be done with pairs.
pub trait WithPairs {
    /// What comes of it.
    type Out;

    /// Does it.
    fn with<M: PairMath>(self, math: M) -> Self::Out;
}

/// Arithmetic on pairs. A pair lies in the bits of an f32: a number as bf16 in the lower half, and the one behind it in the
/// upper.
pub trait PairMath: Math<Number = f32> {
    /// Pairs of both numbers of every lane, each rounded to the nearest bf16, half to even. What is too large for that stays
    /// finite, and what is no number stays none.
    fn pairs_of(self, first: Self::Lanes, second: Self::Lanes) -> Self::Lanes;

    /// The pair of two numbers.
    fn pair_of(self, first: f32, second: f32) -> f32;

    /// For pairs `a` and `b`: `c`, plus the product of their second numbers, plus that of the first, on every lane. Subnormal
    /// numbers may be taken for zero.
    fn lanes_dot(self, a: Self::Lanes, b: Self::Lanes, c: Self::Lanes) -> Self::Lanes;
}

impl<I: Isa> PairMath for Single<I> {
    #[inline(always)]
    fn pairs_of(self, first: I::Lanes, second: I::Lanes) -> I::Lanes {
        let (mut low, mut high) = ([0.0; LANES], [0.0; LANES]);
        self.store(first, &mut low);
        self.store(second, &mut high);
        self.load(&list!(LANES, 0.0, |lane| pair(low[lane], high[lane])))
    }

    #[inline(always)]
    fn pair_of(self, first: f32, second: f32) -> f32 {
        pair(first, second)
    }

    #[inline(always)]
    fn lanes_dot(self, a: I::Lanes, b: I::Lanes, c: I::Lanes) -> I::Lanes {
        self.isa().lanes_dot_bf16(a, b, c)
    }
}

#[inline(always)]
fn pair(first: f32, second: f32) -> f32 {
    f32::from_bits(rounded(first).to_bits() >> 16 | rounded(second).to_bits() & HIGH)
}
