//! scratch
use std::time::Instant;
use wkv7_train::{data::*, *};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n = |i: usize| args[i].parse::<f64>().unwrap();
    let (layers, channels, batch, steps, lr) = (n(2) as usize, n(3) as usize, n(4) as usize, n(5) as u64, n(6));
    let ctx = n(7) as usize;
    let dataset = Dataset::open(std::path::Path::new(&args[1]), 1024).unwrap().hold_out(0.001).unwrap();
    let batches = dataset.batches(ctx, batch, 0).unwrap();
    let held = dataset.held_out(ctx, batch).unwrap();
    let new = NewModel { layers, channels, head_size: 64, vocab: 1024, ffn: None, ranks: None };
    let layout = new.layout().unwrap();
    let parameters = initialise(&layout, 1).unwrap();
    let trained = Trained::all(&layout);
    let tokens_per_step = (batch * ctx) as u64;
    let mut settings = Settings { optimizer: AdamW::default(), schedule: Schedule::constant(lr), numerics: Default::default() };
    settings.optimizer.weight_decay = 0.1;
    settings.numerics.threads = Some(2);
    settings.schedule = Schedule { first: lr, warmup_steps: 20, warmup: schedule::Warmup::Once,
        course: schedule::Course::Cosine { last: lr / 20.0, tokens_per_step, exit_tokens: steps * tokens_per_step } };
    println!("{} parameters, {} tokens of data", layout.parameters(), dataset.tokens());
    let moments = Moments::new(&layout);
    let mut trainer = Trainer::new(wkv7_cpu::Path::choose().unwrap(), layout, parameters, moments, trained, settings, 0).unwrap();
    let start = Instant::now();
    let mut mean = 0.0;
    for step in 0..steps {
        let report = trainer.step(&batches.get(step).unwrap()).unwrap();
        mean += report.score.mean() / 20.0;
        if step % 20 == 19 {
            let secs = start.elapsed().as_secs_f64();
            println!("{:5} loss {:.4} norm {:.3} rate {:.2e}  {:.0} tokens/s  {:.0} s", step + 1, mean, report.norm, report.rate, (step + 1) as f64 * tokens_per_step as f64 / secs, secs);
            mean = 0.0;
        }
        if step % 200 == 199 || step + 1 == steps {
            println!("held out {:.4}", trainer.evaluate(&held).unwrap().mean());
            files::save(trainer.layout(), trainer.parameters(), std::path::Path::new(&args[8]), wkv7_core::Dtype::F32, &Default::default(), &mut |_, _| true).unwrap();
        }
    }
}
