//! Where sequences start.

use std::path::PathBuf;

use clap::Args;

/// A state to start from.
#[derive(Debug, Clone, Default, Args)]
pub struct StateArgs {
    /// Start from this state: a saved one, or a tuned initial one
    #[arg(id = "state", long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Take a tuned state as (key, value), as web-rwkv's converter writes it
    #[arg(id = "state_transposed", long = "state-transposed")]
    pub transposed: bool,
}
