//! How fast a model trains: `speed LAYERS CHANNELS CONTEXT SEQUENCES [THREADS]`.

use std::time::{Duration, Instant};

use wkv7_train::numerics::{Batch, Numerics, Options};
use wkv7_train::NewModel;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [layers, channels, tokens, sequences, ..] = numbers[..] else {
        panic!("speed LAYERS CHANNELS CONTEXT SEQUENCES [THREADS]")
    };
    let threads = numbers.get(4).copied().unwrap_or(2);
    let new = NewModel { layers, channels, vocab: 512, head_size: 64, ffn: None, ranks: None };
    let config = new.config().expect("sizes");
    let layout = new.layout().expect("sizes");
    let parameters = wkv7_train::initialise(&layout, 1).expect("a start");
    let mut options = Options::default();
    options.threads = Some(threads);
    if let Ok(rows) = std::env::var("ROWS") {
        options.rows = rows.parse().expect("rows");
    }
    let path = wkv7_cpu::Path::choose().expect("a path");
    let mut engine = <dyn Numerics>::new(path, &layout, &options).expect("an engine");
    let all: Vec<u32> = (0..sequences * tokens).map(|n| (n * 7919 % 509) as u32).collect();
    let batch = Batch { inputs: &all, targets: &all, tokens };
    let mut gradients = layout.zeros();
    let mut times = Vec::new();
    engine.gradients(&parameters, &[], batch, &mut gradients, &mut []).expect("a batch");
    let before = cpu();
    for _ in 0..7 {
        let start = Instant::now();
        engine.gradients(&parameters, &[], batch, &mut gradients, &mut []).expect("a batch");
        times.push(start.elapsed().as_secs_f64());
    }
    let spent = (cpu() - before) / 7.0;
    times.sort_by(f64::total_cmp);
    let ceiling = wkv7_cpu::Ceiling::measure(threads, Duration::from_millis(300)).expect("a machine");
    let matrices: usize = config.ranks.iter().map(|r| {
        4 * channels * channels + 2 * channels * config.ffn + 2 * channels * (r.decay + r.rate + r.value + r.gate)
    }).sum::<usize>() + config.vocab * channels;
    let flops = 6.0 * matrices as f64 + 3.0 * 9.0 * (layers * channels * 64) as f64;
    let (best, median) = (times[0], times[3]);
    let rate = (sequences * tokens) as f64 / median;
    println!("{rate:.0} tokens/s ({:.0} at best), {:.0} GFLOP/s of {:.0}: {:.1} %, {} MB held; by CPU time {:.1} %",
        (sequences * tokens) as f64 / best,
        rate * flops / 1e9, ceiling.fma_flops / 1e9, 100.0 * rate * flops / ceiling.fma_flops, engine.bytes() >> 20,
        100.0 * (sequences * tokens) as f64 / (spent / threads as f64) * flops / ceiling.fma_flops);
}

/// Seconds of CPU time that this process has had.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    (fields.get(13).unwrap_or(&0.0) + fields.get(14).unwrap_or(&0.0)) / 100.0
}
