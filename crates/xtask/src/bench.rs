//! `cargo xtask bench`: measurements, of parts of ours and beside other engines.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::capi::boundary;
use crate::gpu;
use crate::peers;
use crate::process::{cargo, run as run_command};
use crate::train;

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The micro-benchmarks: `cargo bench -p wkv7-benches`
    Micro {
        /// Passed on, as `--bench tokenizer`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Speed beside other engines: same model, threads and token counts, in turns
    Peers(Box<peers::Options>),
    /// Speed of the wgpu backend beside web-rwkv: same card and weights, in turns
    Gpu(gpu::Options),
    /// Training beside PyTorch on the CPU: same model, batches and threads, in turns
    Train(Box<train::Options>),
    /// Decoding through the C library and the languages that call it, beside Rust, in turns
    Boundary(boundary::Options),
}

/// Measures what was asked for.
///
/// # Errors
/// Where a program cannot be run or fails.
pub fn run(options: &Options) -> Result<()> {
    match &options.what {
        What::Micro { arguments } => {
            run_command(cargo(&["bench", "--package", "wkv7-benches"]).args(arguments))
        }
        What::Peers(options) => peers::run(options),
        What::Gpu(options) => gpu::run(options),
        What::Train(options) => train::run(options),
        What::Boundary(options) => boundary::bench(options),
    }
}
