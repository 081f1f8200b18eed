//! What a loaded model has done so far: how it computes, what it packed, how busy its channel mixes were.

/// The facts of a loaded model that only running it tells; see [`Model::report`](crate::Model::report).
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// What computes: the instruction set (`avx2`), or the device and its driver.
    pub kernels: String,
    /// Whatever was copied or laid out anew beside the mapped file.
    pub packed: Vec<Packed>,
    /// Hidden units of the channel mixes that single-token forwards have computed, all layers together.
    pub ffn_units: u64,
    /// Those of them that were zero after the squared relu.
    pub ffn_zeros: u64,
}

/// Weights that a backend keeps in a layout of its own.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Packed {
    /// Which, and into what: "vectors as f32", "ffn.value by hidden unit".
    pub what: String,
    /// Memory that they take.
    pub bytes: u64,
    /// Time that it took.
    pub seconds: f64,
}

impl Packed {
    /// `what` was packed into `bytes` bytes within `seconds`.
    #[must_use]
    pub fn new(what: impl Into<String>, bytes: u64, seconds: f64) -> Self {
        Self { what: what.into(), bytes, seconds }
    }
}

impl Report {
    /// The share of hidden units that were zero, in 0..=1; `None` before the first single-token forward.
    #[must_use]
    pub fn ffn_sparsity(&self) -> Option<f64> {
        (self.ffn_units > 0).then(|| self.ffn_zeros as f64 / self.ffn_units as f64)
    }
}
