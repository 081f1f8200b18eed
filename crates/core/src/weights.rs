//! Weights: every tensor of a model, checked against the config, under names a reader can follow.

use std::collections::BTreeMap;
use std::ops::Deref;

use crate::{Config, Error, Fingerprint, Recipe, State, Tensor, Tensors, fingerprint};

/// Scale and shift of a norm: `weight [channels]`, `bias [channels]`.
#[derive(Debug, Clone)]
pub struct Norm {
    /// Scale.
    pub weight: Tensor,
    /// Shift.
    pub bias: Tensor,
}

/// Two thin matrices: `bias + f(x @ first) @ second`, `first [channels, rank]`, `second [rank, channels]`.
#[derive(Debug, Clone)]
pub struct LowRank {
    /// `[channels]`; the gate has none.
    pub bias: Option<Tensor>,
    /// `[channels, rank]`.
    pub first: Tensor,
    /// `[rank, channels]`.
    pub second: Tensor,
}

/// The block that reads and writes the recurrent memory ("att" in files).
#[derive(Debug, Clone)]
pub struct TimeMix {
    /// Token shift of the receptance, `[channels]`.
    pub x_r: Tensor,
    /// Token shift of the decay, `[channels]`.
    pub x_w: Tensor,
    /// Token shift of the key, `[channels]`.
    pub x_k: Tensor,
    /// Token shift of the value, `[channels]`.
    pub x_v: Tensor,
    /// Token shift of the in-context learning rate, `[channels]`.
    pub x_a: Tensor,
    /// Token shift of the gate, `[channels]`.
    pub x_g: Tensor,
    /// Decay net: `w0`, `w1`, `w2`.
    pub decay: LowRank,
    /// In-context learning rate net: `a0`, `a1`, `a2`.
    pub rate: LowRank,
    /// Value residual net: `v0`, `v1`, `v2`; the first layer has none.
    pub value_residual: Option<LowRank>,
    /// Gate net: `g1`, `g2`.
    pub gate: LowRank,
    /// Scale of the removal key, `[channels]`.
    pub k_k: Tensor,
    /// How much the rate changes the replacement key, `[channels]`.
    pub k_a: Tensor,
    /// Bonus, `[heads, head_size]`.
    pub r_k: Tensor,
    /// `[channels, channels]`.
    pub receptance: Tensor,
    /// `[channels, channels]`.
    pub key: Tensor,
    /// `[channels, channels]`.
    pub value: Tensor,
    /// `[channels, channels]`.
    pub output: Tensor,
    /// Group norm of the read-out, one group per head.
    pub ln_x: Norm,
}

/// The feed-forward block ("ffn" in files).
#[derive(Debug, Clone)]
pub struct ChannelMix {
    /// Token shift, `[channels]`.
    pub x_k: Tensor,
    /// `[ffn, channels]`.
    pub key: Tensor,
    /// `[channels, ffn]`.
    pub value: Tensor,
}

/// One layer.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Norm before the time mix.
    pub ln1: Norm,
    /// Norm before the channel mix.
    pub ln2: Norm,
    /// Time mix.
    pub time_mix: TimeMix,
    /// Channel mix.
    pub channel_mix: ChannelMix,
}

/// A model's tensors in their places.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Embedding, `[vocab, channels]`.
    pub emb: Tensor,
    /// Norm of the embedding.
    pub ln0: Norm,
    /// `[layers]`.
    pub layers: Vec<Layer>,
    /// Norm before the head.
    pub ln_out: Norm,
    /// Head, `[vocab, channels]`.
    pub head: Tensor,
}

/// A complete, consistent set of weights. Holding one is the proof that every shape was checked; so its
/// [`Parts`] can be read through it and not be changed.
#[derive(Debug, Clone)]
pub struct Weights {
    config: Config,
    fingerprint: Fingerprint,
    tensors: Tensors,
    parts: Parts,
}

impl Deref for Weights {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Weights {
    /// Checks `tensors` (official names and orientation) and sorts them into their places.
    ///
    /// The first layer's unused `v0`, `v1`, `v2` and a tuned initial state (`att.time_state`, in every layer or
    /// in none) are allowed and kept; anything else that the architecture does not have is refused.
    ///
    /// # Errors
    /// [`Error::NotRwkv7`], [`Error::MissingTensor`], [`Error::UnexpectedTensor`], [`Error::WrongShape`].
    pub fn new(tensors: Tensors, recipe: Recipe) -> Result<Self, Error> {
        let config = Config::deduce(&tensors, recipe)?;
        let take = Take { tensors: &tensors, config: &config };
        let c = config.channels;
        let emb = take.matrix("emb.weight", config.vocab, c)?;
        let ln0 = take.norm("blocks.0.ln0")?;
        let layers = (0..config.layers).map(|layer| take.layer(layer)).collect::<Result<Vec<_>, _>>()?;
        let ln_out = take.norm("ln_out")?;
        let head = take.matrix("head.weight", config.vocab, c)?;
        refuse_strangers(&tensors, &config)?;
        check_time_states(&tensors, &config)?;
        let fingerprint = fingerprint::of(&tensors, &config);
        let parts = Parts { emb, ln0, layers, ln_out, head };
        Ok(Self { config, fingerprint, tensors, parts })
    }

    /// The sizes.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What identifies these weights, whatever file they came in.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// All tensors by official name.
    #[must_use]
    pub fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    /// Bytes of all tensors as stored.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.tensors.iter().map(|(_, tensor)| tensor.bytes().len() as u64).sum()
    }

    /// Likewise, by the name of the element type.
    #[must_use]
    pub fn bytes_by_dtype(&self) -> BTreeMap<&'static str, u64> {
        let mut sums = BTreeMap::new();
        for (_, tensor) in self.tensors.iter() {
            *sums.entry(tensor.dtype().name()).or_insert(0) += tensor.bytes().len() as u64;
        }
        sums
    }

    /// Bytes that one decoded token needs at the least, were nothing skipped: every tensor that a forward reads, but
    /// the embedding, of which it reads one row.
    #[must_use]
    pub fn bytes_per_token(&self) -> u64 {
        let read = |name: &str| name != "emb.weight" && !is_unused(name) && !name.ends_with("time_state");
        let read = self.tensors.iter().filter(|(name, _)| read(name));
        read.map(|(_, tensor)| tensor.bytes().len() as u64).sum()
    }

    /// Multiply-adds, counted as two operations, that one prefilled token takes in the matrices of the layers
    /// (neither embedding nor head).
    #[must_use]
    pub fn operations_per_token(&self) -> u64 {
        let Config { channels: c, ffn, .. } = self.config;
        let layer = |ranks: &crate::Ranks| {
            4 * c * c + 2 * c * ffn + 2 * c * (ranks.decay + ranks.rate + ranks.value + ranks.gate)
        };
        2 * self.config.ranks.iter().map(layer).sum::<usize>() as u64
    }

    /// Numbers in all tensors.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.tensors.iter().map(|(_, tensor)| tensor.len() as u64).sum()
    }

    /// The tuned initial state inside the checkpoint, where there is one.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] or [`Error::WrongShape`] where only some layers have one or sizes differ.
    pub fn initial_state(&self) -> Result<Option<State>, Error> {
        if self.tensors.get("blocks.0.att.time_state").is_none() {
            return Ok(None);
        }
        State::from_time_state(&self.config, &self.tensors).map(Some)
    }
}

/// Takes tensors by name, each with the shape that the config asks for.
struct Take<'a> {
    tensors: &'a Tensors,
    config: &'a Config,
}

impl Take<'_> {
    fn find(&self, name: &str) -> Result<&Tensor, Error> {
        self.tensors.get(name).ok_or_else(|| Error::MissingTensor { name: name.to_owned() })
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Tensor, Error> {
        let tensor = self.find(name)?;
        if tensor.shape() != [rows, columns] {
            let (want, found) = (format!("[{rows}, {columns}]"), tensor.shape().to_vec());
            return Err(Error::WrongShape { name: name.to_owned(), want, found });
        }
        Ok(tensor.clone())
    }

    /// A vector of the model's width, stored as `[n]`, `[1, n]` or `[1, 1, n]`.
    fn vector(&self, name: &str) -> Result<Tensor, Error> {
        let (tensor, n) = (self.find(name)?, self.config.channels);
        if tensor.shape() != [n] && tensor.shape() != [1, n] {
            let (want, found) = (format!("[{n}]"), tensor.shape().to_vec());
            return Err(Error::WrongShape { name: name.to_owned(), want, found });
        }
        tensor.clone().reshaped(name, &[n])
    }

    fn norm(&self, prefix: &str) -> Result<Norm, Error> {
        Ok(Norm {
            weight: self.vector(&format!("{prefix}.weight"))?,
            bias: self.vector(&format!("{prefix}.bias"))?,
        })
    }

    fn low_rank(&self, prefix: &str, rank: usize, biased: bool) -> Result<LowRank, Error> {
        let c = self.config.channels;
        let bias = if biased { Some(self.vector(&format!("{prefix}0"))?) } else { None };
        let first = self.matrix(&format!("{prefix}1"), c, rank)?;
        let second = self.matrix(&format!("{prefix}2"), rank, c)?;
        Ok(LowRank { bias, first, second })
    }

    fn layer(&self, layer: usize) -> Result<Layer, Error> {
        let prefix = format!("blocks.{layer}");
        Ok(Layer {
            ln1: self.norm(&format!("{prefix}.ln1"))?,
            ln2: self.norm(&format!("{prefix}.ln2"))?,
            time_mix: self.time_mix(layer, &format!("{prefix}.att"))?,
            channel_mix: self.channel_mix(&format!("{prefix}.ffn"))?,
        })
    }

    fn time_mix(&self, layer: usize, prefix: &str) -> Result<TimeMix, Error> {
        let Config { channels: c, heads, head_size, .. } = *self.config;
        let ranks = self.config.ranks[layer];
        let vector = |name: &str| self.vector(&format!("{prefix}.{name}"));
        let square = |name: &str| self.matrix(&format!("{prefix}.{name}.weight"), c, c);
        let low_rank = |name: &str, rank, biased| self.low_rank(&format!("{prefix}.{name}"), rank, biased);
        Ok(TimeMix {
            x_r: vector("x_r")?,
            x_w: vector("x_w")?,
            x_k: vector("x_k")?,
            x_v: vector("x_v")?,
            x_a: vector("x_a")?,
            x_g: vector("x_g")?,
            decay: low_rank("w", ranks.decay, true)?,
            rate: low_rank("a", ranks.rate, true)?,
            value_residual: if layer == 0 { None } else { Some(low_rank("v", ranks.value, true)?) },
            gate: low_rank("g", ranks.gate, false)?,
            k_k: vector("k_k")?,
            k_a: vector("k_a")?,
            r_k: self.matrix(&format!("{prefix}.r_k"), heads, head_size)?,
            receptance: square("receptance")?,
            key: square("key")?,
            value: square("value")?,
            output: square("output")?,
            ln_x: self.norm(&format!("{prefix}.ln_x"))?,
        })
    }

    fn channel_mix(&self, prefix: &str) -> Result<ChannelMix, Error> {
        let Config { channels: c, ffn, .. } = *self.config;
        Ok(ChannelMix {
            x_k: self.vector(&format!("{prefix}.x_k"))?,
            key: self.matrix(&format!("{prefix}.key.weight"), ffn, c)?,
            value: self.matrix(&format!("{prefix}.value.weight"), c, ffn)?,
        })
    }
}

/// Names below `blocks.<layer>.` that every layer has.
const LAYER_NAMES: [&str; 33] = [
    "ln1.weight",
    "ln1.bias",
    "ln2.weight",
    "ln2.bias",
    "att.x_r",
    "att.x_w",
    "att.x_k",
    "att.x_v",
    "att.x_a",
    "att.x_g",
    "att.w0",
    "att.w1",
    "att.w2",
    "att.a0",
    "att.a1",
    "att.a2",
    "att.v0",
    "att.v1",
    "att.v2",
    "att.g1",
    "att.g2",
    "att.k_k",
    "att.k_a",
    "att.r_k",
    "att.receptance.weight",
    "att.key.weight",
    "att.value.weight",
    "att.output.weight",
    "att.ln_x.weight",
    "att.ln_x.bias",
    "ffn.x_k",
    "ffn.key.weight",
    "ffn.value.weight",
];

/// A tuned initial state is whole: every layer has its part, of the right size, or none has. Nothing is read.
fn check_time_states(tensors: &Tensors, config: &Config) -> Result<(), Error> {
    let name = |layer| format!("blocks.{layer}.att.time_state");
    if (0..config.layers).all(|layer| tensors.get(&name(layer)).is_none()) {
        return Ok(());
    }
    let Config { heads, channels, head_size: n, .. } = *config;
    for name in (0..config.layers).map(name) {
        let tensor = tensors.get(&name).ok_or_else(|| Error::MissingTensor { name: name.clone() })?;
        if Some(tensor.len()) != channels.checked_mul(n) {
            let (want, found) = (format!("[{heads}, {n}, {n}]"), tensor.shape().to_vec());
            return Err(Error::WrongShape { name, want, found });
        }
    }
    Ok(())
}

/// Refuses tensors that RWKV-7 does not have: running without them would give wrong numbers in silence.
fn refuse_strangers(tensors: &Tensors, config: &Config) -> Result<(), Error> {
    const OUTSIDE: [&str; 6] = [
        "emb.weight",
        "blocks.0.ln0.weight",
        "blocks.0.ln0.bias",
        "ln_out.weight",
        "ln_out.bias",
        "head.weight",
    ];
    for (name, _) in tensors.iter() {
        let inside = name.strip_prefix("blocks.").and_then(|rest| rest.split_once('.'));
        let known = OUTSIDE.contains(&name)
            || inside.is_some_and(|(layer, leaf)| {
                is_layer(layer, config.layers) && (LAYER_NAMES.contains(&leaf) || leaf == "att.time_state")
            });
        if !known {
            return Err(Error::UnexpectedTensor { name: name.to_owned(), layers: config.layers });
        }
    }
    Ok(())
}

/// Whether `text` is a layer's number as names spell it: no sign, no leading zero.
fn is_layer(text: &str, layers: usize) -> bool {
    text.parse::<usize>().is_ok_and(|layer| layer < layers && layer.to_string() == text)
}

/// Whether `name` is one of the first layer's value residual tensors, which nothing reads.
#[must_use]
pub fn is_unused(name: &str) -> bool {
    matches!(name, "blocks.0.att.v0" | "blocks.0.att.v1" | "blocks.0.att.v2")
}
