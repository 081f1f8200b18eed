//! The wgpu backend of wkv7 beside web-rwkv: the same adapter, the same weights in F16, runs in turns.
//!
//! ```sh
//! cargo run --release -- MODEL --adapter llvmpipe --decode 8 --prefill 64 --pairs 5 --json record.json
//! ```
//!
//! Every run of both engines ends with the logits of the last token on the host. Before anything is timed, the logits of
//! one prompt are compared: engines that do not compute the same are not measured.

mod ours;
mod report;
mod theirs;
mod weights;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use ours::Ours;
use report::{HEADER, Row};
use serde_json::json;
use theirs::Theirs;
use wkv7_core::Weights;

/// How far the logits may lie apart, relative L2: web-rwkv keeps activations in F16.
const APART: f64 = 5e-2;
/// Sequences of a batch.
const BATCH: usize = 8;

/// An engine with [`BATCH`] sequences.
pub trait Engine {
    /// Feeds each sequence its tokens, in order; returns the logits of the last token of all that got some.
    fn feed(&mut self, tokens: &[&[u32]]) -> Result<&[f32]>;
}

struct Arguments {
    model: PathBuf,
    adapter: String,
    decode: usize,
    prefill: usize,
    pairs: usize,
    json: Option<PathBuf>,
}

impl Arguments {
    fn read() -> Result<Self> {
        let mut own = Self {
            model: PathBuf::new(),
            adapter: "llvmpipe".to_owned(),
            decode: 8,
            prefill: 512,
            pairs: 5,
            json: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| anyhow::anyhow!("{word} wants a value"));
            match word.as_str() {
                "--adapter" => own.adapter = value()?,
                "--decode" => own.decode = value()?.parse()?,
                "--prefill" => own.prefill = value()?.parse()?,
                "--pairs" => own.pairs = value()?.parse()?,
                "--json" => own.json = Some(value()?.into()),
                _ if own.model.as_os_str().is_empty() && !word.starts_with('-') => own.model = word.into(),
                _ => bail!(
                    "`{word}` is no argument; there are MODEL, --adapter, --decode, --prefill, --pairs, --json"
                ),
            }
        }
        ensure!(!own.model.as_os_str().is_empty(), "name a model");
        Ok(own)
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::read()?;
    let file = std::env::temp_dir().join(format!("wkv7-peer-{}.st", std::process::id()));
    let measured =
        weights::halve(&arguments.model, &file).and_then(|weights| measure(&arguments, &weights, &file));
    std::fs::remove_file(&file)?;
    let rows = measured?;
    if let Some(path) = &arguments.json {
        let name = arguments.model.file_name().map(|name| name.to_string_lossy().into_owned());
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        let record = json!({ "model": name, "adapter": arguments.adapter, "rows": rows });
        std::fs::write(path, serde_json::to_string_pretty(&record)? + "\n")?;
    }
    Ok(())
}

fn measure(arguments: &Arguments, weights: &Weights, file: &Path) -> Result<Vec<Row>> {
    let mut ours = Ours::open(weights, &arguments.adapter, BATCH)?;
    let mut theirs = Theirs::open(file, &arguments.adapter, BATCH)?;
    let engines: [&mut dyn Engine; 2] = [&mut ours, &mut theirs];
    let vocab = compare(engines)?;

    let mut tokens = Tokens(1, vocab);
    let mut rows = Vec::new();
    println!("{HEADER}");
    let prefill = format!("prefill of {}", arguments.prefill);
    for (name, count, sequences, repeated) in [
        ("decode".to_owned(), 1, 1, arguments.decode),
        (format!("batch of {BATCH}"), 1, BATCH, arguments.decode.div_ceil(BATCH)),
        (prefill, arguments.prefill, 1, 1),
    ] {
        let mut row = Row { name, tokens: count * sequences * repeated, seconds: Vec::new() };
        for pair in 0..=arguments.pairs {
            let lists: Vec<Vec<u32>> = (0..sequences).map(|_| tokens.take(count)).collect();
            let lists: Vec<&[u32]> = lists.iter().map(Vec::as_slice).collect();
            let mut seconds = [0.0; 2];
            let engines: [&mut dyn Engine; 2] = [&mut ours, &mut theirs];
            for (engine, seconds) in engines.into_iter().zip(&mut seconds) {
                let begun = Instant::now();
                for _ in 0..repeated {
                    engine.feed(&lists)?;
                }
                *seconds = begun.elapsed().as_secs_f64();
            }
            // The first pair makes room and compiles.
            if pair > 0 {
                row.seconds.push(seconds);
            }
        }
        println!("{}", row.line());
        rows.push(row);
    }
    Ok(rows)
}

/// Feeds both the same and holds their logits against each other; returns the size of the vocabulary.
fn compare(engines: [&mut dyn Engine; 2]) -> Result<usize> {
    let tokens: Vec<u32> = (1..20).collect();
    let [ours, theirs] = engines.map(|engine| engine.feed(&[&tokens]).map(<[f32]>::to_vec));
    let (ours, theirs) = (ours?, theirs?);
    ensure!(ours.len() == theirs.len(), "{} logits beside {}", ours.len(), theirs.len());
    let square = |pairs: &mut dyn Iterator<Item = f64>| pairs.map(|x| x * x).sum::<f64>().sqrt();
    let apart = square(&mut ours.iter().zip(&theirs).map(|(a, b)| f64::from(a - b)))
        / square(&mut ours.iter().map(|a| f64::from(*a)));
    println!("logits of the same prompt lie {apart:.1e} apart (relative L2)");
    ensure!(apart < APART, "the engines do not compute the same");
    Ok(ours.len())
}

/// Tokens without a pattern.
struct Tokens(u64, usize);

impl Tokens {
    fn take(&mut self, count: usize) -> Vec<u32> {
        let mut next = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 33) % self.1 as u64) as u32
        };
        (0..count).map(|_| next()).collect()
    }
}
