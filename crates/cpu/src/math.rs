//! The arithmetic of the instruction sets for other crates: what the kernels of this one are made of, without its formats.
//!
//! A kernel is a generic function over [`Math`], marked `#[inline(always)]` and called from [`Math::run`], which compiles it
//! for the instruction set. It runs on f32 with what this machine has ([`Path::with_math`]), and, for tests that want
//! exact answers, on f64 ([`Double`]).

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{AddAssign, MulAssign};
use std::str::FromStr;

pub use num_traits::Float; // what numbers can do
use wkv7_core::Error;

use crate::arch::{Isa, Missing, Nothing, Path, With};
use crate::bf16x3::Tiles;
use crate::exp;
use crate::pairs::Pairs;

/// Numbers in [`Math::Lanes`].
pub const LANES: usize = crate::arch::LANES;

/// What the factors of large products are rounded to; sums are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Nothing: they are f32.
    #[default]
    F32,
    /// bf16, except where large f32 products are made of bf16 ones anyway ([`Path::Amx`]).
    Bf16,
}

impl Precision {
    /// What they are called.
    pub const NAMES: [&str; 2] = ["f32", "bf16"];
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            _ => Err(format!("expected f32 or bf16, found {name:?}")),
        }
    }
}

/// f32 or f64.
pub trait Number: Float + AddAssign + MulAssign + Sum + Default + Debug + Send + Sync + 'static {
    /// `x`, rounded.
    fn of(x: f64) -> Self;

    /// As f64.
    fn wide(self) -> f64;

    /// The same numbers, where they are f32.
    fn singles(x: &[Self]) -> Option<&[f32]>;

    /// The same.
    fn singles_mut(x: &mut [Self]) -> Option<&mut [f32]>;

    /// The same.
    fn singles_vec(x: &mut Vec<Self>) -> Option<&mut Vec<f32>>;
}

impl Number for f32 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as Self
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    fn singles(x: &[Self]) -> Option<&[f32]> {
        Some(x)
    }

    fn singles_mut(x: &mut [Self]) -> Option<&mut [f32]> {
        Some(x)
    }

    fn singles_vec(x: &mut Vec<Self>) -> Option<&mut Vec<f32>> {
        Some(x)
    }
}

impl Number for f64 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    fn singles(_: &[Self]) -> Option<&[f32]> {
        None
    }

    fn singles_mut(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }

    fn singles_vec(_: &mut Vec<Self>) -> Option<&mut Vec<f32>> {
        None
    }
}

/// Arithmetic on one type of numbers, with instructions that this machine is known to have.
pub trait Math: Copy + Send + Sync + 'static {
    /// What is computed with.
    type Number: Number;
    /// [`LANES`] of them.
    type Lanes: Copy;

    /// Rows of a product whose sums fit in the registers, beside [`Math::PANELS`].
    const TILE: usize;
    /// [`Math::Lanes`] of every one of those rows.
    const PANELS: usize;

    /// What multiplies large f32 matrices faster than [`Math::lanes_mul_add`], where the machine has it.
    #[inline(always)]
    fn tiles(self) -> Option<Tiles> {
        None
    }

    /// What multiplies large matrices whose numbers are rounded to bf16, where that is asked for.
    #[inline(always)]
    fn pairs(self) -> Option<Pairs> {
        None
    }

    /// Runs `kernel`, compiled for these instructions together with all that is inlined into it.
    fn run<R>(self, kernel: impl FnOnce() -> R) -> R;

    /// Asks for the cache line at `at`, which need not lie in any buffer: it will be needed soon.
    #[inline(always)]
    fn prefetch(self, at: *const Self::Number) {
        let _ = at;
    }

    /// `a * b + c`, rounded once where the machine can. Only fast inside [`Math::run`].
    fn mul_add(self, a: Self::Number, b: Self::Number, c: Self::Number) -> Self::Number;

    /// `e^x`.
    fn exp(self, x: Self::Number) -> Self::Number;

    /// `1 / (1 + e^-x)`.
    fn sigmoid(self, x: Self::Number) -> Self::Number;

    /// The hyperbolic tangent.
    fn tanh(self, x: Self::Number) -> Self::Number;

    /// The numbers of `x`.
    fn load(self, x: &[Self::Number; LANES]) -> Self::Lanes;

    /// The same number on every lane.
    fn splat(self, x: Self::Number) -> Self::Lanes;

    /// The numbers of all lanes.
    fn store(self, x: Self::Lanes, out: &mut [Self::Number; LANES]);

    /// `a + b` on every lane.
    fn lanes_add(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;

    /// `a * b` on every lane.
    fn lanes_mul(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;

    /// [`Math::mul_add`] on every lane.
    fn lanes_mul_add(self, a: Self::Lanes, b: Self::Lanes, c: Self::Lanes) -> Self::Lanes;

    /// The sum of all lanes: halves are added until one is left.
    fn fold(self, x: Self::Lanes) -> Self::Number;

    /// Rows become columns.
    fn transpose(self, rows: [Self::Lanes; LANES]) -> [Self::Lanes; LANES];
}

/// What is to be done with arithmetic that is chosen when the program runs.
pub trait WithMath {
    /// What comes of it.
    type Out;

    /// Does it.
    fn with<M: Math<Number = f32>>(self, math: M) -> Self::Out;
}

impl Path {
    /// Does `work` with the f32 arithmetic of this path, and large products in `precision`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where this machine lacks the instructions.
    pub fn with_math<W: WithMath>(self, precision: Precision, work: W) -> Result<W::Out, Error> {
        let tiles = if self == Self::Amx { Tiles::of_this_machine() } else { None };
        let pairs = if precision == Precision::Bf16 { Pairs::of(self) } else { None };
        let work = Single { of: work, tiles, pairs };
        // Asked for first, for this path may want more than the f32 arithmetic of it.
        let found = self.with(Nothing).and_then(|()| self.as_f32().with(work));
        found.map_err(|Missing(feature)| crate::lacks(self, feature))
    }

    /// The plainest path with the same f32 arithmetic: kernels need not be compiled again for what they do not use.
    fn as_f32(self) -> Self {
        match self {
            Self::Avx512Vnni | Self::Avx512Bf16 | Self::Amx => Self::Avx512,
            path => path,
        }
    }
}

/// The f32 numbers of an instruction set, or work with them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Single<T> {
    of: T,
    tiles: Option<Tiles>,
    pairs: Option<Pairs>,
}

impl<I: Isa> Single<I> {
    /// Its arithmetic alone.
    pub(crate) fn new(isa: I) -> Self {
        Self { of: isa, tiles: None, pairs: None }
    }

    /// The instruction set.
    #[inline(always)]
    pub(crate) fn isa(self) -> I {
        self.of
    }
}

impl<W: WithMath> With for Single<W> {
    type Out = W::Out;

    fn with<I: Isa>(self, isa: I) -> W::Out {
        self.of.with(Single { of: isa, tiles: self.tiles, pairs: self.pairs })
    }
}

impl<I: Isa> Math for Single<I> {
    type Number = f32;
    type Lanes = I::Lanes;

    const TILE: usize = I::TILE;
    const PANELS: usize = I::PANELS;

    #[inline(always)]
    fn tiles(self) -> Option<Tiles> {
        self.tiles
    }

    #[inline(always)]
    fn pairs(self) -> Option<Pairs> {
        self.pairs
    }

    #[inline(always)]
    fn run<R>(self, kernel: impl FnOnce() -> R) -> R {
        self.of.run(kernel)
    }

    #[inline(always)]
    fn prefetch(self, at: *const f32) {
        self.of.prefetch(at.cast());
    }

    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        self.of.mul_add(a, b, c)
    }

    #[inline(always)]
    fn exp(self, x: f32) -> f32 {
        exp::exp(self.of, x)
    }

    #[inline(always)]
    fn sigmoid(self, x: f32) -> f32 {
        exp::sigmoid(self.of, x)
    }

    #[inline(always)]
    fn tanh(self, x: f32) -> f32 {
        exp::tanh(self.of, x)
    }

    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> I::Lanes {
        self.of.load(x)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> I::Lanes {
        self.of.splat(x)
    }

    #[inline(always)]
    fn store(self, x: I::Lanes, out: &mut [f32; LANES]) {
        self.of.store(x, out);
    }

    #[inline(always)]
    fn lanes_add(self, a: I::Lanes, b: I::Lanes) -> I::Lanes {
        self.of.lanes_add(a, b)
    }

    #[inline(always)]
    fn lanes_mul(self, a: I::Lanes, b: I::Lanes) -> I::Lanes {
        self.of.lanes_mul(a, b)
    }

    #[inline(always)]
    fn lanes_mul_add(self, a: I::Lanes, b: I::Lanes, c: I::Lanes) -> I::Lanes {
        self.of.lanes_mul_add(a, b, c)
    }

    #[inline(always)]
    fn fold(self, x: I::Lanes) -> f32 {
        self.of.fold(x)
    }

    #[inline(always)]
    fn transpose(self, rows: [I::Lanes; LANES]) -> [I::Lanes; LANES] {
        self.of.transpose(rows)
    }
}

/// f64, in plain loops: slow, and exact enough to judge the rest by finite differences.
#[derive(Debug, Clone, Copy)]
pub struct Double;

impl Math for Double {
    type Number = f64;
    type Lanes = [f64; LANES];

    const TILE: usize = 2;
    const PANELS: usize = 1;

    fn run<R>(self, kernel: impl FnOnce() -> R) -> R {
        kernel()
    }

    fn mul_add(self, a: f64, b: f64, c: f64) -> f64 {
        a * b + c
    }

    fn exp(self, x: f64) -> f64 {
        x.exp()
    }

    fn sigmoid(self, x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    fn tanh(self, x: f64) -> f64 {
        x.tanh()
    }

    fn load(self, x: &[f64; LANES]) -> [f64; LANES] {
        *x
    }

    fn splat(self, x: f64) -> [f64; LANES] {
        [x; LANES]
    }

    fn store(self, x: [f64; LANES], out: &mut [f64; LANES]) {
        *out = x;
    }

    fn lanes_add(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }

    fn lanes_mul(self, a: [f64; LANES], b: [f64; LANES]) -> [f64; LANES] {
        std::array::from_fn(|lane| a[lane] * b[lane])
    }

    fn lanes_mul_add(self, a: [f64; LANES], b: [f64; LANES], c: [f64; LANES]) -> [f64; LANES] {
        std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }

    fn fold(self, x: [f64; LANES]) -> f64 {
        x.iter().sum()
    }

    fn transpose(self, rows: [[f64; LANES]; LANES]) -> [[f64; LANES]; LANES] {
        std::array::from_fn(|column| std::array::from_fn(|row| rows[row][column]))
    }
}
