//! Files of every format, written by hand: plain writers that can write broken ones too, and a toy model.
//!
//! None of them uses the readers or writers under test.

pub mod toy;
pub mod write;
pub mod write_gguf;
pub mod write_pth;
