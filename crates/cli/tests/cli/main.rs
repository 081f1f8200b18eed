//! The real `wkv7`, driven as a person or a script drives it.

mod bench;
mod built_in;
mod chat;
mod convert;
mod data;
mod devices;
mod errors;
mod eval;
mod generate;
mod inspect;
mod logits;
mod pipes;
mod run;
mod state;
mod tokens;
mod train;
mod tune;
