//! Where in the one buffer of activations each of them lies.

use wkv7_core::Config;

/// Rows of activations, one per token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Region {
    /// First number.
    pub(crate) offset: usize,
    /// Numbers from row to row: the columns, filled up to eight by zeros that are never written.
    pub(crate) stride: usize,
}

/// The activations of one pass of at most `tokens` tokens.
#[derive(Debug, Clone)]
pub(crate) struct Regions {
    /// Tokens of a pass.
    pub(crate) tokens: usize,
    /// Numbers in all.
    pub(crate) numbers: usize,
    /// Residual, `[tokens, channels]`.
    pub(crate) x: Region,
    /// Shifted inputs of receptance, decay, key, value, rate, gate, each `[tokens, channels]`; the first is also that of
    /// the channel mix and the rows whose logits are wanted.
    pub(crate) mixed: [Region; 6],
    /// Receptance, key, value, likewise.
    pub(crate) rkv: [Region; 3],
    /// The first layer's value.
    pub(crate) first_value: Region,
    /// Decay, rate, share of the first value, gate.
    pub(crate) nets: [Region; 4],
    /// The same nets between their two matrices, `[tokens, rank]`.
    pub(crate) inner: [Region; 4],
    /// Gated read-out.
    pub(crate) y: Region,
    /// Hidden units, `[tokens, ffn]`.
    pub(crate) hidden: Region,
}

impl Regions {
    pub(crate) fn new(config: &Config, tokens: usize) -> Self {
        let mut numbers = 0;
        let mut take = |columns: usize| {
            let region = Region { offset: numbers, stride: columns.next_multiple_of(8) };
            numbers += tokens * region.stride;
            region
        };
        let c = config.channels;
        let x = take(c);
        let mixed = [(); 6].map(|()| take(c));
        let rkv = [(); 3].map(|()| take(c));
        let first_value = take(c);
        let nets = [(); 4].map(|()| take(c));
        let inner = inner_widths(config).map(&mut take);
        let y = take(c);
        let hidden = take(config.ffn);
        Self { tokens, numbers, x, mixed, rkv, first_value, nets, inner, y, hidden }
    }

    /// Numbers from one region of a row of `channels` to the next.
    pub(crate) fn region(&self) -> usize {
        self.tokens * self.x.stride
    }

    /// Bytes that each token of a pass takes.
    pub(crate) fn token_bytes(config: &Config) -> usize {
        4 * Self::new(config, 1).numbers
    }
}

/// The widest rank of each net. A narrower layer leaves what lies beyond its own untouched, and its matrices have zeros
/// there, so what a wider one left must be finite: it is, as the results of a model are.
fn inner_widths(config: &Config) -> [usize; 4] {
    config.ranks.iter().fold([0; 4], |widest, ranks| {
        let own = [ranks.decay, ranks.rate, ranks.value, ranks.gate];
        std::array::from_fn(|n| widest[n].max(own[n]))
    })
}
