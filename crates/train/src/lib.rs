//! Training RWKV-7.

pub mod data;
