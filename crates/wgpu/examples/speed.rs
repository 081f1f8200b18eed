//! Speed of one device on random models of the published sizes, beside its memory's bandwidth, and where the time goes.
//!
//! `cargo run --release -p wkv7-wgpu --example speed -- nvidia 0.4B,1.5B f16 1x1,8x1,1x512 profile`
//!
//! The first argument is a device as `--backend wgpu:` names it, then sizes, a type of the matrices, forwards as
//! sequences x tokens, and whether dispatches are timed too.

use std::collections::BTreeMap;
use std::time::Instant;

use wkv7_core::{
    Backend as _, Batch, Dtype, Error, LoadOptions, Model, Outputs, Ranks, Slot, Step, Want, Weights,
};
use wkv7_testkit::TinyModel;
use wkv7_wgpu::{Settings, Wgpu};

/// Runs of everything that is timed; the median counts.
const RUNS: usize = 7;
const SEQUENCES: usize = 32;

fn main() -> Result<(), Error> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let argument = |n: usize, default: &str| arguments.get(n).cloned().unwrap_or_else(|| default.to_owned());
    let (device, sizes, dtype) = (argument(0, ""), argument(1, "0.1B"), argument(2, "f16"));
    let works = argument(3, "1x1,2x1,8x1,16x1,32x1,1x16,1x64,1x512,1x2048");
    let works: Vec<(usize, usize)> = works
        .split(',')
        .filter_map(|work| work.split_once('x'))
        .filter_map(|(sequences, tokens)| Some((sequences.parse().ok()?, tokens.parse().ok()?)))
        .filter(|(sequences, _)| *sequences <= SEQUENCES)
        .collect();
    let is_profiled = arguments.get(4).is_some();
    let dtype = match dtype.as_str() {
        "f32" => Dtype::F32,
        "bf16" => Dtype::BF16,
        "q8_0" => Dtype::Q8_0,
        "q4_0" => Dtype::Q4_0,
        "q4_k" => Dtype::Q4K,
        _ => Dtype::F16,
    };
    for size in sizes.split(',') {
        let start = Instant::now();
        let weights = model(size, dtype).weights();
        let layers = weights.config().layers;
        println!(
            "\n{size} {dtype}, {:.0} million weights made in {:.1} s",
            numbers(&weights) as f64 * 1e-6,
            start.elapsed().as_secs_f64()
        );
        for is_profiled in if is_profiled { vec![false, true] } else { vec![false] } {
            let mut settings = Settings::default();
            (settings.adapter, settings.profile) = (device.parse().unwrap_or_default(), is_profiled);
            let backend = Wgpu::with(settings);
            let mut options = LoadOptions::default();
            (options.slots, options.max_tokens) = (SEQUENCES, 2048);
            let start = Instant::now();
            let mut model = backend.load(&weights, &options)?;
            println!("{}; loaded in {:.2} s", model.report().kernels, start.elapsed().as_secs_f64());
            let mut slots = (0..SEQUENCES).map(|_| model.open_slot()).collect::<Result<Vec<_>, _>>()?;
            for &(sequences, tokens) in &works {
                let repeated = 64 / (sequences * tokens).clamp(1, 64);
                let seconds = median(&mut *model, &mut slots[..sequences], tokens, repeated, &backend)?;
                let spent = backend.profile();
                if is_profiled {
                    show(spent, RUNS * repeated, layers);
                    continue;
                }
                let bytes = 2.0 * numbers(&weights) as f64;
                println!(
                    "{sequences:3} sequences x {tokens:4} tokens: {:9.1} tokens/s, {:8.3} ms, {:7.1} GB/s as F16, {:6.1} TFLOP/s",
                    (sequences * tokens) as f64 / seconds,
                    seconds * 1e3,
                    bytes / seconds * 1e-9,
                    2.0 * numbers(&weights) as f64 * (sequences * tokens) as f64 / seconds * 1e-12,
                );
            }
        }
    }
    Ok(())
}

/// Weights that are read for every token.
fn numbers(weights: &Weights) -> usize {
    let config = weights.config();
    let c = config.channels;
    let ranks: usize = config.ranks.iter().map(|r| 2 * c * (r.decay + r.rate + r.value + r.gate)).sum();
    config.layers * (4 * c * c + 2 * c * config.ffn) + ranks + config.vocab * c
}

fn model(size: &str, dtype: Dtype) -> TinyModel {
    let (layers, channels, [decay, rate, value, gate]) = match size {
        "0.1B" => (12, 768, [64, 64, 32, 128]),
        "0.4B" => (24, 1024, [64, 64, 32, 128]),
        "2.9B" => (32, 2560, [96, 96, 64, 320]),
        "wide" => (1, 4096, [96, 96, 64, 320]),
        _ => (24, 2048, [96, 96, 64, 256]),
    };
    TinyModel {
        layers,
        channels,
        head_size: 64,
        ffn: 4 * channels,
        vocab: if size == "wide" { 131_072 } else { 65_536 },
        ranks: vec![Ranks { decay, rate, value, gate }],
        ..TinyModel::of(dtype)
    }
}

/// Seconds of one forward of so many tokens of each sequence.
fn median(
    model: &mut dyn Model,
    slots: &mut [Slot],
    tokens: usize,
    repeated: usize,
    backend: &Wgpu,
) -> Result<f64, Error> {
    let mut seconds = Vec::new();
    let mut outputs = Outputs::new();
    for run in 0..=RUNS {
        let start = Instant::now();
        for n in 0..repeated {
            let tokens: Vec<u32> =
                (0..tokens).map(|t| ((run * 7919 + n * 104_729 + t * 31) % 65_536) as u32).collect();
            let steps = slots.iter_mut().map(|slot| Step::new(slot, &tokens, Want::Top(8))).collect();
            let batch = Batch::new(model.info(), steps)?;
            model.forward(&batch, &mut outputs)?;
        }
        if run > 0 {
            seconds.push(start.elapsed().as_secs_f64() / repeated as f64);
        } else {
            let _ = backend.profile(); // the first run warms up
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[RUNS / 2])
}

fn show(spent: BTreeMap<String, wkv7_wgpu::Spent>, forwards: usize, layers: usize) {
    let mut kernels: Vec<_> = spent.into_iter().collect();
    kernels.sort_by(|a, b| b.1.seconds.total_cmp(&a.1.seconds));
    let all: f64 = kernels.iter().map(|(_, spent)| spent.seconds).sum();
    println!(
        "  {:.3} ms a forward on the device, {:.1} us a layer",
        all / forwards as f64 * 1e3,
        all / forwards as f64 / layers as f64 * 1e6
    );
    for (name, spent) in kernels.iter().take(14) {
        let each = spent.seconds / spent.count as f64 * 1e6;
        println!(
            "    {name:34} {:6.1} a forward, {each:8.2} us each, {:4.1} %",
            spent.count as f64 / forwards as f64,
            100.0 * spent.seconds / all
        );
    }
}
