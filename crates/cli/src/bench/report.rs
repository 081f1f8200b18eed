//! All that was measured, as `--json` prints it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use wkv7::{Ceiling, DeviceCeiling, Model};

use super::machine::{self, Machine};
use super::measure::{Kind, Speed};
use super::soak::Soak;
use crate::args::ModelName;
use crate::info::Packed;

/// Everything that was measured in one run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub version: &'static str,
    pub date: String,
    pub machine: Machine,
    pub model: Facts,
    /// Bytes of weights that a token touches where none is skipped: all but the embedding.
    pub bytes_per_token: u64,
    /// A multiply-add counts as two; the matrices of the layers.
    pub operations_per_token: u64,
    pub ceilings: Vec<Roof>,
    pub loads: Vec<Load>,
    pub results: Vec<Figure>,
    pub soak: Option<Soak>,
}

/// The model.
#[derive(Debug, Serialize)]
pub struct Facts {
    pub path: PathBuf,
    pub file_bytes: u64,
    pub layers: usize,
    pub channels: usize,
    pub vocab: usize,
    pub parameters: u64,
    /// Bytes by element type.
    pub dtypes: BTreeMap<&'static str, u64>,
}

/// What threads of the machine, or a device, can do at best, for JSON.
#[derive(Debug, Clone, Serialize)]
pub struct Roof {
    /// The backend of a device; of none, it is the machine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<&'static str>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    pub threads: usize,
    pub read_bytes_per_second: f64,
    pub fma_flops: f64,
    pub int8_ops: Option<f64>,
    pub int16_ops: Option<f64>,
    pub bf16_flops: Option<f64>,
}

/// One load of the model and what it became.
#[derive(Debug, Serialize)]
pub struct Load {
    pub backend: &'static str,
    pub threads: usize,
    /// From opening the file to a model that can be used.
    pub load_seconds: f64,
    /// From opening the file to the first token's logits.
    pub first_token_seconds: f64,
    /// The most memory that was resident until all was measured.
    pub peak_bytes: Option<u64>,
    pub kernels: String,
    pub packed: Vec<Packed>,
    pub ffn_sparsity: Option<f64>,
}

/// One speed.
#[derive(Debug, Serialize)]
pub struct Figure {
    pub kind: Kind,
    pub backend: &'static str,
    pub threads: usize,
    /// Tokens of a decode, of a prompt, or sequences.
    pub tokens: usize,
    /// Sequences in a forward.
    pub batch: usize,
    pub tokens_per_second: Speed,
    pub bandwidth_share: Option<f64>,
    pub fma_share: Option<f64>,
    pub int8_share: Option<f64>,
}

impl Report {
    /// The facts that are known without loading the model.
    pub fn new(model: &ModelName) -> anyhow::Result<Self> {
        let checkpoint = model.checkpoint()?;
        let (path, file_bytes) = (checkpoint.path.clone(), checkpoint.file_bytes);
        let weights = checkpoint.weights()?;
        let config = weights.config();
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            date: machine::now(),
            machine: Machine::this(),
            bytes_per_token: weights.bytes_per_token(),
            operations_per_token: weights.operations_per_token(),
            model: Facts {
                path,
                file_bytes,
                layers: config.layers,
                channels: config.channels,
                vocab: config.vocab,
                parameters: weights.parameters(),
                dtypes: weights.bytes_by_dtype(),
            },
            ceilings: Vec::new(),
            loads: Vec::new(),
            results: Vec::new(),
            soak: None,
        })
    }

    /// Adds a roof, and the shares of it that the figures under it reached: those since `first`, of a device; those of so
    /// many threads that computed themselves, of the machine.
    pub fn add_roof(&mut self, roof: Roof, first: usize) {
        let (bytes, operations) = (self.bytes_per_token as f64, self.operations_per_token as f64);
        for figure in self.results.iter_mut().skip(first) {
            if roof.is_over(figure.backend, figure.threads) {
                figure.set_shares(&roof, bytes, operations);
            }
        }
        self.ceilings.push(roof);
    }

    /// What the device of `backend`, or `threads` threads, can do, where that was measured.
    pub fn roof(&self, backend: &str, threads: usize) -> Option<&Roof> {
        self.ceilings.iter().find(|roof| roof.is_over(backend, threads))
    }
}

/// Whether a backend computes on a device, whatever the number of threads.
pub fn is_on_device(backend: &str) -> bool {
    backend == "wgpu"
}

impl Roof {
    /// Whether it bounds what `backend` does with so many threads.
    fn is_over(&self, backend: &str, threads: usize) -> bool {
        match self.backend {
            Some(own) => own == backend,
            None => !is_on_device(backend) && self.threads == threads,
        }
    }

    /// That of the device that `backend` uses.
    pub fn of_device(backend: &'static str, threads: usize, ceiling: DeviceCeiling) -> Self {
        Self {
            backend: Some(backend),
            device: Some(ceiling.name),
            threads,
            read_bytes_per_second: ceiling.read_bytes_per_second,
            fma_flops: ceiling.fma_flops,
            int8_ops: None,
            int16_ops: None,
            bf16_flops: None,
        }
    }
}

impl From<&Ceiling> for Roof {
    fn from(ceiling: &Ceiling) -> Self {
        Self {
            backend: None,
            device: None,
            threads: ceiling.threads,
            read_bytes_per_second: ceiling.read_bytes_per_second,
            fma_flops: ceiling.fma_flops,
            int8_ops: ceiling.int8_ops,
            int16_ops: ceiling.int16_ops,
            bf16_flops: ceiling.bf16_flops,
        }
    }
}

impl Load {
    pub fn new(
        model: &Model,
        threads: usize,
        load_seconds: f64,
        first_token_seconds: f64,
        peak_bytes: Option<u64>,
    ) -> anyhow::Result<Self> {
        let report = model.report()?;
        Ok(Self {
            backend: model.info().backend,
            threads,
            load_seconds,
            first_token_seconds,
            peak_bytes,
            ffn_sparsity: report.ffn_sparsity(),
            packed: report.packed.iter().map(Packed::from).collect(),
            kernels: report.kernels,
        })
    }
}

impl Figure {
    /// `count` is the number of tokens, of prompt tokens or of sequences, as `kind` has it.
    pub fn new(kind: Kind, backend: &'static str, threads: usize, count: usize, speed: Speed) -> Self {
        let batch = if kind == Kind::Batch { count } else { 1 };
        Self {
            kind,
            backend,
            threads,
            tokens: count,
            batch,
            tokens_per_second: speed,
            bandwidth_share: None,
            fma_share: None,
            int8_share: None,
        }
    }

    /// A forward of few tokens is bound by memory, one of many by arithmetic, a batch by either.
    fn set_shares(&mut self, roof: &Roof, bytes: f64, operations: f64) {
        let speed = self.tokens_per_second.median;
        if self.kind != Kind::Prefill {
            let forwards = speed / self.batch as f64;
            self.bandwidth_share = Some(bytes * forwards / roof.read_bytes_per_second);
        }
        if self.kind != Kind::Decode {
            self.fma_share = Some(operations * speed / roof.fma_flops);
            self.int8_share = roof.int8_ops.map(|peak| operations * speed / peak);
        }
    }

    /// The share of the bfloat16 peak.
    pub fn bf16_share(&self, report: &Report) -> Option<f64> {
        let peak =
            report.roof(self.backend, self.threads)?.bf16_flops.filter(|_| self.kind != Kind::Decode)?;
        Some(report.operations_per_token as f64 * self.tokens_per_second.median / peak)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_roof_of_its_own() {
        let ceiling =
            |speed| DeviceCeiling { name: "card".to_owned(), read_bytes_per_second: speed, fma_flops: 1.0 };
        let host =
            |threads| Roof { backend: None, device: None, ..Roof::of_device("", threads, ceiling(1.0)) };
        let card = Roof::of_device("wgpu", 2, ceiling(9.0));
        assert_eq!(
            [("cpu", 2), ("cpu", 1), ("wgpu", 2)].map(|(name, n)| host(2).is_over(name, n)),
            [true, false, false]
        );
        assert_eq!(
            [("cpu", 2), ("wgpu", 2), ("wgpu", 1)].map(|(name, n)| card.is_over(name, n)),
            [false, true, true]
        );
    }

    #[test]
    fn shares_are_of_what_binds() {
        let roof = Roof {
            backend: None,
            device: None,
            threads: 2,
            read_bytes_per_second: 1000.0,
            fma_flops: 4000.0,
            int8_ops: Some(8000.0),
            int16_ops: None,
            bf16_flops: None,
        };
        let shares = |kind, count| {
            let mut figure = Figure::new(kind, "cpu", 2, count, Speed::of(vec![20.0]));
            figure.set_shares(&roof, 40.0, 100.0);
            [figure.bandwidth_share, figure.fma_share, figure.int8_share]
        };
        assert_eq!(shares(Kind::Decode, 128), [Some(0.8), None, None]);
        assert_eq!(shares(Kind::Prefill, 16), [None, Some(0.5), Some(0.25)]);
        assert_eq!(shares(Kind::Batch, 4), [Some(0.2), Some(0.5), Some(0.25)]);
    }
}
