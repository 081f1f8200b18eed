//! Random models, small enough to run in a test and sane enough that their numbers mean something.

use wkv7_core::{Bytes, Dtype, Ranks, Recipe, Tensor, Tensors, Weights};

use crate::Random;
use crate::blocks::{plain_bytes, random_bytes};

/// The recipe of a random model: sizes, element types, oddities. The same recipe gives the same weights.
///
/// Every tensor has a stream of its own, keyed by seed and name, and plain element types round the same
/// numbers. The ranges keep activations, logits and the recurrent memory of order one, and spread decays and
/// rates over most of what trained models use.
#[derive(Debug, Clone)]
pub struct TinyModel {
    /// Layers.
    pub layers: usize,
    /// Model width, a multiple of the head size.
    pub channels: usize,
    /// Channels of a head.
    pub head_size: usize,
    /// Hidden units of the channel mix.
    pub ffn: usize,
    /// Token ids.
    pub vocab: usize,
    /// Low-rank widths: those of layer `l` are `ranks[l % ranks.len()]`.
    pub ranks: Vec<Ranks>,
    /// Constants of the norms.
    pub recipe: Recipe,
    /// Chooses the weights.
    pub seed: u64,
    /// Type of the layers' large matrices.
    pub matrices: Dtype,
    /// Type of the embedding and the head.
    pub tables: Dtype,
    /// Type of the thin matrices of the low-rank nets.
    pub thin: Dtype,
    /// Type of the vectors, norms and `r_k`.
    pub vectors: Dtype,
    /// Whether the first layer carries its unused value residual.
    pub first_value: bool,
    /// Whether the thin matrices are stored transposed, as web-rwkv, GGUF and rwkv.cpp have them.
    pub thin_transposed: bool,
}

impl Default for TinyModel {
    /// Two layers of 64 channels in two heads, f32.
    fn default() -> Self {
        Self {
            layers: 2,
            channels: 64,
            head_size: 32,
            ffn: 160,
            vocab: 61,
            ranks: vec![Ranks { decay: 8, rate: 8, value: 8, gate: 16 }],
            recipe: Recipe::default(),
            seed: 7,
            matrices: Dtype::F32,
            tables: Dtype::F32,
            thin: Dtype::F32,
            vectors: Dtype::F32,
            first_value: true,
            thin_transposed: false,
        }
    }
}

impl TinyModel {
    /// A model wide enough for every block type: plain types fill all tensors, block types the large
    /// matrices and both tables, with thin matrices in F16 and vectors in F32 as GGUF files have them.
    #[must_use]
    pub fn of(dtype: Dtype) -> Self {
        let (thin, vectors) = if dtype.is_block() { (Dtype::F16, Dtype::F32) } else { (dtype, dtype) };
        Self {
            channels: 256,
            head_size: 64,
            ffn: 768,
            vocab: 67,
            ranks: vec![Ranks { decay: 32, rate: 32, value: 32, gate: 64 }],
            matrices: dtype,
            tables: dtype,
            thin,
            vectors,
            ..Self::default()
        }
    }

    /// The same model in one plain element type throughout.
    #[must_use]
    pub fn in_dtype(mut self, dtype: Dtype) -> Self {
        (self.matrices, self.tables, self.thin, self.vectors) = (dtype, dtype, dtype, dtype);
        self
    }

    /// The weights, checked.
    ///
    /// # Panics
    /// Where the sizes do not fit each other or the blocks of an element type: a mistake in the test.
    #[must_use]
    pub fn weights(&self) -> Weights {
        Weights::new(self.tensors(), self.recipe)
            .unwrap_or_else(|error| panic!("{self:?} is no model: {error}"))
    }

    /// All tensors under their official names.
    ///
    /// # Panics
    /// As [`TinyModel::weights`].
    #[must_use]
    pub fn tensors(&self) -> Tensors {
        let mut make = Make { model: self, tensors: Tensors::new() };
        let c = self.channels;
        make.table("emb.weight", Range::within(1.0));
        make.norm("blocks.0.ln0");
        for layer in 0..self.layers {
            make.layer(layer);
        }
        make.norm("ln_out");
        make.table("head.weight", Range::deviating(1.5, c));
        make.tensors
    }
}

/// Where a tensor's numbers lie, evenly spread.
#[derive(Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    /// Symmetric about zero.
    fn within(limit: f64) -> Self {
        Self::new(-limit, limit)
    }

    /// Symmetric, with a standard deviation of `scale / sqrt(inputs)`: a product with inputs of order one
    /// has outputs of order `scale`.
    fn deviating(scale: f64, inputs: usize) -> Self {
        Self::within(scale * (3.0 / inputs as f64).sqrt())
    }
}

struct Make<'a> {
    model: &'a TinyModel,
    tensors: Tensors,
}

impl Make<'_> {
    fn insert(&mut self, name: &str, tensor: Result<Tensor, wkv7_core::Error>) {
        let inserted = tensor.and_then(|tensor| self.tensors.insert(name, tensor));
        inserted.unwrap_or_else(|error| panic!("cannot make tensor `{name}`: {error}"));
    }

    fn tensor(&mut self, name: &str, dtype: Dtype, shape: &[usize], range: Range) {
        let mut random = Random::named(self.model.seed, name);
        let bytes = random_bytes(dtype, shape.iter().product(), range.low, range.high, &mut random);
        self.insert(name, Tensor::new(name, dtype, shape, Bytes::from(bytes)));
    }

    fn vector(&mut self, name: &str, low: f64, high: f64) {
        self.tensor(name, self.model.vectors, &[1, 1, self.model.channels], Range::new(low, high));
    }

    fn norm(&mut self, prefix: &str) {
        let shape = [self.model.channels];
        self.tensor(&format!("{prefix}.weight"), self.model.vectors, &shape, Range::new(0.8, 1.2));
        self.tensor(&format!("{prefix}.bias"), self.model.vectors, &shape, Range::within(0.1));
    }

    fn table(&mut self, name: &str, range: Range) {
        self.tensor(name, self.model.tables, &[self.model.vocab, self.model.channels], range);
    }

    fn matrix(&mut self, name: &str, rows: usize, columns: usize, scale: f64) {
        self.tensor(name, self.model.matrices, &[rows, columns], Range::deviating(scale, columns));
    }

    /// A thin matrix of logical shape `[rows, columns]`, used from the left: `x @ matrix`.
    fn thin(&mut self, name: &str, rows: usize, columns: usize, scale: f64) {
        let (dtype, range) = (self.model.thin, Range::deviating(scale, rows));
        if !self.model.thin_transposed {
            return self.tensor(name, dtype, &[rows, columns], range);
        }
        let mut random = Random::named(self.model.seed, name);
        let bytes = if dtype.is_block() {
            random_bytes(dtype, rows * columns, range.low, range.high, &mut random)
        } else {
            // The numbers of the untransposed model, turned.
            let values: Vec<f64> =
                (0..rows * columns).map(|_| random.between(range.low, range.high)).collect();
            let turned: Vec<f64> =
                (0..values.len()).map(|n| values[(n % rows) * columns + n / rows]).collect();
            plain_bytes(dtype, &turned)
        };
        let tensor = Tensor::new(name, dtype, &[columns, rows], Bytes::from(bytes));
        self.insert(name, tensor.map(Tensor::transposed));
    }

    fn low_rank(&mut self, prefix: &str, rank: usize, second: f64) {
        let c = self.model.channels;
        self.thin(&format!("{prefix}1"), c, rank, 1.0);
        self.thin(&format!("{prefix}2"), rank, c, second);
    }

    fn layer(&mut self, layer: usize) {
        let prefix = format!("blocks.{layer}");
        self.norm(&format!("{prefix}.ln1"));
        self.norm(&format!("{prefix}.ln2"));
        self.time_mix(layer, &format!("{prefix}.att"));
        self.channel_mix(&format!("{prefix}.ffn"));
    }

    fn time_mix(&mut self, layer: usize, att: &str) {
        let (c, head_size) = (self.model.channels, self.model.head_size);
        let ranks = self.model.ranks[layer % self.model.ranks.len()];
        for x in ["x_r", "x_w", "x_k", "x_v", "x_a", "x_g"] {
            self.vector(&format!("{att}.{x}"), 0.0, 1.0);
        }
        // Decays from 0.64 to 0.9985 a token.
        self.vector(&format!("{att}.w0"), -6.0, 1.0);
        self.low_rank(&format!("{att}.w"), ranks.decay, 0.5);
        self.vector(&format!("{att}.a0"), -1.5, 1.5);
        self.low_rank(&format!("{att}.a"), ranks.rate, 0.5);
        if layer > 0 || self.model.first_value {
            self.vector(&format!("{att}.v0"), -1.0, 1.5);
            self.low_rank(&format!("{att}.v"), ranks.value, 0.5);
        }
        self.low_rank(&format!("{att}.g"), ranks.gate, 2.0);
        // Trained models have negative and large ones too.
        self.vector(&format!("{att}.k_k"), -0.5, 2.0);
        self.vector(&format!("{att}.k_a"), 0.5, 1.5);
        self.tensor(
            &format!("{att}.r_k"),
            self.model.vectors,
            &[c / head_size, head_size],
            Range::within(0.2),
        );
        // The removal key is normalised; small replacement keys keep what gathers in the memory of order one.
        for (matrix, scale) in [("receptance", 1.0), ("key", 0.2), ("value", 1.0)] {
            self.matrix(&format!("{att}.{matrix}.weight"), c, c, scale);
        }
        self.matrix(&format!("{att}.output.weight"), c, c, 0.5);
        self.norm(&format!("{att}.ln_x"));
    }

    fn channel_mix(&mut self, ffn: &str) {
        let (c, f) = (self.model.channels, self.model.ffn);
        self.vector(&format!("{ffn}.x_k"), 0.0, 1.0);
        self.matrix(&format!("{ffn}.key.weight"), f, c, 1.0);
        self.matrix(&format!("{ffn}.value.weight"), c, f, 0.4);
    }
}

#[cfg(test)]
mod tests {
    use wkv7_core::{Backend as _, LoadOptions, Reference};

    use super::*;
    use crate::{Tolerance, close, play};

    #[test]
    fn every_type_makes_a_model() {
        for dtype in Dtype::ALL {
            let weights = TinyModel::of(dtype).weights();
            assert_eq!(weights.layers[1].time_mix.key.dtype(), dtype);
            assert_eq!((weights.config().heads, weights.config().ffn), (4, 768));
        }
    }

    #[test]
    fn orientation_in_memory_does_not_change_the_numbers() {
        let model = TinyModel::default();
        let turned = TinyModel { thin_transposed: true, ..model.clone() };
        assert_eq!(model.weights().fingerprint(), turned.weights().fingerprint());
        assert_ne!(
            model.weights().fingerprint(),
            TinyModel { seed: 8, ..model.clone() }.weights().fingerprint()
        );
    }

    #[test]
    fn rounded_weights_give_nearly_the_same_logits() {
        let tokens = Random::new(5).tokens(40, 61);
        let logits = |dtype| {
            let weights = TinyModel::default().in_dtype(dtype).weights();
            let mut model = Reference.load(&weights, &LoadOptions::default()).expect("loads");
            play(&mut *model, &tokens, 40).expect("plays").logits
        };
        let exact = logits(Dtype::F32);
        for (dtype, tolerance) in [
            (Dtype::F64, Tolerance::F32_ROUNDING),
            (Dtype::F16, Tolerance::F16_WEIGHTS),
            (Dtype::BF16, Tolerance::BF16_WEIGHTS),
        ] {
            let compared = close(dtype.name(), &logits(dtype), &exact);
            compared.within(tolerance);
        }
    }

    /// Activations of order one: what the suite measures is not lost in cancellation or saturation.
    #[test]
    fn numbers_are_of_order_one() {
        let weights = TinyModel::of(Dtype::Q4K).weights();
        let mut model = Reference.load(&weights, &LoadOptions::default()).expect("loads");
        let played = play(&mut *model, &Random::new(6).tokens(30, 67), 30).expect("plays");
        let deviation =
            |x: &[f32]| (x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64).sqrt();
        let parts = [&played.logits, &played.state.att_shift, &played.state.wkv, &played.state.ffn_shift];
        for part in parts {
            let size = deviation(part);
            assert!((0.2..5.0).contains(&size), "{size}");
        }
    }

    #[test]
    fn the_first_value_residual_comes_and_goes() {
        for first_value in [true, false] {
            let tensors = TinyModel { first_value, ..TinyModel::default() }.tensors();
            assert_eq!(tensors.get("blocks.0.att.v1").is_some(), first_value);
        }
    }
}
