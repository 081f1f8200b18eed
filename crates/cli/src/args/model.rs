//! Which model, on which backend, with which vocabulary.

use std::ffi::OsStr;
use std::str::FromStr as _;

use anyhow::Context as _;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Command};
use wkv7::{Adapter, BackendChoice, Model, Options, TokenizerChoice};

use super::{ModelArg, StateArgs};

/// A model and how to run it: the same for every command that computes.
#[derive(Debug, Args)]
pub struct ModelArgs {
    #[command(flatten)]
    pub arg: ModelArg,
    /// Add a LoRA to the weights; a .pth does not say its alpha: FILE:ALPHA; may be given several times
    #[arg(long = "lora", help_heading = "Running", value_name = "FILE[:ALPHA]")]
    pub adapters: Vec<Adapter>,
    #[command(flatten)]
    pub run: RunArgs,
}

/// How to run a model.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// Who computes
    #[arg(long, help_heading = "Running", value_name = "BACKEND", default_value = "auto", value_parser = backend_names())]
    pub backend: String,
    /// Threads of the cpu backend [default: one per core]
    #[arg(long, help_heading = "Running", value_name = "N", value_parser = parse_threads)]
    pub threads: Option<usize>,
    /// The vocabulary: `auto`, `world`, `bytes`, the official text form or a tokenizer.json
    #[arg(long, help_heading = "Running", value_name = "FILE", default_value = "auto")]
    pub vocab: TokenizerChoice,
    /// Forbid every approximation made for speed
    #[arg(long, help_heading = "Running")]
    pub exact: bool,
}

impl ModelArgs {
    /// Loads the model; a bar appears where that takes long.
    pub fn open(&self) -> anyhow::Result<Model> {
        self.open_from(&StateArgs::default())
    }

    /// Loads the model; its sessions start from `state`.
    pub fn open_from(&self, state: &StateArgs) -> anyhow::Result<Model> {
        let mut options = self.run.options()?;
        options.initial_state.clone_from(&state.file);
        options.tuned_state_transposed = state.transposed;
        options.adapters.clone_from(&self.adapters);
        let opened = self.arg.chosen().load(options);
        match (&opened, &state.file) {
            (Err(error), Some(state)) if is_about_state(error) => {
                opened.with_context(|| format!("--state {}", state.display()))
            }
            _ => opened,
        }
    }
}

impl RunArgs {
    /// The options of the library that these flags stand for.
    pub fn options(&self) -> anyhow::Result<Options> {
        let mut options = Options::default();
        options.backend = BackendChoice::from_str(&self.backend)?;
        options.tokenizer = self.vocab.clone();
        options.load.threads = self.threads;
        options.load.exact = self.exact;
        Ok(options)
    }
}

/// Whether opening failed for the state: such an error does not name its file.
fn is_about_state(error: &anyhow::Error) -> bool {
    use wkv7::core::Error::{ForeignState, WrongStateSize};
    match error.downcast_ref() {
        Some(wkv7::Error::InitialState { .. }) => true,
        Some(wkv7::Error::Core(error)) => matches!(error, ForeignState { .. } | WrongStateSize { .. }),
        _ => false,
    }
}

/// What `--backend` takes.
pub fn backend_names() -> BackendNames {
    BackendNames(std::iter::once("auto").chain(wkv7::backends()).into())
}

/// The backends of this build by name; that of graphics cards also with a device: `wgpu:1`, `wgpu:radeon`.
#[derive(Debug, Clone)]
pub struct BackendNames(PossibleValuesParser);

impl TypedValueParser for BackendNames {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        match value.to_str().and_then(|text| text.split_once(':')) {
            Some((name @ "wgpu", device)) if !device.is_empty() => {
                self.0.parse_ref(command, arg, OsStr::new(name)).map(|name| format!("{name}:{device}"))
            }
            _ => self.0.parse_ref(command, arg, value),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.0.possible_values()
    }
}

/// A number of threads that a machine may have.
pub fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=4096) => Ok(threads),
        _ => Err("expected a number of threads from 1 to 4096".to_owned()),
    }
}
