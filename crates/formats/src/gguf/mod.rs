//! GGUF files of architecture `rwkv7`, versions 2 and 3, little endian.
//!
//! | file | what |
//! |---|---|
//! | `cursor` | bytes taken one after another, never past the end |
//! | `metadata` | the typed keys and values |
//! | `tensors` | names, shapes, types and places of the tensors |
//! | `names` | ggml's names against the official ones |
//! | `vocabulary` | the tokens inside |
//! | `model` | all of it as a [`Checkpoint`](crate::Checkpoint) |
//! | `writer` | the head of a file being written |

mod metadata;
mod model;
pub(crate) mod names;
mod tensors;
pub(crate) mod vocabulary;
pub(crate) mod writer;

pub(crate) use model::read;

use wkv7_core::Dtype;

/// The name of the format in messages.
const FORMAT: &str = "GGUF";

/// The architecture that is read and written.
pub(crate) const ARCHITECTURE: &str = "rwkv7";

/// Tensors start at multiples of this where the file does not say otherwise.
pub(crate) const DEFAULT_ALIGNMENT: u32 = 32;

/// ggml's numbers of the element types.
const TYPES: [(u32, Dtype); 16] = [
    (0, Dtype::F32),
    (1, Dtype::F16),
    (2, Dtype::Q4_0),
    (3, Dtype::Q4_1),
    (6, Dtype::Q5_0),
    (7, Dtype::Q5_1),
    (8, Dtype::Q8_0),
    (10, Dtype::Q2K),
    (11, Dtype::Q3K),
    (12, Dtype::Q4K),
    (13, Dtype::Q5K),
    (14, Dtype::Q6K),
    (20, Dtype::Iq4Nl),
    (23, Dtype::Iq4Xs),
    (28, Dtype::F64),
    (30, Dtype::BF16),
];

/// A name or text from the file for a message: one line, cut.
fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(60)];
    let dots = if cut.len() < bytes.len() { "..." } else { "" };
    format!("{}{dots}", cut.escape_ascii())
}
