//! `cargo xtask model`: the model that ships with wkv7: its texts, its vocabulary, its training, and what it can do.

mod arithmetic;
mod cast;
mod chat;
mod corpus;
mod facts;
mod library;
mod make;
mod mix;
mod output;
mod pieces;
mod plot;
mod questions;
mod report;
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
    /// Train the model that ships, from nothing: some half an hour on two cores
    Make(make::Options),
    /// Measure the model that ships, and write the README beside it
    Report(report::Options),
}

/// Does one of them.
///
/// # Errors
/// A file that cannot be read or written, or is not what it should be.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Corpus(options) => corpus::run(options),
        Command::Vocab(options) => vocab::run(options),
        Command::Make(options) => make::run(options),
        Command::Report(options) => report::run(options),
    }
}
