//! What can go wrong below the façade, each with the thing, the expectation and the finding.

use crate::{Dtype, Fingerprint};

/// An error of the core or of a backend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The checkpoint lacks a tensor that its other tensors make necessary.
    #[error("tensor `{name}` is missing")]
    MissingTensor {
        /// Official tensor name.
        name: String,
    },
    /// The checkpoint holds a tensor that RWKV-7 does not have.
    #[error("tensor `{name}` does not belong to an RWKV-7 model of {layers} layers")]
    UnexpectedTensor {
        /// Name as found.
        name: String,
        /// Layers deduced from the other tensors.
        layers: usize,
    },
    /// Two tensors share a name.
    #[error("tensor `{name}` appears twice")]
    DuplicateTensor {
        /// Official tensor name.
        name: String,
    },
    /// A tensor's shape does not fit the others.
    #[error("tensor `{name}` has shape {found:?}, expected {want}")]
    WrongShape {
        /// Official tensor name.
        name: String,
        /// What the rest of the model asks for.
        want: String,
        /// What the file holds.
        found: Vec<usize>,
    },
    /// Shape, element type and byte count of a tensor disagree.
    #[error("tensor `{name}`: {problem}")]
    BadTensor {
        /// Tensor name.
        name: String,
        /// What disagrees with what.
        problem: String,
    },
    /// The tensors are those of another architecture or another RWKV generation.
    #[error("not an RWKV-7 model: {finding}")]
    NotRwkv7 {
        /// What was recognised instead.
        finding: String,
    },
    /// A backend cannot run this model or this element type.
    #[error("backend `{backend}` cannot do this: {what}")]
    Unsupported {
        /// Backend name.
        backend: &'static str,
        /// What it cannot do.
        what: String,
    },
    /// The device or driver of a backend is not there.
    #[error("backend `{backend}` is not available: {why}")]
    Unavailable {
        /// Backend name.
        backend: String,
        /// Why, and the way out.
        why: String,
    },
    /// Every slot of the model is taken.
    #[error("no free slot: all {slots} are in use; close a session or load the model with more slots")]
    NoFreeSlot {
        /// Slots the model was loaded with.
        slots: usize,
    },
    /// A slot was used with a model that did not mint it.
    #[error("this slot belongs to another model")]
    ForeignSlot,
    /// A token id outside the vocabulary.
    #[error("token {token} is outside the vocabulary of {vocab} tokens")]
    TokenOutOfRange {
        /// The id.
        token: u32,
        /// Ids below this are valid.
        vocab: usize,
    },
    /// A batch holds more tokens than one forward takes.
    #[error("the batch holds {tokens} tokens, one forward takes at most {limit}")]
    BatchTooLarge {
        /// Tokens asked for.
        tokens: usize,
        /// The model's limit, [`crate::ModelInfo::max_tokens`].
        limit: usize,
    },
    /// A state has the sizes of another model.
    #[error("state part `{part}` holds {found} numbers, this model needs {want}")]
    WrongStateSize {
        /// `att_shift`, `wkv` or `ffn_shift`.
        part: &'static str,
        /// Numbers needed.
        want: usize,
        /// Numbers found.
        found: usize,
    },
    /// A state was made by another model.
    #[error("the state was made by model {found}, this is model {want}")]
    ForeignState {
        /// Fingerprint of the loaded model.
        want: Fingerprint,
        /// Fingerprint stored with the state.
        found: Fingerprint,
    },
    /// Rows of a block type that are not whole blocks.
    #[error(
        "tensor `{name}`: {dtype} packs {block} numbers to a block, a row of {columns} is not whole blocks"
    )]
    RowNotWholeBlocks {
        /// Tensor name.
        name: String,
        /// The element type.
        dtype: Dtype,
        /// Numbers per block.
        block: usize,
        /// Numbers per row.
        columns: usize,
    },
    /// The device failed while it worked; other models are not affected.
    #[error("backend `{backend}` failed: {what}")]
    Device {
        /// Backend name.
        backend: &'static str,
        /// What the device said.
        what: String,
    },
    /// The progress callback asked to stop.
    #[error("cancelled")]
    Cancelled,
}
