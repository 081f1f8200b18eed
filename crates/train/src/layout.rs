//! All parameters of a model in one flat vector: names, shapes, places, and how each is trained.

use std::collections::HashMap;
use std::ops::Range;

use wkv7_core::{Config, Recipe, Weights};

use crate::Error;
use crate::init::default_ranks;

/// Every range starts at a multiple of this many numbers: a cache line of f32, so that parts can be handed to
/// threads and vector units. The numbers between ranges are zero and stay so.
pub const ALIGNMENT: usize = 16;

/// How a parameter is trained, by the rules of the official trainer (`RWKV.configure_optimizers`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Twice the learning rate, no decay: `att.w0`.
    Fast,
    /// Weight decay: `.weight` tensors with two or more dimensions larger than one.
    Decayed,
    /// Neither: vectors, norms, low-rank nets, the bonus.
    Plain,
}

impl Group {
    /// The group of a tensor.
    #[must_use]
    pub fn of(name: &str, shape: &[usize]) -> Self {
        if name.contains("att.w0") {
            Self::Fast
        } else if name.contains(".weight") && shape.iter().filter(|&&n| n > 1).count() >= 2 {
            Self::Decayed
        } else {
            Self::Plain
        }
    }
}

/// One tensor in the flat vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Official name.
    pub name: String,
    /// Official shape: `[1, 1, channels]` for the vectors of the time mix, as the official trainer has them.
    pub shape: Vec<usize>,
    /// Where its numbers lie, row by row; as long as the shape's product.
    pub range: Range<usize>,
    /// How it is trained.
    pub group: Group,
}

/// Where the parameters of one layer lie; names are the official ones, shapes those of [`wkv7_core::Weights`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the official names")]
pub struct LayerRanges {
    pub ln1_weight: Range<usize>,
    pub ln1_bias: Range<usize>,
    pub ln2_weight: Range<usize>,
    pub ln2_bias: Range<usize>,
    pub x_r: Range<usize>,
    pub x_w: Range<usize>,
    pub x_k: Range<usize>,
    pub x_v: Range<usize>,
    pub x_a: Range<usize>,
    pub x_g: Range<usize>,
    pub w0: Range<usize>,
    pub w1: Range<usize>,
    pub w2: Range<usize>,
    pub a0: Range<usize>,
    pub a1: Range<usize>,
    pub a2: Range<usize>,
    /// `None` in the first layer, whose value residual nothing reads; it may still have an [`Entry`].
    pub v0: Option<Range<usize>>,
    /// As `v0`.
    pub v1: Option<Range<usize>>,
    /// As `v0`.
    pub v2: Option<Range<usize>>,
    pub g1: Range<usize>,
    pub g2: Range<usize>,
    pub k_k: Range<usize>,
    pub k_a: Range<usize>,
    pub r_k: Range<usize>,
    pub receptance: Range<usize>,
    pub key: Range<usize>,
    pub value: Range<usize>,
    pub output: Range<usize>,
    pub ln_x_weight: Range<usize>,
    pub ln_x_bias: Range<usize>,
    pub ffn_x_k: Range<usize>,
    pub ffn_key: Range<usize>,
    pub ffn_value: Range<usize>,
}

/// Where all parameters lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges {
    /// Embedding, `[vocab, channels]`.
    pub emb: Range<usize>,
    /// Norm of the embedding.
    pub ln0_weight: Range<usize>,
    /// As `ln0_weight`.
    pub ln0_bias: Range<usize>,
    /// `[layers]`.
    pub layers: Vec<LayerRanges>,
    /// Norm before the head.
    pub ln_out_weight: Range<usize>,
    /// As `ln_out_weight`.
    pub ln_out_bias: Range<usize>,
    /// Head, `[vocab, channels]`.
    pub head: Range<usize>,
}

/// The places of all parameters of a model in one vector of f32, in the order of the official trainer.
#[derive(Debug, Clone)]
pub struct Layout {
    config: Config,
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
    ranges: Ranges,
    len: usize,
}

impl Layout {
    /// The layout of a model of these sizes. `block0_value_residual` gives the first layer the tensors `v0`, `v1`,
    /// `v2`, which nothing reads but the official trainer asks for; their rank is the next layer's.
    ///
    /// # Errors
    /// [`Error::Sizes`] where `config` contradicts itself or is larger than any memory.
    pub fn new(config: &Config, block0_value_residual: bool) -> Result<Self, Error> {
        let rank = config.ranks.iter().map(|ranks| ranks.value).find(|&rank| rank > 0);
        let rank = || rank.unwrap_or_else(|| default_ranks(config.channels).value);
        Self::with_block0_rank(config, block0_value_residual.then(rank))
    }

    /// As [`Layout::new`], with the rank of the first layer's unused value residual, or none.
    ///
    /// # Errors
    /// Those of [`Layout::new`].
    pub fn with_block0_rank(config: &Config, rank: Option<usize>) -> Result<Self, Error> {
        check(config, rank)?;
        let mut building = Building::default();
        let ranges = building.model(config, rank)?;
        let Building { entries, by_name, len } = building;
        Ok(Self { config: config.clone(), entries, by_name, ranges, len })
    }

    /// The layout of these very weights: the first layer has a value residual where they do.
    ///
    /// # Errors
    /// [`Error::Sizes`] where the first layer's unused tensors do not fit each other.
    pub fn of(weights: &Weights) -> Result<Self, Error> {
        let tensors = ["v0", "v1", "v2"].map(|leaf| weights.tensors().get(&format!("blocks.0.att.{leaf}")));
        let [Some(v0), Some(v1), Some(v2)] = tensors else {
            return Self::with_block0_rank(weights.config(), None);
        };
        let channels = weights.config().channels;
        let rank = v1.columns();
        if v0.len() != channels || v1.shape() != [channels, rank] || v2.shape() != [rank, channels] {
            let (v0, v1, v2) = (v0.shape(), v1.shape(), v2.shape());
            return Err(Error::Sizes(format!(
                "the first layer's v0, v1 and v2 have shapes {v0:?}, {v1:?} and {v2:?} in a model of {channels} channels"
            )));
        }
        Self::with_block0_rank(weights.config(), Some(rank))
    }

    /// The sizes.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// All tensors, by place.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The tensor of that official name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(*self.by_name.get(name)?)
    }

    /// The places by layer and use, for the numerics.
    #[must_use]
    pub fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// Numbers in the vector, padding included: a multiple of [`ALIGNMENT`].
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no model is empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Numbers that are parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.entries.iter().map(|entry| entry.range.len()).sum()
    }

    /// A vector of zeros: for parameters, gradients or moments.
    #[must_use]
    pub fn zeros(&self) -> Vec<f32> {
        vec![0.0; self.len]
    }

    /// Refuses a vector of another length.
    ///
    /// # Errors
    /// [`Error::WrongLength`]; `what` names the vector.
    pub fn check(&self, what: &'static str, values: &[f32]) -> Result<(), Error> {
        if values.len() == self.len {
            return Ok(());
        }
        Err(Error::WrongLength { what, want: self.len, found: values.len() })
    }
}

fn check(config: &Config, block0_rank: Option<usize>) -> Result<(), Error> {
    let Config { layers, channels, heads, head_size, ffn, vocab, .. } = *config;
    let bad = |what: String| Err(Error::Sizes(what));
    if [layers, channels, heads, head_size, ffn, vocab].contains(&0) {
        return bad(format!(
            "{layers} layers, {channels} channels, {heads} heads of {head_size}, {ffn} hidden units, {vocab} tokens"
        ));
    }
    if heads.checked_mul(head_size) != Some(channels) {
        return bad(format!("{channels} channels, but {heads} heads of {head_size}"));
    }
    if config.ranks.len() != layers {
        return bad(format!("{layers} layers, but low-rank widths for {}", config.ranks.len()));
    }
    for (layer, ranks) in config.ranks.iter().enumerate() {
        if [ranks.decay, ranks.rate, ranks.gate].contains(&0) || layer > 0 && ranks.value == 0 {
            return bad(format!("layer {layer} has a low-rank width of 0: {ranks:?}"));
        }
    }
    let range = config.recipe.rate_range;
    if !(range > 0.0 && range <= Recipe::MAX_RATE_RANGE) {
        return bad(format!(
            "in-context learning rates up to {range}, expected up to {} at most",
            Recipe::MAX_RATE_RANGE
        ));
    }
    if block0_rank == Some(0) {
        return bad("the first layer's value residual has a rank of 0".to_owned());
    }
    Ok(())
}

/// A layout in the making: each call gives the next tensor its place.
#[derive(Default)]
struct Building {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
    len: usize,
}

impl Building {
    fn add(&mut self, name: String, shape: &[usize]) -> Result<Range<usize>, Error> {
        let size = shape.iter().try_fold(1usize, |size, &n| size.checked_mul(n));
        let end = size.and_then(|size| self.len.checked_add(size));
        // Four bytes a number must be countable too.
        let next =
            end.and_then(|end| end.checked_next_multiple_of(ALIGNMENT)).filter(|&n| n <= usize::MAX / 8);
        let (Some(end), Some(next)) = (end, next) else {
            return Err(Error::Sizes(format!(
                "tensor `{name}` of shape {shape:?} is larger than any memory"
            )));
        };
        let range = self.len..end;
        self.len = next;
        self.by_name.insert(name.clone(), self.entries.len());
        let group = Group::of(&name, shape);
        self.entries.push(Entry { name, shape: shape.to_vec(), range: range.clone(), group });
        Ok(range)
    }

    fn model(&mut self, config: &Config, block0_rank: Option<usize>) -> Result<Ranges, Error> {
        let Config { channels: c, vocab, .. } = *config;
        let emb = self.add("emb.weight".to_owned(), &[vocab, c])?;
        let mut ln0 = None;
        let mut layers = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            layers.push(self.layer(config, layer, block0_rank, &mut ln0)?);
        }
        let (ln0_weight, ln0_bias) = ln0.unwrap_or_default(); // there is a first layer
        let ln_out_weight = self.add("ln_out.weight".to_owned(), &[c])?;
        let ln_out_bias = self.add("ln_out.bias".to_owned(), &[c])?;
        let head = self.add("head.weight".to_owned(), &[vocab, c])?;
        Ok(Ranges { emb, ln0_weight, ln0_bias, layers, ln_out_weight, ln_out_bias, head })
    }

    fn layer(
        &mut self,
        config: &Config,
        layer: usize,
        block0_rank: Option<usize>,
        ln0: &mut Option<(Range<usize>, Range<usize>)>,
    ) -> Result<LayerRanges, Error> {
        let Config { channels: c, heads, head_size, ffn, .. } = *config;
        let ranks = config.ranks[layer];
        let mut add = |leaf: &str, shape: &[usize]| self.add(format!("blocks.{layer}.{leaf}"), shape);
        let vector = &[1, 1, c];
        let (ln1_weight, ln1_bias) = (add("ln1.weight", &[c])?, add("ln1.bias", &[c])?);
        let (ln2_weight, ln2_bias) = (add("ln2.weight", &[c])?, add("ln2.bias", &[c])?);
        if layer == 0 {
            *ln0 = Some((add("ln0.weight", &[c])?, add("ln0.bias", &[c])?));
        }
        let (x_r, x_w, x_k) = (add("att.x_r", vector)?, add("att.x_w", vector)?, add("att.x_k", vector)?);
        let (x_v, x_a, x_g) = (add("att.x_v", vector)?, add("att.x_a", vector)?, add("att.x_g", vector)?);
        let (w1, w2) = (add("att.w1", &[c, ranks.decay])?, add("att.w2", &[ranks.decay, c])?);
        let w0 = add("att.w0", vector)?;
        let (a1, a2) = (add("att.a1", &[c, ranks.rate])?, add("att.a2", &[ranks.rate, c])?);
        let a0 = add("att.a0", vector)?;
        let value_rank = if layer == 0 { block0_rank } else { Some(ranks.value) };
        let [mut v0, mut v1, mut v2] = [const { None }; 3];
        if let Some(rank) = value_rank {
            (v1, v2) = (Some(add("att.v1", &[c, rank])?), Some(add("att.v2", &[rank, c])?));
            v0 = Some(add("att.v0", vector)?);
        }
        if layer == 0 {
            (v0, v1, v2) = (None, None, None);
        }
        let (g1, g2) = (add("att.g1", &[c, ranks.gate])?, add("att.g2", &[ranks.gate, c])?);
        let (k_k, k_a) = (add("att.k_k", vector)?, add("att.k_a", vector)?);
        let r_k = add("att.r_k", &[heads, head_size])?;
        let (receptance, key) = (add("att.receptance.weight", &[c, c])?, add("att.key.weight", &[c, c])?);
        let (value, output) = (add("att.value.weight", &[c, c])?, add("att.output.weight", &[c, c])?);
        let (ln_x_weight, ln_x_bias) = (add("att.ln_x.weight", &[c])?, add("att.ln_x.bias", &[c])?);
        let ffn_x_k = add("ffn.x_k", vector)?;
        let (ffn_key, ffn_value) = (add("ffn.key.weight", &[ffn, c])?, add("ffn.value.weight", &[c, ffn])?);
        #[rustfmt::skip] // by use, as declared
        return Ok(LayerRanges {
            ln1_weight, ln1_bias, ln2_weight, ln2_bias, x_r, x_w, x_k, x_v, x_a, x_g, w0, w1, w2, a0, a1, a2,
            v0, v1, v2, g1, g2, k_k, k_a, r_k, receptance, key, value, output, ln_x_weight, ln_x_bias,
            ffn_x_k, ffn_key, ffn_value,
        });
    }
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
