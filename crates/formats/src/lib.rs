//! RWKV-7 checkpoints in and out.
//!
//! [`open`] tells the kind of a file or folder by its content and gives a [`Checkpoint`]: tensors under
//! official names, in official orientation, still lying in the memory-mapped file. [`convert`] writes one.
//!
//! Every byte is hostile until checked: arithmetic on sizes is checked, nothing is allocated by an
//! unchecked count, and a pickle is read by a machine that can build tensors and nothing else.

mod checkpoint;
mod cursor;
mod detect;
mod error;
mod gguf;
mod hugging_face;
mod map;
mod names;
mod pth;
pub mod recipe;
mod rwkv_cpp;
mod safetensors;
mod tensors_file;
mod whole_file;

pub mod convert;
pub mod state_file;

pub use checkpoint::{Checkpoint, Format, Vocabulary, from_bytes, open};
pub use error::{Error, Problem};
pub use map::map;
pub use tensors_file::{TensorsFile, open_tensors};
pub use whole_file::WholeFile;
