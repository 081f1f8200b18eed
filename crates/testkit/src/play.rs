//! Running a sequence through a model in chunks.

use wkv7_core::{Batch, Error, Model, Outputs, Slot, State, Step, Want};

/// What came of a sequence.
#[derive(Debug, Clone)]
pub struct Played {
    /// `[tokens, vocab]`: the logits after each token.
    pub logits: Vec<f32>,
    /// The state after the last token.
    pub state: State,
}

/// Feeds `tokens` to a fresh slot of `model`, `chunk` at a time, and closes the slot.
///
/// # Errors
/// Those of the model.
pub fn play(model: &mut dyn Model, tokens: &[u32], chunk: usize) -> Result<Played, Error> {
    let pieces: Vec<&[u32]> = tokens.chunks(chunk.max(1)).collect();
    play_pieces(model, &pieces)
}

/// Feeds `pieces`, one forward each, to a fresh slot of `model`, and closes the slot.
///
/// # Errors
/// Those of the model.
pub fn play_pieces(model: &mut dyn Model, pieces: &[&[u32]]) -> Result<Played, Error> {
    let mut slot = model.open_slot()?;
    let played = feed_all(model, &mut slot, pieces);
    model.close_slot(slot);
    played
}

fn feed_all(model: &mut dyn Model, slot: &mut Slot, pieces: &[&[u32]]) -> Result<Played, Error> {
    let mut logits = Vec::new();
    for piece in pieces {
        logits.extend(feed(model, slot, piece, Want::All)?);
    }
    Ok(Played { logits, state: model.read_state(slot)? })
}

/// One forward of one step; returns the logits it gave.
///
/// # Errors
/// Those of [`Batch::new`] and of the model.
pub fn feed(model: &mut dyn Model, slot: &mut Slot, tokens: &[u32], want: Want) -> Result<Vec<f32>, Error> {
    let batch = Batch::new(model.info(), vec![Step::new(slot, tokens, want)])?;
    let mut outputs = Outputs::new();
    model.forward(&batch, &mut outputs)?;
    Ok(outputs.logits)
}
