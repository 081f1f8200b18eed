//! The readers of torch archives, safetensors, Hugging Face folders, rwkv.cpp files and state files.

mod any_bytes;
mod fixtures;
mod hostile;
mod hostile_folders;
mod layouts;
mod state_files;
mod support;

use wkv7_testkit::files::{toy, write, write_pth};
