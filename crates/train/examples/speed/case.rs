//! What is timed: a model of some size, its weights and its batches, all from a seed.

use wkv7_train::data::Batch;
use wkv7_train::numerics::{Options, Precision};
use wkv7_train::{AdamW, Layout, Moments, NewModel, Random, Schedule, Settings, Trained, Trainer};

use crate::Result;

/// Added to every weight of a new model, so that no gradient is zero because a matrix still is.
const NOISE: f64 = 0.05;
/// The optimizer's settings, those of the official trainer's example.
const RATE: f64 = 6e-4;
const WEIGHT_DECAY: f64 = 0.001;

/// A model and how it is trained.
#[derive(Debug, Clone)]
pub struct Case {
    pub layers: usize,
    pub channels: usize,
    pub vocab: usize,
    /// Tokens of a sequence.
    pub context: usize,
    /// Sequences of a step.
    pub batch: usize,
    pub threads: usize,
    pub seed: u64,
    /// Tokens that go through the model at a time; the trainer's own choice where `None`.
    pub rows: Option<usize>,
    pub precision: Precision,
}

/// What is to be done with it.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub serve: bool,
    pub steps: usize,
}

/// The command line.
pub fn parse(words: impl Iterator<Item = String>) -> Result<(Case, Asked)> {
    let mut sizes = Vec::new();
    let mut case = Case {
        layers: 0,
        channels: 0,
        vocab: 4096,
        context: 512,
        batch: 8,
        threads: 2,
        seed: 1,
        rows: None,
        precision: Precision::F32,
    };
    let mut asked = Asked { serve: false, steps: 7 };
    let mut words = words;
    while let Some(word) = words.next() {
        let mut text = || words.next().ok_or_else(|| format!("{word} wants something behind it"));
        if word == "--precision" {
            case.precision = text()?.parse()?;
            continue;
        }
        let mut number = || -> Result<usize> {
            let text = text()?;
            text.parse().map_err(|_| format!("{word} wants a number, found {text}").into())
        };
        match word.as_str() {
            "--serve" => asked.serve = true,
            "--vocab" => case.vocab = number()?,
            "--context" => case.context = number()?,
            "--batch" => case.batch = number()?,
            "--threads" => case.threads = number()?,
            "--seed" => case.seed = number()? as u64,
            "--rows" => case.rows = Some(number()?),
            "--steps" => asked.steps = number()?,
            size => sizes.push(size.parse().map_err(|_| format!("expected a size or a flag, found {size}"))?),
        }
    }
    let [layers, channels] = sizes[..] else {
        return Err(format!("expected LAYERS CHANNELS, found {} sizes", sizes.len()).into());
    };
    if case.context == 0 || case.batch == 0 || case.threads == 0 || case.vocab == 0 {
        return Err("vocabulary, context, batch and threads are at least 1".into());
    }
    Ok((Case { layers, channels, ..case }, asked))
}

impl Case {
    fn model(&self) -> NewModel {
        let Self { layers, channels, vocab, .. } = *self;
        NewModel { layers, channels, vocab, head_size: 64, ffn: None, ranks: None }
    }

    pub fn layout(&self) -> Result<Layout> {
        Ok(self.model().layout()?)
    }

    /// The official initialisation and some noise; the first layer's unused tensors too, which is harmless.
    pub fn parameters(&self, layout: &Layout) -> Result<Vec<f32>> {
        let mut parameters = wkv7_train::initialise(layout, self.seed)?;
        for entry in layout.entries() {
            let mut random = Random::part(self.seed, &entry.name, 1);
            for value in &mut parameters[entry.range.clone()] {
                *value += random.between(-NOISE, NOISE) as f32;
            }
        }
        Ok(parameters)
    }

    pub fn options(&self) -> Options {
        let mut options = Options::default();
        options.threads = Some(self.threads);
        options.precision = self.precision;
        if let Some(rows) = self.rows {
            options.rows = rows;
        }
        options
    }

    /// Before the first step.
    pub fn trainer(&self) -> Result<Trainer> {
        let layout = self.layout()?;
        let parameters = self.parameters(&layout)?;
        let settings = Settings {
            optimizer: AdamW { weight_decay: WEIGHT_DECAY, ..AdamW::default() },
            schedule: Schedule::constant(RATE),
            numerics: self.options(),
        };
        let (moments, trained) = (Moments::new(&layout), Trained::all(&layout));
        Ok(Trainer::new(wkv7_cpu::Path::choose()?, layout, parameters, moments, trained, settings, 0)?)
    }

    /// The tokens of all batches.
    pub fn stream(&self) -> Stream {
        Stream(1)
    }

    /// Operations that training has to do for a token: three times those of the forward, which are two for each weight
    /// of a matrix and `9 * head_size` for each channel of a layer's recurrence. Nothing that is computed twice counts
    /// twice, nor does what is done number by number.
    pub fn flops_per_token(&self) -> f64 {
        const HEAD: usize = 64;
        let ranks = wkv7_train::default_ranks(self.channels);
        let (channels, ffn) = (self.channels, 4 * self.channels);
        let thin =
            |layer: usize| ranks.decay + ranks.rate + ranks.gate + if layer > 0 { ranks.value } else { 0 };
        let layer = |layer| 4 * channels * channels + 2 * channels * ffn + 2 * channels * thin(layer);
        let matrices: usize = (0..self.layers).map(layer).sum::<usize>() + self.vocab * channels;
        6.0 * matrices as f64 + 3.0 * 9.0 * (self.layers * channels * HEAD) as f64
    }
}

/// Token ids without a pattern, the same in every engine (`benches/peers/engines/driver.py` has the same).
#[derive(Debug)]
pub struct Stream(u64);

impl Stream {
    /// The next batch of them.
    pub fn batch(&mut self, case: &Case) -> Batch {
        let tokens = (0..case.batch * (case.context + 1)).map(|_| {
            self.0 = (self.0 * 1_103_515_245 + 12_345) % (1 << 31);
            ((self.0 >> 8) % case.vocab as u64) as u32
        });
        Batch { context: case.context, tokens: tokens.collect() }
    }
}
