//! `libwkv7`: the C ABI.
//!
//! Every function is three moves: convert what C passed, call safe Rust, convert back. [`args`] is the only place that
//! looks through a pointer, [`call::run`] the only place that catches a panic. The header `include/wkv7.h` is made
//! from these files by cbindgen, in the order in which they stand here, and states the contract of every pointer.
//!
//! | file | what |
//! |---|---|
//! | `status`, `call`, `args`, `sized` | statuses and errors; pointers and structs that grow |
//! | `library`, `logging` | the library itself |
//! | `model`, `model_options` | models |
//! | `tokenizer`, `decoder` | text |
//! | `sampler`, `session`, `state`, `generation`, `batch`, `chat` | what a host does with a model |
//! | `tune` | a state that is learned on it |

// The names are C's; the modules are public only so that what the header alone uses counts as used.
// That C's functions are not marked `unsafe` changes nothing: nothing in Rust calls them.
#![allow(non_camel_case_types, clippy::not_unsafe_ptr_arg_deref)]

#[macro_use]
mod args;
pub mod batch;
mod call;
pub mod chat;
pub mod decoder;
pub mod generation;
pub mod library;
pub mod logging;
pub mod model;
pub mod model_options;
pub mod sampler;
pub mod session;
mod sized;
pub mod state;
pub mod status;
pub mod tokenizer;
pub mod tune;
