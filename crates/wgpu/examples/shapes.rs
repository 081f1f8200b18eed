//! Which shape of products suits an adapter: tokens per second of both, in turns, on two layers of the 0.1B model's width.
//!
//! `cargo run --release -p wkv7-wgpu --example shapes -- llvmpipe`

use std::time::Instant;

use wkv7_core::{Backend as _, Batch, Dtype, Error, LoadOptions, Outputs, Step, Want};
use wkv7_testkit::TinyModel;
use wkv7_wgpu::{Settings, Shape, Wgpu};

/// Turns that are counted, after one that is not.
const TURNS: usize = 3;

fn main() -> Result<(), Error> {
    let place = std::env::args().nth(1).unwrap_or_default();
    let tiny = TinyModel { channels: 768, head_size: 64, ffn: 3072, ..TinyModel::default() };
    let weights = tiny.in_dtype(Dtype::F16).weights();
    let mut models = Vec::new();
    for shape in [Shape::Narrow, Shape::Wide] {
        let mut settings = Settings::default();
        (settings.adapter, settings.shape) = (place.parse().unwrap_or_default(), Some(shape));
        let mut options = LoadOptions::default();
        (options.slots, options.max_tokens) = (1, 64);
        let mut model = Wgpu::with(settings).load(&weights, &options)?;
        let slot = model.open_slot()?;
        models.push((shape, model, slot));
    }
    for tokens in [1, 8, 64] {
        let mut speeds = [Vec::new(), Vec::new()];
        for turn in 0..=TURNS {
            for ((_, model, slot), speeds) in models.iter_mut().zip(&mut speeds) {
                let tokens = vec![1; tokens];
                let batch = Batch::new(model.info(), vec![Step::new(slot, &tokens, Want::Nothing)])?;
                let start = Instant::now();
                model.forward(&batch, &mut Outputs::new())?;
                if turn > 0 {
                    speeds.push(tokens.len() as f64 / start.elapsed().as_secs_f64());
                }
            }
        }
        for ((shape, ..), speeds) in models.iter().zip(&mut speeds) {
            speeds.sort_by(f64::total_cmp);
            println!("{tokens:3} tokens, {shape:?}: {:.2} tokens/s", speeds[TURNS / 2]);
        }
    }
    Ok(())
}
