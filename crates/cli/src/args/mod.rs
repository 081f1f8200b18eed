//! What several commands take: a model, token ids, a state, a sampler.

mod model;
mod name;
mod number;
mod sampling;
mod state;
mod tokens;

pub use model::{ModelArgs, backend_names, parse_threads};
pub use name::{ModelArg, ModelName};
pub use number::{any_count, part, some_count};
pub use sampling::SamplingArgs;
pub use state::StateArgs;
pub use tokens::{TokenList, parse_ids};
