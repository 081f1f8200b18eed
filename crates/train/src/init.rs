//! The official initialisation: sizes of a new model, and every one of its tensors from a seed.
//!
//! Formulas are those of the trainer's `src/model.py` as of 2025: constructors give the vectors, and
//! `generate_init_weight` the matrices. They are evaluated in f64 and rounded once. A model of one layer, which the
//! official formulas divide by zero for, is treated as the first of many.

use rayon::prelude::*;
use wkv7_core::{Config, Ranks, Recipe};

use crate::orthogonal::orthonormalise;
use crate::portable::pow;
use crate::random::Random;
use crate::{Entry, Error, Layout};

/// Sizes for a model that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewModel {
    /// Layers.
    pub layers: usize,
    /// Model width, a multiple of the head size.
    pub channels: usize,
    /// Channels of a head; 64 in every released model.
    pub head_size: usize,
    /// Token ids.
    pub vocab: usize,
    /// Hidden units of the channel mix; `None` for the usual `4 * channels`.
    pub ffn: Option<usize>,
    /// Low-rank widths of every layer; `None` for [`default_ranks`].
    pub ranks: Option<Ranks>,
}

impl NewModel {
    /// The sizes as a model has them. The first layer's rank of the value residual is 0 by convention.
    ///
    /// # Errors
    /// [`Error::Sizes`] where they make no model.
    pub fn config(&self) -> Result<Config, Error> {
        const MOST_LAYERS: usize = 4096; // files with more are refused
        let Self { layers, channels, head_size, vocab, .. } = *self;
        if layers == 0 || layers > MOST_LAYERS {
            return Err(Error::Sizes(format!("{layers} layers, expected 1 to {MOST_LAYERS}")));
        }
        if channels == 0 || head_size == 0 || !channels.is_multiple_of(head_size) {
            let what = format!("{channels} channels are not whole heads of {head_size}");
            return Err(Error::Sizes(what));
        }
        let too_wide = || Error::Sizes(format!("{channels} channels are more than any memory holds"));
        let ffn = self.ffn.map_or_else(|| channels.checked_mul(4).ok_or_else(too_wide), Ok)?;
        let rank = self.ranks.unwrap_or_else(|| default_ranks(channels));
        let mut ranks = vec![rank; layers];
        ranks[0].value = 0;
        let heads = channels / head_size;
        Ok(Config { layers, channels, heads, head_size, ffn, vocab, ranks, recipe: Recipe::default() })
    }

    /// The layout of all parameters, the first layer's unused value residual among them, as the official
    /// trainer's own files have it.
    ///
    /// # Errors
    /// [`Error::Sizes`] where they make no model.
    pub fn layout(&self) -> Result<Layout, Error> {
        let rank = self.ranks.unwrap_or_else(|| default_ranks(self.channels)).value;
        Layout::with_block0_rank(&self.config()?, Some(rank))
    }
}

/// The low-rank widths that the official trainer gives a model of `channels` (since July 2025):
/// a multiple of 32 near `2.5 sqrt(channels)` for decay and rate, `1.7` for the value residual, `5` for the gate.
#[must_use]
pub fn default_ranks(channels: usize) -> Ranks {
    let width = |factor: f64| {
        let multiples = (factor * (channels as f64).sqrt() / 32.0).round_ties_even();
        32 * (multiples as usize).max(1)
    };
    Ranks { decay: width(2.5), rate: width(2.5), value: width(1.7), gate: width(5.0) }
}

/// All parameters of a new model. The same seed gives the same bits on every machine and for any number of
/// threads, and a tensor the same numbers whatever other tensors there are.
///
/// # Errors
/// [`Error::Sizes`] where the memory does not hold them.
pub fn initialise(layout: &Layout, seed: u64) -> Result<Vec<f32>, Error> {
    let mut parameters = Vec::new();
    let len = layout.len();
    let refused = |_| Error::Sizes(format!("{len} parameters do not fit into memory"));
    parameters.try_reserve_exact(len).map_err(refused)?;
    parameters.resize(len, 0.0);
    let mut tensors = Vec::new();
    let (mut rest, mut done) = (parameters.as_mut_slice(), 0);
    for entry in layout.entries() {
        let (before, after) = rest.split_at_mut(entry.range.end - done);
        tensors.push((entry, &mut before[entry.range.start - done..]));
        (rest, done) = (after, entry.range.end);
    }
    // The large first, so that the last to end is a small one.
    tensors.sort_by_key(|(entry, _)| std::cmp::Reverse(entry.range.len()));
    tensors
        .into_par_iter()
        .with_max_len(1)
        .try_for_each(|(entry, values)| fill(layout.config(), entry, values, seed))?;
    Ok(parameters)
}

/// Fills one tensor, which is zero so far.
fn fill(config: &Config, entry: &Entry, values: &mut [f32], seed: u64) -> Result<(), Error> {
    let inside = entry.name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.'));
    let (layer, leaf) = inside.map_or(("0", entry.name.as_str()), |inside| inside);
    let layer = layer.parse().unwrap_or(0); // the layout's own names
    if leaf == "emb.weight" {
        uniform(entry, values, seed);
        return Ok(());
    }
    if let Some(gain) = gain(leaf, entry) {
        return orthogonal(entry, values, gain, seed);
    }
    let at = Channels { config, layer };
    values.iter_mut().enumerate().for_each(|(n, value)| *value = at.value(leaf, n) as f32);
    Ok(())
}

/// The gain of an orthogonal matrix; `None` for what is none.
fn gain(leaf: &str, entry: &Entry) -> Option<f64> {
    let &[rows, columns] = entry.shape.as_slice() else { return None };
    let tall = if rows > columns { (rows as f64 / columns as f64).sqrt() } else { 1.0 };
    match leaf {
        "head.weight" => Some(0.5 * tall),
        "att.receptance.weight" | "att.value.weight" | "ffn.key.weight" => Some(1.0),
        "att.key.weight" => Some(0.1),
        "att.w2" | "att.a2" | "att.v2" | "att.g2" => Some(0.1 * tall),
        _ => None,
    }
}

/// Small enough that the norm after the embedding alone decides its scale.
fn uniform(entry: &Entry, values: &mut [f32], seed: u64) {
    let columns = entry.shape.last().copied().unwrap_or(1);
    values.par_chunks_mut(columns).enumerate().for_each(|(row, values)| {
        let mut random = Random::part(seed, &entry.name, row as u64);
        values.iter_mut().for_each(|value| *value = random.between(-1e-4, 1e-4) as f32);
    });
}

/// A Gaussian matrix, standing upright, with its columns made orthonormal, laid as the tensor lies, times `gain`.
fn orthogonal(entry: &Entry, values: &mut [f32], gain: f64, seed: u64) -> Result<(), Error> {
    let &[rows, columns] = entry.shape.as_slice() else { return Ok(()) };
    let refused = || Error::NotOrthogonal { name: entry.name.clone() };
    let scaled = |x: f32| (f64::from(x) * gain) as f32;
    if rows >= columns {
        gaussian(entry, values, columns, seed);
        orthonormalise(values, columns).then_some(()).ok_or_else(refused)?;
        values.par_iter_mut().with_min_len(1 << 16).for_each(|value| *value = scaled(*value));
        return Ok(());
    }
    let mut upright = vec![0.0; values.len()];
    gaussian(entry, &mut upright, rows, seed);
    orthonormalise(&mut upright, rows).then_some(()).ok_or_else(refused)?;
    for (row, values) in values.chunks_exact_mut(columns).enumerate() {
        for (column, value) in values.iter_mut().enumerate() {
            *value = scaled(upright[column * rows + row]);
        }
    }
    Ok(())
}

fn gaussian(entry: &Entry, values: &mut [f32], columns: usize, seed: u64) {
    values.par_chunks_mut(columns).enumerate().for_each(|(row, values)| {
        let mut random = Random::part(seed, &entry.name, row as u64);
        values.iter_mut().for_each(|value| *value = random.normal() as f32);
    });
}

/// The tensors that are a formula of layer and channel.
struct Channels<'a> {
    config: &'a Config,
    layer: usize,
}

impl Channels<'_> {
    /// Number `n` of the tensor `leaf`; zero for all that starts there.
    fn value(&self, leaf: &str, n: usize) -> f64 {
        let Config { channels, head_size, layers, .. } = *self.config;
        let (n, layer, layers) = (n as f64, self.layer as f64, layers as f64);
        // 0 at the first layer, 1 at the last.
        let depth = if layers > 1.0 { layer / (layers - 1.0) } else { 0.0 };
        // 1 at the first layer, 1/layers at the last.
        let left = 1.0 - layer / layers;
        let ramp = n / channels as f64;
        let shift = |exponent: f64| 1.0 - pow(ramp, exponent);
        let along = n / (channels as f64 - 1.0).max(1.0);
        let line = along - 0.5;
        // From -1 to 1 through each head, bent towards 0; a head of one channel has its middle alone.
        let half = (head_size as f64 - 1.0) / 2.0;
        let within = if head_size > 1 { (n % head_size as f64 - half) / half } else { 0.0 };
        let bent = within * within.abs();
        match leaf {
            "att.x_r" | "att.x_g" => shift(0.2 * left),
            "att.x_w" | "att.x_a" => shift(0.9 * left),
            "att.x_k" | "att.x_v" => shift(0.7 * left),
            "ffn.x_k" => shift(left * left * left * left),
            "att.w0" => -6.0 + 6.0 * pow(along, 1.0 + pow(depth, 0.3)) + 0.5 + 2.5 * bent,
            "att.a0" => -0.19 + 0.3 * bent + 0.4 * line,
            "att.v0" => 0.73 - 0.4 * line,
            "att.k_k" => 0.71 - 0.1 * line,
            "att.k_a" => 1.02,
            "att.r_k" => -0.04,
            "att.ln_x.weight" => pow((1.0 + layer) / layers, 0.7),
            "ln0.weight" | "ln1.weight" | "ln2.weight" | "ln_out.weight" => 1.0,
            _ => 0.0,
        }
    }
}
