//! The commands, one line each.

use clap::{Parser, Subcommand};

use crate::{
    bench, chat, convert, data, detokenize, devices, eval, generate, info, logits, merge, state, tokenize,
    train, tune, verify,
};

/// RWKV-7 language models on your own machine
#[derive(Debug, Parser)]
#[command(name = "wkv7", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  wkv7 generate \"Once upon a time\"
  wkv7 generate model.pth \"The Eiffel tower is\"
  wkv7 chat model.safetensors
  wkv7 info model.gguf
  wkv7 convert model.pth model.gguf --dtype q8_0

Commands that are given no MODEL use a very small one inside this program, called `built-in`.

`wkv7 COMMAND --help` shows a command's flags and more examples.";

#[derive(Debug, Subcommand)]
enum Command {
    Generate(generate::Generate),
    Chat(chat::Chat),
    Info(info::Info),
    Logits(logits::Logits),
    Tokenize(tokenize::Tokenize),
    Detokenize(detokenize::Detokenize),
    Convert(convert::Convert),
    Data(data::Data),
    Train(Box<train::Train>),
    Tune(tune::Tune),
    Merge(merge::Merge),
    State(state::State),
    Eval(eval::Eval),
    Verify(verify::Verify),
    Bench(bench::Bench),
    Devices(devices::Devices),
}

impl Cli {
    /// Does what the command line asks for.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Generate(command) => command.run(),
            Command::Chat(command) => command.run(),
            Command::Info(command) => command.run(),
            Command::Logits(command) => command.run(),
            Command::Tokenize(command) => command.run(),
            Command::Detokenize(command) => command.run(),
            Command::Convert(command) => command.run(),
            Command::Data(command) => command.run(),
            Command::Train(command) => command.run(),
            Command::Tune(command) => command.run(),
            Command::Merge(command) => command.run(),
            Command::State(command) => command.run(),
            Command::Eval(command) => command.run(),
            Command::Verify(command) => command.run(),
            Command::Bench(command) => command.run(),
            Command::Devices(command) => command.run(),
        }
    }
}
