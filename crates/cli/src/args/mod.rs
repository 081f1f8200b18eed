//! What several commands take: a model, token ids, a sampler, a prompt.

mod model;
mod sampling;
mod tokens;

pub use model::{ModelArgs, load};
pub use sampling::SamplingArgs;
pub use tokens::{TokenList, parse_ids};
