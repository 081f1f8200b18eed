//! The readers of torch archives, safetensors, Hugging Face folders, rwkv.cpp files and state files.

mod fixtures;
mod layouts;
mod support;
mod toy;
mod write;
mod write_pth;
