//! Weights as the kernels want them: vectors as f32, matrices where they lie.

use std::ops::Range;

use wkv7_core as core;
use wkv7_core::{Config, Error, Layout, Progress, Tensor, Weights};

use crate::aligned::Aligned;
use crate::matmul::{Kind, Units};

/// A matrix `[outputs, inputs]` that maps `x` `[inputs]` to `y` `[outputs]`, stored by outputs: borrowed from the file,
/// or laid out anew where the file has it the other way round.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub(crate) tensor: Tensor,
    pub(crate) kind: Kind,
    /// The same by input, where that has been laid out.
    pub(crate) units: Option<Units>,
    packed_bytes: u64,
}

impl Matrix {
    /// For `tensor @ x`.
    ///
    /// # Errors
    /// Sizes beyond any memory.
    pub(crate) fn right(tensor: &Tensor, exact: bool) -> Result<Self, Error> {
        let (tensor, packed_bytes) = by_outputs(tensor)?;
        let kind = Kind::of(tensor.dtype(), [tensor.rows(), tensor.columns()], exact);
        Ok(Self { kind, tensor, units: None, packed_bytes })
    }

    /// For `x @ tensor`, which is its transpose times `x`.
    ///
    /// # Errors
    /// As [`Matrix::right`].
    pub(crate) fn left(tensor: &Tensor, exact: bool) -> Result<Self, Error> {
        Self::right(&tensor.clone().transposed(), exact)
    }

    pub(crate) fn inputs(&self) -> usize {
        self.tensor.columns()
    }

    pub(crate) fn outputs(&self) -> usize {
        self.tensor.rows()
    }

    /// The stored rows of `outputs`.
    #[inline(always)]
    pub(crate) fn rows(&self, outputs: Range<usize>) -> &[u8] {
        let length = self.tensor.stored_row_bytes();
        &self.tensor.bytes().as_slice()[outputs.start * length..outputs.end * length]
    }
}

/// The same matrix stored by outputs, and the bytes that this took. Plain numbers move, and keep their type; blocks run
/// along the stored rows, so those are read as f32.
fn by_outputs(tensor: &Tensor) -> Result<(Tensor, u64), Error> {
    if tensor.layout() == Layout::Rows {
        return Ok((tensor.clone(), 0));
    }
    let (rows, columns) = (tensor.rows(), tensor.columns());
    let turned = if tensor.dtype().is_block() {
        Tensor::from_f32("packed", &[rows, columns], &tensor.to_f32())?
    } else {
        let bytes = turned(tensor.bytes().as_slice(), columns, rows, tensor.dtype().block_bytes());
        Tensor::new("packed", tensor.dtype(), &[rows, columns], bytes.into())?
    };
    let bytes = turned.bytes().len() as u64;
    Ok((turned, bytes))
}

/// The transpose of `bytes` `[rows, columns]` of items of `size` bytes.
fn turned(bytes: &[u8], rows: usize, columns: usize, size: usize) -> Vec<u8> {
    /// Items of a square that is turned while it is in the cache.
    const SQUARE: usize = 32;
    let mut out = vec![0; bytes.len()];
    for down in (0..rows).step_by(SQUARE) {
        for across in (0..columns).step_by(SQUARE) {
            for row in down..(down + SQUARE).min(rows) {
                for column in across..(across + SQUARE).min(columns) {
                    let (from, to) = ((row * columns + column) * size, (column * rows + row) * size);
                    out[to..to + size].copy_from_slice(&bytes[from..from + size]);
                }
            }
        }
    }
    out
}

/// Scale and shift of a norm, `[channels]` each, and what is added to the variance.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) weight: Aligned,
    pub(crate) bias: Aligned,
    pub(crate) eps: f32,
}

/// `bias + f(x @ first) @ second`; matrices are `first [rank, channels]` and `second [channels, rank]` here.
#[derive(Debug)]
pub(crate) struct LowRank {
    pub(crate) bias: Aligned, // [channels], empty for the gate
    pub(crate) first: Matrix,
    pub(crate) second: Matrix,
}

/// The block that reads and writes the recurrent memory.
#[derive(Debug)]
pub(crate) struct TimeMix {
    pub(crate) shift: [Aligned; 6], // [channels] each: x_r x_w x_k x_v x_a x_g
    pub(crate) decay: LowRank,
    pub(crate) rate: LowRank,
    pub(crate) value_residual: Option<LowRank>,
    pub(crate) gate: LowRank,
    pub(crate) k_k: Aligned, // [channels]
    pub(crate) k_a: Aligned, // [channels]
    pub(crate) r_k: Aligned, // [heads, head_size]
    pub(crate) receptance: Matrix,
    pub(crate) key: Matrix,
    pub(crate) value: Matrix,
    pub(crate) output: Matrix,
    pub(crate) ln_x: Norm,
}

/// The feed-forward block.
#[derive(Debug)]
pub(crate) struct ChannelMix {
    pub(crate) shift: Aligned, // [channels]
    pub(crate) key: Matrix,    // [ffn, channels]
    pub(crate) value: Matrix,  // [channels, ffn]
}

/// One layer.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) ln1: Norm,
    pub(crate) ln2: Norm,
    pub(crate) time_mix: TimeMix,
    pub(crate) channel_mix: ChannelMix,
}

/// A whole model.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) emb: Tensor, // [vocab, channels]
    pub(crate) ln0: Norm,
    pub(crate) layers: Vec<Layer>,
    pub(crate) ln_out: Norm,
    pub(crate) head: Matrix, // [vocab, channels]
}

impl Loaded {
    /// Converts the vectors of `weights` and keeps borrowing the matrices.
    ///
    /// # Errors
    /// [`Error::Cancelled`] where `progress` says so.
    pub(crate) fn new(weights: &Weights, exact: bool, progress: Option<&Progress>) -> Result<Self, Error> {
        let config = weights.config();
        let eps = config.recipe.layer_norm_eps;
        let total = weights.total_bytes();
        let tell = |done: u64| match progress {
            Some(progress) if !progress(done, total) => Err(Error::Cancelled),
            _ => Ok(()),
        };
        let mut layers = Vec::with_capacity(weights.layers.len());
        for (at, found) in weights.layers.iter().enumerate() {
            tell(total / weights.layers.len() as u64 * at as u64)?;
            layers.push(layer(found, config, exact)?);
        }
        tell(total)?;
        Ok(Self {
            emb: weights.emb.clone(),
            ln0: norm(&weights.ln0, eps),
            layers,
            ln_out: norm(&weights.ln_out, eps),
            head: Matrix::right(&weights.head, exact)?,
        })
    }

    /// Bytes that the vectors take beside the file.
    pub(crate) fn vector_bytes(&self) -> u64 {
        let norm = |norm: &Norm| norm.weight.len() + norm.bias.len();
        let layer = |layer: &Layer| {
            let TimeMix { shift, k_k, k_a, r_k, ln_x, .. } = &layer.time_mix;
            shift.iter().chain([k_k, k_a, r_k, &layer.channel_mix.shift]).map(|x| x.len()).sum::<usize>()
                + layer.time_mix.nets().map(|net| net.bias.len()).sum::<usize>()
                + [&layer.ln1, &layer.ln2, ln_x].map(norm).iter().sum::<usize>()
        };
        let numbers = self.layers.iter().map(layer).sum::<usize>() + norm(&self.ln0) + norm(&self.ln_out);
        (numbers * size_of::<f32>()) as u64
    }

    /// Bytes of matrices that were laid out anew.
    pub(crate) fn turned_bytes(&self) -> u64 {
        let layer = |layer: &Layer| layer.matrices().map(|matrix| matrix.packed_bytes).sum::<u64>();
        self.layers.iter().map(layer).sum::<u64>() + self.head.packed_bytes
    }
}

impl TimeMix {
    fn nets(&self) -> impl Iterator<Item = &LowRank> {
        [Some(&self.decay), Some(&self.rate), self.value_residual.as_ref(), Some(&self.gate)]
            .into_iter()
            .flatten()
    }
}

impl Layer {
    fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        let TimeMix { receptance, key, value, output, .. } = &self.time_mix;
        let thin = self.time_mix.nets().flat_map(|net| [&net.first, &net.second]);
        [receptance, key, value, output, &self.channel_mix.key, &self.channel_mix.value]
            .into_iter()
            .chain(thin)
    }
}

fn norm(found: &core::Norm, eps: f32) -> Norm {
    Norm { weight: found.weight.to_f32().into(), bias: found.bias.to_f32().into(), eps }
}

fn low_rank(found: &core::LowRank, exact: bool) -> Result<LowRank, Error> {
    Ok(LowRank {
        bias: found.bias.as_ref().map(Tensor::to_f32).unwrap_or_default().into(),
        first: Matrix::left(&found.first, exact)?,
        second: Matrix::left(&found.second, exact)?,
    })
}

fn layer(found: &core::Layer, config: &Config, exact: bool) -> Result<Layer, Error> {
    let recipe = config.recipe;
    Ok(Layer {
        ln1: norm(&found.ln1, recipe.layer_norm_eps),
        ln2: norm(&found.ln2, recipe.layer_norm_eps),
        time_mix: time_mix(&found.time_mix, recipe.group_norm_eps, exact)?,
        channel_mix: ChannelMix {
            shift: found.channel_mix.x_k.to_f32().into(),
            key: Matrix::right(&found.channel_mix.key, exact)?,
            value: Matrix::right(&found.channel_mix.value, exact)?,
        },
    })
}

fn time_mix(found: &core::TimeMix, group_norm_eps: f32, exact: bool) -> Result<TimeMix, Error> {
    let shift = [&found.x_r, &found.x_w, &found.x_k, &found.x_v, &found.x_a, &found.x_g];
    Ok(TimeMix {
        shift: shift.map(|x| x.to_f32().into()),
        decay: low_rank(&found.decay, exact)?,
        rate: low_rank(&found.rate, exact)?,
        value_residual: found.value_residual.as_ref().map(|net| low_rank(net, exact)).transpose()?,
        gate: low_rank(&found.gate, exact)?,
        k_k: found.k_k.to_f32().into(),
        k_a: found.k_a.to_f32().into(),
        r_k: found.r_k.to_f32().into(),
        receptance: Matrix::right(&found.receptance, exact)?,
        key: Matrix::right(&found.key, exact)?,
        value: Matrix::right(&found.value, exact)?,
        output: Matrix::right(&found.output, exact)?,
        ln_x: norm(&found.ln_x, group_norm_eps),
    })
}
