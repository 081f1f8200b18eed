//! Verification: one model judged by another on the same tokens.

use std::fmt;

use serde::Serialize;

use crate::softmax::{argmax, divergence};
use crate::{Error, Model, State};

/// How far a candidate is from its reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The model under test.
    pub candidate: Side,
    /// The model that judges.
    pub reference: Side,
    /// Tokens that both were fed.
    pub tokens: usize,
    /// Largest absolute difference of any logit.
    pub max_error: f64,
    /// Norm of the difference of all logits over the norm of the reference's.
    pub relative_error: f64,
    /// Part of the positions at which both find the same token most likely.
    pub greedy_agreement: f64,
    /// Mean over positions of the Kullback-Leibler divergence from the reference, in nats.
    pub mean_divergence: f64,
    /// Largest of those.
    pub max_divergence: f64,
    /// Each position.
    pub positions: Vec<Position>,
    /// Each layer, after the last token.
    pub layers: Vec<Drift>,
}

/// One of two models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Its backend.
    pub backend: &'static str,
    /// Its fingerprint.
    pub fingerprint: String,
}

/// The logits after one token.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Position {
    /// The token that was fed.
    pub token: u32,
    /// Largest absolute difference of a logit.
    pub max_error: f64,
    /// Norm of the difference over the norm of the reference.
    pub relative_error: f64,
    /// Kullback-Leibler divergence from the reference, in nats.
    pub divergence: f64,
    /// Whether both find the same token most likely.
    pub agree: bool,
}

/// Relative difference (norm over norm) of one layer's state.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Drift {
    /// The layer, from 0.
    pub layer: usize,
    /// Of its last time mix input.
    pub att_shift: f64,
    /// Of its recurrent memory.
    pub wkv: f64,
    /// Of its last channel mix input.
    pub ffn_shift: f64,
}

/// Feeds `tokens` to both models from fresh sessions and compares all logits and the final states.
///
/// The models may differ in backend, element type or file; the first layer whose drift stands out is where
/// to look.
///
/// # Errors
/// [`Error::Incomparable`] for other sizes, [`Error::Empty`] for no tokens, and those of [`crate::Session`].
pub fn verify(candidate: &Model, reference: &Model, tokens: &[u32]) -> Result<Report, Error> {
    comparable(candidate, reference)?;
    if tokens.is_empty() {
        return Err(Error::Empty("no tokens to compare on"));
    }
    let (mut tested, mut judge) = (candidate.session()?, reference.session()?);
    let vocab = reference.config().vocab;
    let mut positions = Vec::with_capacity(tokens.len());
    let mut sum = Norms::default();
    let chunk = (CHUNK / vocab.max(1)).max(1);
    for chunk in tokens.chunks(chunk) {
        let (got, want) = (tested.feed_all(chunk)?, judge.feed_all(chunk)?);
        for ((&token, got), want) in chunk.iter().zip(got.chunks_exact(vocab)).zip(want.chunks_exact(vocab)) {
            let norms = Norms::of(got, want);
            positions.push(Position {
                token,
                max_error: norms.max,
                relative_error: norms.relative(),
                divergence: divergence(want, got),
                agree: argmax(got) == argmax(want),
            });
            sum.add(&norms);
        }
    }
    let layers = drifts(&tested.state()?, &judge.state()?, reference.config().layers);
    let count = positions.len() as f64;
    let side = |model: &Model| Side {
        backend: model.info().backend,
        fingerprint: model.info().fingerprint.to_string(),
    };
    Ok(Report {
        candidate: side(candidate),
        reference: side(reference),
        tokens: positions.len(),
        max_error: sum.max,
        relative_error: sum.relative(),
        greedy_agreement: positions.iter().filter(|position| position.agree).count() as f64 / count,
        mean_divergence: positions.iter().map(|position| position.divergence).sum::<f64>() / count,
        max_divergence: positions.iter().map(|position| position.divergence).fold(0.0, worse),
        positions,
        layers,
    })
}

/// Logits of each model held at once.
const CHUNK: usize = 4 << 20;

fn comparable(candidate: &Model, reference: &Model) -> Result<(), Error> {
    let (got, want) = (candidate.config(), reference.config());
    let sizes = [
        ("the vocabulary", got.vocab, want.vocab),
        ("the number of layers", got.layers, want.layers),
        ("the number of channels", got.channels, want.channels),
        ("the head size", got.head_size, want.head_size),
    ];
    match sizes.into_iter().find(|(_, got, want)| got != want) {
        Some((what, candidate, reference)) => Err(Error::Incomparable { what, candidate, reference }),
        None => Ok(()),
    }
}

/// The larger, where not-a-number is larger than all: a broken candidate must not look good.
fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// Sums over numbers and what they should have been.
#[derive(Debug, Clone, Copy, Default)]
struct Norms {
    difference: f64, // squared
    want: f64,       // squared
    max: f64,
}

impl Norms {
    fn of(got: &[f32], want: &[f32]) -> Self {
        let mut norms = Self::default();
        for (got, want) in got.iter().zip(want) {
            let (got, want) = (f64::from(*got), f64::from(*want));
            norms.difference += (got - want).powi(2);
            norms.want += want.powi(2);
            norms.max = worse((got - want).abs(), norms.max);
        }
        norms
    }

    fn add(&mut self, other: &Self) {
        self.difference += other.difference;
        self.want += other.want;
        self.max = worse(other.max, self.max);
    }

    /// Norm of the difference over the norm of what should have been.
    fn relative(&self) -> f64 {
        if self.difference == 0.0 { 0.0 } else { (self.difference / self.want).sqrt() }
    }
}

fn drifts(got: &State, want: &State, layers: usize) -> Vec<Drift> {
    let part = |got: &[f32], want: &[f32], layer: usize| {
        let size = want.len() / layers.max(1);
        let range = layer * size..(layer + 1) * size;
        Norms::of(&got[range.clone()], &want[range]).relative()
    };
    (0..layers)
        .map(|layer| Drift {
            layer,
            att_shift: part(&got.att_shift, &want.att_shift, layer),
            wkv: part(&got.wkv, &want.wkv, layer),
            ffn_shift: part(&got.ffn_shift, &want.ffn_shift, layer),
        })
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &Side| format!("{} ({})", side.backend, side.fingerprint);
        writeln!(f, "candidate         {}", side(&self.candidate))?;
        writeln!(f, "reference         {}", side(&self.reference))?;
        writeln!(f, "tokens            {}", self.tokens)?;
        writeln!(f, "logit error       max {:.3e}, relative {:.3e}", self.max_error, self.relative_error)?;
        writeln!(f, "greedy agreement  {:.2} %", 100.0 * self.greedy_agreement)?;
        writeln!(
            f,
            "KL divergence     mean {:.3e}, max {:.3e} nats",
            self.mean_divergence, self.max_divergence
        )?;
        let worst = self.positions.iter().enumerate();
        let worst = worst.max_by(|(_, a), (_, b)| a.relative_error.total_cmp(&b.relative_error));
        if let Some((index, position)) = worst {
            let (token, error) = (position.token, position.relative_error);
            writeln!(f, "worst position    {index} (token {token}), relative {error:.3e}")?;
        }
        writeln!(f, "\nstate drift, relative, after the last token")?;
        writeln!(f, "{:>5}  {:>10}  {:>10}  {:>10}", "layer", "att_shift", "wkv", "ffn_shift")?;
        for Drift { layer, att_shift, wkv, ffn_shift } in &self.layers {
            writeln!(f, "{layer:>5}  {att_shift:>10.3e}  {wkv:>10.3e}  {ffn_shift:>10.3e}")?;
        }
        Ok(())
    }
}
