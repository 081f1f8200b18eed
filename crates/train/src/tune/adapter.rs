//! Thin matrices beside the large ones: `W + (alpha / rank) B A`.
//!
//! Names and shapes are those of `JL-er/RWKV-PEFT`: `blocks.0.att.key.lora_A` `[rank, inputs]` and
//! `blocks.0.att.key.lora_B` `[outputs, rank]`. A starts uniform within `1 / sqrt(inputs)` (torch's Kaiming uniform
//! with a = sqrt 5), B starts at zero, so that an adapter begins by changing nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use rayon::prelude::*;
use wkv7_core::Dtype;
use wkv7_cpu::math::Number;
use wkv7_formats::convert::{Numbers, Summary, Target, write_numbers};

use crate::{Error, Layout, Random};

/// A large matrix of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the official names")]
pub enum Matrix {
    Receptance,
    Key,
    Value,
    Output,
    FfnKey,
    FfnValue,
}

impl Matrix {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Receptance, Self::Key, Self::Value, Self::Output, Self::FfnKey, Self::FfnValue];

    /// Its name within a layer: `att.key`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receptance => "att.receptance",
            Self::Key => "att.key",
            Self::Value => "att.value",
            Self::Output => "att.output",
            Self::FfnKey => "ffn.key",
            Self::FfnValue => "ffn.value",
        }
    }
}

/// Which matrices an adapter stands beside, in every layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Targets(BTreeSet<Matrix>);

impl Default for Targets {
    /// All.
    fn default() -> Self {
        Self(Matrix::ALL.into())
    }
}

impl FromStr for Targets {
    type Err = String;

    /// Names with commas between them: `att.key`, `ffn.value`; `att` and `ffn` stand for all of their block, `all` for all.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut found = BTreeSet::new();
        for word in text.split(',').map(str::trim) {
            let before = found.len();
            let block = |matrix: &Matrix| matrix.name().split('.').next() == Some(word);
            found.extend(Matrix::ALL.into_iter().filter(|m| word == "all" || m.name() == word || block(m)));
            if found.len() == before {
                let names = Matrix::ALL.map(Matrix::name).join(" ");
                return Err(format!("`{word}`, expected some of: all att ffn {names}"));
            }
        }
        Ok(Self(found))
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|matrix| matrix.name()).collect();
        f.pad(&names.join(","))
    }
}

/// The two thin matrices of one large one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    name: String,         // without `.weight`
    matrix: Range<usize>, // in the model's layout, [outputs, inputs]
    outputs: usize,
    inputs: usize,
    a: Range<usize>, // in the adapter's numbers, [rank, inputs]
    b: Range<usize>, // likewise, [outputs, rank]
}

impl Pair {
    /// The official name of the large matrix.
    pub(super) fn tensor(&self) -> String {
        format!("{}.weight", self.name)
    }

    /// Where that matrix lies.
    pub(super) fn matrix(&self) -> Range<usize> {
        self.matrix.clone()
    }
}

/// The places of all thin matrices in one vector of numbers, and what they are scaled by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Places {
    pub(super) rank: usize,
    pub(super) alpha: f64,
    pub(super) pairs: Vec<Pair>,
    pub(super) len: usize,
}

impl Places {
    pub(super) fn new(layout: &Layout, rank: usize, alpha: f64, targets: &Targets) -> Result<Self, Error> {
        let most = layout.config().channels;
        if rank == 0 || rank > most || !alpha.is_finite() {
            return Err(Error::Tuning(format!(
                "expected a rank from 1 to {most} and a finite alpha, found {rank} and {alpha}"
            )));
        }
        let (mut pairs, mut len) = (Vec::new(), 0);
        for layer in 0..layout.config().layers {
            for matrix in &targets.0 {
                let name = format!("blocks.{layer}.{}", matrix.name());
                let Some(entry) = layout.get(&format!("{name}.weight")) else { continue }; // every layer has it
                let [outputs, inputs] = entry.shape[..] else { continue };
                // No overflow: neither is larger than the matrix.
                let a = len..len + rank * inputs;
                let b = a.end..a.end + outputs * rank;
                len = b.end;
                pairs.push(Pair { name, matrix: entry.range.clone(), outputs, inputs, a, b });
            }
        }
        Ok(Self { rank, alpha, pairs, len })
    }

    /// The numbers that an adapter begins with.
    fn begin(&self, seed: u64) -> Vec<f32> {
        let mut numbers = vec![0.0; self.len];
        for pair in &self.pairs {
            let mut random = Random::part(seed, &pair.name, 0);
            let bound = 1.0 / (pair.inputs as f64).sqrt();
            numbers[pair.a.clone()].iter_mut().for_each(|x| *x = random.between(-bound, bound) as f32);
        }
        numbers
    }

    fn scale<R: Number>(&self) -> R {
        R::of(self.alpha / self.rank as f64)
    }

    /// Adds what the adapter changes to the large matrices.
    pub(super) fn add<R: Number>(&self, numbers: &[R], parameters: &mut [R]) {
        let scale = self.scale::<R>();
        for Pair { matrix, inputs, a, b, .. } in &self.pairs {
            let (a, b) = (&numbers[a.clone()], &numbers[b.clone()]);
            let rows = parameters[matrix.clone()].par_chunks_exact_mut(*inputs);
            rows.zip(b.par_chunks_exact(self.rank)).for_each(|(row, b)| {
                for (a, b) in a.chunks_exact(*inputs).zip(b) {
                    axpy(*b * scale, a, row);
                }
            });
        }
    }

    /// From the gradients of the large matrices those of the thin ones: `dA = s B' dW`, `dB = s dW A'`.
    pub(super) fn back<R: Number>(&self, numbers: &[R], dense: &[R], gradients: &mut [R]) {
        let (scale, rank) = (self.scale::<R>(), self.rank);
        for Pair { matrix, inputs, a, b, .. } in &self.pairs {
            let dense = &dense[matrix.clone()];
            let (a_numbers, b_numbers) = (&numbers[a.clone()], &numbers[b.clone()]);
            gradients[b.clone()].par_chunks_exact_mut(rank).zip(dense.par_chunks_exact(*inputs)).for_each(
                |(d_b, dense)| {
                    for (d_b, a) in d_b.iter_mut().zip(a_numbers.chunks_exact(*inputs)) {
                        *d_b = dense.iter().zip(a).map(|(d, a)| *d * *a).sum::<R>() * scale;
                    }
                },
            );
            gradients[a.clone()].par_chunks_exact_mut(*inputs).enumerate().for_each(|(at, d_a)| {
                d_a.fill(R::default());
                for (b, dense) in b_numbers.chunks_exact(rank).zip(dense.chunks_exact(*inputs)) {
                    axpy(b[at] * scale, dense, d_a);
                }
            });
        }
    }
}

/// `y += s x`.
fn axpy<R: Number>(s: R, x: &[R], y: &mut [R]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += s * *x;
    }
}

/// Thin matrices of all targets, with their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    pub(super) places: Places,
    pub(super) numbers: Vec<f32>,
}

impl Adapter {
    /// One that changes nothing yet.
    ///
    /// # Errors
    /// [`Error::Tuning`] for a rank that is 0 or larger than the model's width.
    pub fn new(
        layout: &Layout,
        rank: usize,
        alpha: f64,
        targets: &Targets,
        seed: u64,
    ) -> Result<Self, Error> {
        let places = Places::new(layout, rank, alpha, targets)?;
        let numbers = places.begin(seed);
        Ok(Self { places, numbers })
    }

    /// Rows of A and columns of B.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.places.rank
    }

    /// What B A is multiplied with, times the rank.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.places.alpha
    }

    /// How many numbers it has.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.numbers.len()
    }

    /// Adds what it changes to the parameters of a model of its layout.
    ///
    /// # Errors
    /// [`Error::WrongLength`].
    pub fn add_to(&self, layout: &Layout, parameters: &mut [f32]) -> Result<(), Error> {
        layout.check("parameters", parameters)?;
        self.places.add(&self.numbers, parameters);
        Ok(())
    }

    /// Writes all thin matrices in f32, as a `.pth` or a `.safetensors` by the name of `path`. A safetensors file also says
    /// `rank` and `alpha` in its metadata; a `.pth` has no place for alpha, which must then be told to whoever merges it.
    ///
    /// # Errors
    /// [`Error::File`]: another extension, a folder that is not there or not writable, numbers that are not finite.
    pub fn save(&self, path: &Path) -> Result<Summary, Error> {
        let Places { rank, alpha, pairs, .. } = &self.places;
        let shapes: Vec<_> = pairs.iter().map(|pair| ([*rank, pair.inputs], [pair.outputs, *rank])).collect();
        let names: Vec<_> =
            pairs.iter().map(|pair| ["A", "B"].map(|x| format!("{}.lora_{x}", pair.name))).collect();
        let mut all = Vec::new();
        for ((pair, (shape_a, shape_b)), [name_a, name_b]) in pairs.iter().zip(&shapes).zip(&names) {
            all.push(Numbers { name: name_a, shape: shape_a, values: &self.numbers[pair.a.clone()] });
            all.push(Numbers { name: name_b, shape: shape_b, values: &self.numbers[pair.b.clone()] });
        }
        let target = Target::from_path(path)?;
        let mut facts = BTreeMap::new();
        if target == Target::Safetensors {
            facts.insert("rank".to_owned(), rank.to_string());
            facts.insert("alpha".to_owned(), alpha.to_string());
        }
        Ok(write_numbers(&all, path, target, Dtype::F32, &facts, &mut |_, _| true)?)
    }
}
