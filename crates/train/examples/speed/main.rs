//! How fast a model trains, alone or beside another engine.
//!
//! ```text
//! speed LAYERS CHANNELS [--vocab 4096] [--context 512] [--batch 8] [--threads 2] [--seed 1] [--rows N]
//!       [--precision f32|bf16] [--steps 7]
//! speed LAYERS CHANNELS ... --serve
//! ```
//!
//! The first prints one line for people. The second answers commands on standard input, one line of JSON for each, so
//! that another program can let engines take turns in one run (`cargo xtask bench train`).

mod case;
mod machine;
mod serve;

use std::process::ExitCode;
use std::time::Duration;

use case::Case;

/// What all of it may fail with.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Long enough for the clock of the processor to settle.
const CEILING: Duration = Duration::from_millis(600);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let (case, asked) = case::parse(std::env::args().skip(1))?;
    if asked.serve { serve::run(&case) } else { show(&case, asked.steps) }
}

/// Times some steps and prints what they come to.
fn show(case: &Case, steps: usize) -> Result<()> {
    let mut trainer = case.trainer()?;
    let mut stream = case.stream();
    trainer.step(&stream.batch(case))?; // what it allocates is there then
    let before = machine::cpu_seconds();
    let mut times = Vec::new();
    for _ in 0..steps.max(1) {
        let batch = stream.batch(case);
        let begin = std::time::Instant::now();
        trainer.step(&batch)?;
        times.push(begin.elapsed().as_secs_f64());
    }
    let spent = machine::cpu_seconds() - before;
    times.sort_by(f64::total_cmp);
    let peak = wkv7_cpu::Ceiling::measure(case.threads, CEILING)?.fma_flops;
    let tokens = (case.batch * case.context) as f64;
    let flops = case.flops_per_token();
    let rate = tokens / times[times.len() / 2];
    // Of two threads on cores that others use too, what a step took of them says more than the clock.
    let own = tokens * times.len() as f64 * case.threads as f64 / spent;
    println!(
        "{rate:.0} tokens/s ({:.0} at best), {:.0} GFLOP/s of {:.0}: {:.1} %, {} MiB held; by CPU time {:.1} %",
        tokens / times[0],
        rate * flops / 1e9,
        peak / 1e9,
        100.0 * rate * flops / peak,
        trainer.bytes() >> 20,
        100.0 * own * flops / peak
    );
    Ok(())
}
