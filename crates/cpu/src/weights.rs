//! Weights as the kernels want them: vectors as f32, matrices where they lie.

use wkv7_core as core;
use wkv7_core::{Config, Error, Layout, Progress, Tensor, Weights};

/// A matrix `[outputs, inputs]` that maps `x` `[inputs]` to `y` `[outputs]`, borrowed from the file.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub(crate) tensor: Tensor,
}

impl Matrix {
    /// For `tensor @ x`.
    fn right(tensor: &Tensor) -> Self {
        Self { tensor: tensor.clone() }
    }

    /// For `x @ tensor`, which is its transpose times `x`.
    fn left(tensor: &Tensor) -> Self {
        Self { tensor: tensor.clone().transposed() }
    }

    /// A matrix for tests, applied as `tensor @ x`.
    #[cfg(test)]
    pub(crate) fn of(tensor: &Tensor) -> Self {
        Self::right(tensor)
    }

    pub(crate) fn inputs(&self) -> usize {
        self.tensor.columns()
    }

    pub(crate) fn outputs(&self) -> usize {
        self.tensor.rows()
    }

    /// Whether a stored row belongs to one output; else it belongs to one input.
    pub(crate) fn rows_are_outputs(&self) -> bool {
        self.tensor.layout() == Layout::Rows
    }
}

/// Scale and shift of a norm, `[channels]` each, and what is added to the variance.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    pub(crate) eps: f32,
}

/// `bias + f(x @ first) @ second`; matrices are `first [rank, channels]` and `second [channels, rank]` here.
#[derive(Debug)]
pub(crate) struct LowRank {
    pub(crate) bias: Vec<f32>, // [channels], empty for the gate
    pub(crate) first: Matrix,
    pub(crate) second: Matrix,
}

/// The block that reads and writes the recurrent memory.
#[derive(Debug)]
pub(crate) struct TimeMix {
    pub(crate) shift: [Vec<f32>; 6], // [channels] each: x_r x_w x_k x_v x_a x_g
    pub(crate) decay: LowRank,
    pub(crate) rate: LowRank,
    pub(crate) value_residual: Option<LowRank>,
    pub(crate) gate: LowRank,
    pub(crate) k_k: Vec<f32>, // [channels]
    pub(crate) k_a: Vec<f32>, // [channels]
    pub(crate) r_k: Vec<f32>, // [heads, head_size]
    pub(crate) receptance: Matrix,
    pub(crate) key: Matrix,
    pub(crate) value: Matrix,
    pub(crate) output: Matrix,
    pub(crate) ln_x: Norm,
}

/// The feed-forward block.
#[derive(Debug)]
pub(crate) struct ChannelMix {
    pub(crate) shift: Vec<f32>, // [channels]
    pub(crate) key: Matrix,     // [ffn, channels]
    pub(crate) value: Matrix,   // [channels, ffn]
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
    pub(crate) fn new(weights: &Weights, progress: Option<&Progress>) -> Result<Self, Error> {
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
            layers.push(layer(found, config));
        }
        tell(total)?;
        Ok(Self {
            emb: weights.emb.clone(),
            ln0: norm(&weights.ln0, eps),
            layers,
            ln_out: norm(&weights.ln_out, eps),
            head: Matrix::right(&weights.head),
        })
    }

    /// Bytes that the vectors take beside the file.
    pub(crate) fn packed_bytes(&self) -> u64 {
        let norm = |norm: &Norm| norm.weight.len() + norm.bias.len();
        let layer = |layer: &Layer| {
            let TimeMix { shift, decay, rate, value_residual, gate, k_k, k_a, r_k, ln_x, .. } =
                &layer.time_mix;
            let nets = [Some(decay), Some(rate), value_residual.as_ref(), Some(gate)];
            shift.iter().chain([k_k, k_a, r_k, &layer.channel_mix.shift]).map(Vec::len).sum::<usize>()
                + nets.into_iter().flatten().map(|net| net.bias.len()).sum::<usize>()
                + [&layer.ln1, &layer.ln2, ln_x].map(norm).iter().sum::<usize>()
        };
        let numbers = self.layers.iter().map(layer).sum::<usize>() + norm(&self.ln0) + norm(&self.ln_out);
        (numbers * size_of::<f32>()) as u64
    }
}

fn norm(found: &core::Norm, eps: f32) -> Norm {
    Norm { weight: found.weight.to_f32(), bias: found.bias.to_f32(), eps }
}

fn low_rank(found: &core::LowRank) -> LowRank {
    LowRank {
        bias: found.bias.as_ref().map_or_else(Vec::new, Tensor::to_f32),
        first: Matrix::left(&found.first),
        second: Matrix::left(&found.second),
    }
}

fn layer(found: &core::Layer, config: &Config) -> Layer {
    let recipe = config.recipe;
    Layer {
        ln1: norm(&found.ln1, recipe.layer_norm_eps),
        ln2: norm(&found.ln2, recipe.layer_norm_eps),
        time_mix: time_mix(&found.time_mix, recipe.group_norm_eps),
        channel_mix: ChannelMix {
            shift: found.channel_mix.x_k.to_f32(),
            key: Matrix::right(&found.channel_mix.key),
            value: Matrix::right(&found.channel_mix.value),
        },
    }
}

fn time_mix(found: &core::TimeMix, group_norm_eps: f32) -> TimeMix {
    let shift = [&found.x_r, &found.x_w, &found.x_k, &found.x_v, &found.x_a, &found.x_g];
    TimeMix {
        shift: shift.map(Tensor::to_f32),
        decay: low_rank(&found.decay),
        rate: low_rank(&found.rate),
        value_residual: found.value_residual.as_ref().map(low_rank),
        gate: low_rank(&found.gate),
        k_k: found.k_k.to_f32(),
        k_a: found.k_a.to_f32(),
        r_k: found.r_k.to_f32(),
        receptance: Matrix::right(&found.receptance),
        key: Matrix::right(&found.key),
        value: Matrix::right(&found.value),
        output: Matrix::right(&found.output),
        ln_x: norm(&found.ln_x, group_norm_eps),
    }
}
