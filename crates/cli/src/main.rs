//! The `wkv7` command: text from RWKV-7 models, and all that goes with it.
//!
//! Each command has a file or a folder of its name, with its flags and its `run`. `args` holds what several
//! of them take, `terminal` how they talk: standard output, progress, Ctrl-C, errors and exit codes.

mod args;
mod bench;
mod chat;
mod command;
mod convert;
mod data;
mod detokenize;
mod devices;
mod eval;
mod feed;
mod generate;
mod info;
mod logits;
mod memory;
mod merge;
mod state;
mod svg;
mod terminal;
mod tokenize;
mod train;
mod tune;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

fn main() -> ExitCode {
    match command::Cli::try_parse() {
        Ok(cli) => terminal::failure::report(&cli.run()),
        Err(error) => terminal::failure::usage(&error, &command::Cli::command()),
    }
}
