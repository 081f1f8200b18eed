//! Products of the cpu backend, by element type and instruction set, beside their plain twin: rows are dequantised and
//! multiplied as the reference does it.
//!
//! One token is bound by memory, so its figures are GB/s of stored weights; many tokens by arithmetic, so theirs are
//! GFLOP/s. `cargo bench -p wkv7-benches --bench kernels` runs all, and takes a filter as
//! `cargo bench -p wkv7-benches --bench kernels -- Q8_0/1`. The lines at the end give the figures and the gain over the
//! twin; `WKV7_BENCH_THREADS` sets the threads, one where it is not set.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wkv7_core::blocks::dequantize;
use wkv7_core::{Dtype, Tensor};
use wkv7_cpu::Path;
use wkv7_cpu::bench::Matmul;
use wkv7_testkit::{Random, TinyModel};

/// A matrix of the 0.4B model: `[channels, channels]`, larger than a core's own cache in every type.
const SIZE: usize = 1024;

/// One token, few, and enough for the kernels of many.
const TOKENS: [usize; 4] = [1, 4, 32, 64];

/// Types with kernels of their own, in 8 bits where the type is a block type, and F64 for the way of all others.
const TYPES: [Dtype; 12] = [
    Dtype::F64,
    Dtype::F32,
    Dtype::F16,
    Dtype::BF16,
    Dtype::Q8_0,
    Dtype::Q4_0,
    Dtype::Q4_1,
    Dtype::Q5_0,
    Dtype::Q5_1,
    Dtype::Q4K,
    Dtype::Q5K,
    Dtype::Q6K,
];

/// A random matrix of `dtype`: the receptance of a random model.
fn matrix(dtype: Dtype) -> Tensor {
    let model = TinyModel { layers: 1, channels: SIZE, ffn: 256, vocab: 5, ..TinyModel::of(dtype) };
    model.weights().layers[0].time_mix.receptance.clone()
}

/// The plain twin: every stored row as f32, then a dot product with each vector.
fn twin(tensor: &Tensor, x: &[f32], out: &mut [f32]) {
    let (n, bytes) = (tensor.columns(), tensor.bytes());
    let mut row = vec![0.0; n];
    for (at, stored) in bytes.as_slice().chunks_exact(tensor.stored_row_bytes()).enumerate() {
        dequantize(tensor.dtype(), stored, &mut row);
        for (x, out) in x.chunks_exact(n).zip(out.chunks_exact_mut(tensor.rows())) {
            out[at] = row.iter().zip(x).map(|(w, x)| w * x).sum();
        }
    }
}

/// Shortest of several runs, each long enough for the clock: other work on the machine only adds time.
fn fastest(mut run: impl FnMut()) -> Duration {
    let begun = Instant::now();
    run();
    let rounds = (2_000_000 / begun.elapsed().as_nanos().max(1)).clamp(1, 1000) as u32;
    let timed = |_| {
        let start = Instant::now();
        (0..rounds).for_each(|_| run());
        start.elapsed() / rounds
    };
    (0..15).map(timed).min().expect("at least one run")
}

fn figure(bytes: usize, tokens: usize, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if tokens == 1 {
        format!("{:7.2} GB/s", bytes as f64 / 1e9 / seconds)
    } else {
        format!("{:7.2} GFLOP/s", 2.0 * (SIZE * SIZE * tokens) as f64 / 1e9 / seconds)
    }
}

fn kernels(criterion: &mut Criterion) {
    let threads =
        std::env::var("WKV7_BENCH_THREADS").map_or(1, |count| count.parse().expect("a number of threads"));
    let mut random = Random::new(1);
    let x: Vec<f32> = (0..SIZE * 64).map(|_| random.between(-1.0, 1.0) as f32).collect();
    let mut lines = Vec::new();
    for dtype in TYPES {
        let tensor = matrix(dtype);
        let bytes = tensor.bytes().len();
        for tokens in TOKENS {
            let mut group = criterion.benchmark_group(format!("{dtype}/{tokens}"));
            group
                .sample_size(10)
                .warm_up_time(Duration::from_millis(100))
                .measurement_time(Duration::from_millis(300));
            group.throughput(if tokens == 1 {
                Throughput::Bytes(bytes as u64)
            } else {
                Throughput::Elements(2 * (SIZE * SIZE * tokens) as u64)
            });
            let x = &x[..SIZE * tokens];
            let mut out = vec![0.0; SIZE * tokens];
            group.bench_function("plain twin", |bencher| {
                bencher.iter(|| twin(&tensor, x, black_box(&mut out)))
            });
            let plain = fastest(|| twin(&tensor, x, black_box(&mut out)));
            let mut line =
                format!("{dtype:<5} {tokens:>3} tokens  plain twin {}", figure(bytes, tokens, plain));
            for path in Path::ALL {
                let matmul = Matmul::new(path, &tensor, x, false, threads).expect("threads");
                let Some(mut matmul) = matmul else { continue };
                near(matmul.run(tokens).flatten(), &out);
                group.bench_function(path.name(), |bencher| {
                    bencher.iter(|| _ = black_box(matmul.run(tokens)))
                });
                let time = fastest(|| _ = black_box(matmul.run(tokens)));
                let gain = plain.as_secs_f64() / time.as_secs_f64();
                line += &format!("  {path} {} ({gain:.1}x)", figure(bytes, tokens, time));
            }
            lines.push(line);
            group.finish();
        }
    }
    println!("[{SIZE}, {SIZE}], {threads} threads, the shortest of 15 runs");
    lines.iter().for_each(|line| println!("{line}"));
}

/// A speed means something only where the numbers are right.
fn near<'a>(got: impl Iterator<Item = &'a f32>, want: &[f32]) {
    let distance: f32 = got.zip(want).map(|(got, want)| (got - want).powi(2)).sum();
    let norm: f32 = want.iter().map(|want| want * want).sum();
    assert!(distance <= norm * 2e-2 * 2e-2, "relative error {}", (distance / norm).sqrt());
}

criterion_group!(benches, kernels);
criterion_main!(benches);
