//! web-rwkv, as its own benchmark drives it.

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use half::f16;
use memmap2::Mmap;
use safetensors::SafeTensors;
use tokio::runtime::Runtime as Threads;
use web_rwkv::context::ContextBuilder;
use web_rwkv::runtime::infer::{Rnn, RnnInput, RnnInputBatch, RnnOption};
use web_rwkv::runtime::loader::Loader;
use web_rwkv::runtime::model::{ContextAutoLimits as _, ModelBuilder};
use web_rwkv::runtime::{Runtime, TokioRuntime, v7};

use crate::Engine;

/// Tokens of a chunk: the default of web-rwkv's benchmark.
const CHUNK: usize = 128;

/// A model with a fixed number of sequences.
pub struct Theirs {
    threads: Threads,
    runtime: Box<dyn Runtime<Rnn>>,
    sequences: usize,
    logits: Vec<f32>,
}

impl Theirs {
    pub fn open(path: &Path, adapter: &str, sequences: usize) -> Result<Self> {
        let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let runtime = threads.block_on(load(path, adapter, sequences))?;
        Ok(Self { threads, runtime, sequences, logits: Vec::new() })
    }
}

async fn load(path: &Path, adapter: &str, sequences: usize) -> Result<Box<dyn Runtime<Rnn>>> {
    // SAFETY: the file was written by this run and nobody else writes it.
    let data = unsafe { Mmap::map(&File::open(path)?)? };
    let model = SafeTensors::deserialize(&data)?;
    let info = Loader::info(&model)?;
    let instance = wgpu::Instance::default();
    let adapters = instance.enumerate_adapters(wgpu::Backends::VULKAN).await;
    let is_meant =
        |found: &wgpu::Adapter| found.get_info().name.to_lowercase().contains(&adapter.to_lowercase());
    let adapter = adapters.into_iter().find(is_meant).with_context(|| format!("no adapter `{adapter}`"))?;
    println!("web-rwkv: {}", adapter.get_info().name);
    let context = ContextBuilder::new(adapter).auto_limits(&info).build().await?;
    let model = ModelBuilder::new(&context, model).build_v7().await?;
    Ok(Box::new(TokioRuntime::new(v7::Bundle::<f16>::new(model, sequences)).await))
}

impl Engine for Theirs {
    fn feed(&mut self, tokens: &[&[u32]]) -> Result<&[f32]> {
        let mut batches = vec![RnnInputBatch::default(); self.sequences];
        for (batch, tokens) in batches.iter_mut().zip(tokens) {
            *batch = RnnInputBatch::new(tokens.to_vec(), RnnOption::Last);
        }
        let mut input = RnnInput::new(batches, CHUNK);
        self.logits.clear();
        while input.num_token() > 0 {
            let (rest, output) = self.threads.block_on(self.runtime.infer(input))?;
            input = rest;
            for output in output.0 {
                self.logits.extend(output.0.to_vec());
            }
        }
        if self.logits.is_empty() {
            bail!("web-rwkv returned nothing");
        }
        Ok(&self.logits)
    }
}
