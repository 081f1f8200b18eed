//! The readers of torch archives, safetensors, Hugging Face folders, rwkv.cpp files and state files.

mod any_bytes;
mod fixtures;
mod hostile;
mod hostile_folders;
mod hostile_pth;
mod hostile_rwkv_cpp;
mod hostile_safetensors;
mod layouts;
mod state_files;
mod support;
mod toy;
mod write;
mod write_pth;
