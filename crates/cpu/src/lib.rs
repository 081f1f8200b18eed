//! The CPU backend of wkv7: multi-threaded, one path for one token, many tokens and many sequences.
//!
//! A forward lays the tokens of all its steps one after the other. Every matrix is then read once and meets
//! all of them; only the token shift and the recurrent memory look at which sequence a token belongs to.
//! Matrices stay in the mapped file, in any element type; vectors are converted to f32 at load. Sums are f32, or exact
//! integers that become f32.
//!
//! A token's results are the same to the bit whatever else is in the batch, however a prompt is cut into
//! chunks, and on any number of threads.
//!
//! The instruction set is chosen once, at load: the best this machine has, or the one that the environment
//! variable `WKV7_CPU` names; see [`Path`].
//!
//! | file | what |
//! |---|---|
//! | `model` | the layer loop and the slots |
//! | `pass` | what every block knows of the walk through the layers it is part of, and the token shift |
//! | `time_mix`, `channel_mix`, `wkv`, `head`, `norm`, `exp` | the blocks of the model |
//! | `matmul` | matrix times the vectors of all tokens |
//! | `activations`, `code_tiles`, `lane_codes`, `span_codes`, `part_tiles` | vectors in the forms that products take |
//! | `weights`, `memory`, `scratch` | what a model keeps |
//! | `aligned`, `pages` | where that lies |
//! | `math`, `bf16x3`, `pairs` | arithmetic for other crates |
//! | `arch`, `team` | instruction sets and cores |

mod activations;
mod aligned;
mod arch;
mod ceiling;
mod channel_mix;
mod code_tiles;
mod exp;
mod groups;
mod head;
mod lane_codes;
mod matmul;
mod memory;
mod model;
mod norm;
mod pages;
mod part_tiles;
mod pass;
mod scratch;
mod span_codes;
mod team;
mod time_mix;
mod weights;
mod wkv;

pub mod bf16x3;
pub mod math;
pub mod pairs;

#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;

pub use arch::Path;
pub use ceiling::Ceiling;
pub use pages::in_large_pages;

use arch::{Isa, Missing, With};
use model::CpuModel;
use wkv7_core::{Backend, Dtype, Error, LoadOptions, Model, Weights};

/// The backend's name.
const BACKEND: &str = "cpu";

/// The CPU backend.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    path: Option<Path>,
}

impl Cpu {
    /// Types whose matrices are multiplied with activations in 8 bits, 32 to a scale (256 for Q4_K, Q5_K and Q6_K), unless
    /// [`LoadOptions::exact`] forbids it. All others are multiplied in f32, but see [`Cpu::IN_PARTS`].
    pub const APPROXIMATED: [Dtype; 8] =
        [Dtype::Q8_0, Dtype::Q4_0, Dtype::Q4_1, Dtype::Q5_0, Dtype::Q5_1, Dtype::Q4K, Dtype::Q5K, Dtype::Q6K];

    /// The type whose matrices some paths multiply with activations in [bf16 parts](Path::bf16_parts), which keep 8 significant
    /// bits of each, or 16 where there are two; all 24 where [`LoadOptions::exact`] asks for it.
    pub const IN_PARTS: Dtype = Dtype::BF16;

    /// Takes the fastest instructions that this machine has, unless `WKV7_CPU` names others.
    #[must_use]
    pub const fn new() -> Self {
        Self { path: None }
    }

    /// Takes the instructions of `path`, whatever the environment says.
    #[must_use]
    pub const fn with_path(path: Path) -> Self {
        Self { path: Some(path) }
    }
}

impl Backend for Cpu {
    fn name(&self) -> &'static str {
        BACKEND
    }

    /// # Errors
    /// [`Error::Unavailable`] where this machine lacks the instructions asked for or gives no threads,
    /// [`Error::Cancelled`].
    fn load(&self, weights: &Weights, options: &LoadOptions) -> Result<Box<dyn Model>, Error> {
        let path = self.path.map_or_else(Path::choose, Ok)?;
        path.with(Load { path, weights, options }).map_err(|Missing(feature)| lacks(path, feature))?
    }
}

/// This machine has no `feature`.
fn lacks(path: Path, feature: &str) -> Error {
    Error::Unavailable {
        backend: BACKEND.to_owned(),
        why: format!(
            "this machine lacks {feature}, which CPU path `{path}` needs; unset WKV7_CPU or set it to `portable`"
        ),
    }
}

/// A model to be loaded.
struct Load<'a> {
    path: Path,
    weights: &'a Weights,
    options: &'a LoadOptions,
}

impl With for Load<'_> {
    type Out = Result<Box<dyn Model>, Error>;

    fn with<I: Isa>(self, isa: I) -> Self::Out {
        Ok(Box::new(CpuModel::new(isa, self.path.name(), self.weights, self.options)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use matmul::Kind;

    #[test]
    fn approximated_types_are_those_multiplied_in_integers() {
        for dtype in Dtype::ALL {
            let approximated = Cpu::APPROXIMATED.contains(&dtype);
            let kind = |exact| Kind::of(dtype, [64, 256], exact);
            assert_eq!(matches!(kind(false), Kind::Block(_) | Kind::SuperBlock(_)), approximated, "{dtype}");
            assert!(!matches!(kind(true), Kind::Block(_) | Kind::SuperBlock(_)), "{dtype}");
        }
    }
}
