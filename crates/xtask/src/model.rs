//! `cargo xtask model`: what the model that ships with wkv7 is trained on, and its vocabulary.

mod arithmetic;
mod cast;
mod chat;
mod corpus;
mod facts;
mod library;
mod mix;
mod output;
mod pieces;
mod plot;
mod questions;
mod rng;
mod slots;
mod split;
mod template;
mod tracking;
mod vocab;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub enum Command {
    /// Write the corpus: stories, questions and answers, sums and small tasks
    Corpus(corpus::Options),
    /// Choose a vocabulary for a corpus
    Vocab(vocab::Options),
}

/// Does one of them.
///
/// # Errors
/// A file that cannot be read or written, or is not what it should be.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Corpus(options) => corpus::run(options),
        Command::Vocab(options) => vocab::run(options),
    }
}
