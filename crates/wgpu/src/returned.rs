//! What a pass returns, given to the steps that asked for it.

use wkv7_core::{Batch, Config, Outputs, Top, Want, top};

use crate::steps::{Extent, Fate, Piece};
use crate::top::Places;

/// The words that a pass returned, each kind in the order of steps.
pub(crate) struct Returned<'a> {
    logits: &'a [[u8; 4]], // [rows, vocab]
    tops: &'a [[u8; 4]], // [rows, top_words]: logarithm of the sum of the exponentials, then pairs of id and logit
    hidden: &'a [[u8; 4]], // [rows, stride]
    top_words: usize,
    config: &'a Config,
}

impl<'a> Returned<'a> {
    /// `words` are of three parts of so many.
    pub(crate) fn new(words: &'a [[u8; 4]], parts: [usize; 3], extent: &Extent, config: &'a Config) -> Self {
        let (logits, rest) = words.split_at(parts[0].min(words.len()));
        let (tops, hidden) = rest.split_at(parts[1].min(rest.len()));
        Self { logits, tops, hidden, top_words: Places::top_words(extent.top), config }
    }

    /// Appends what each of `pieces` asked for to `outputs`.
    pub(crate) fn hand_over(mut self, batch: &Batch<'_>, pieces: &[Piece], outputs: &mut Outputs) {
        let (vocab, channels) = (self.config.vocab, self.config.channels);
        for piece in pieces {
            match (piece.fate, batch.steps()[piece.step].want) {
                (Fate::Logits, Want::Top(count)) => {
                    for row in take(&mut self.logits, piece.wanted * vocab).chunks_exact(vocab) {
                        top::largest(&numbers(row).collect::<Vec<_>>(), count, &mut outputs.tops);
                    }
                }
                (Fate::Logits, _) => {
                    outputs.logits.extend(numbers(take(&mut self.logits, piece.wanted * vocab)));
                }
                (Fate::Top(count), _) => {
                    for row in
                        take(&mut self.tops, piece.wanted * self.top_words).chunks_exact(self.top_words)
                    {
                        tops_of(row, count, &mut outputs.tops);
                    }
                }
                (Fate::Hidden, _) => {
                    let stride = channels.next_multiple_of(8);
                    for row in take(&mut self.hidden, piece.wanted * stride).chunks_exact(stride) {
                        outputs.hidden.extend(numbers(row).take(channels));
                    }
                }
            }
        }
    }
}

/// The next `count` of `words`; fewer where there are no more.
fn take<'a>(words: &mut &'a [[u8; 4]], count: usize) -> &'a [[u8; 4]] {
    let (own, rest) = words.split_at(count.min(words.len()));
    *words = rest;
    own
}

fn numbers(words: &[[u8; 4]]) -> impl Iterator<Item = f32> {
    words.iter().map(|word| f32::from_le_bytes(*word))
}

/// Appends the `count` largest of a row, at least so many of which the device left, to `tops`.
fn tops_of(row: &[[u8; 4]], count: usize, tops: &mut Vec<Top>) {
    let Some((sum, pairs)) = row.split_first() else { return };
    let sum = f64::from(f32::from_le_bytes(*sum));
    let (pairs, _) = pairs.as_chunks::<2>();
    let top = |[id, logit]: &[[u8; 4]; 2]| Top::new(u32::from_le_bytes(*id), f32::from_le_bytes(*logit), sum);
    tops.extend(pairs.iter().take(count).map(top));
}
