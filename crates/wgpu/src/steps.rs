//! What a pass does, as kernels read it: its tokens, its sequences, the rows whose logits are wanted.

use wkv7_core::{Batch, Want};

/// Tokens in the pass.
pub(crate) const TOKENS_WORD: u32 = 0;
/// Rows whose logits are wanted.
pub(crate) const WANTED_WORD: u32 = 1;
const HEADER: usize = 4;

// Flags of a token; the same as in `bindings.wgsl`.
const FIRST: u32 = 1;
const LAST: u32 = 2;
const PARITY: u32 = 4;

/// Where the lists begin in the words of a pass of at most so many tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lists {
    /// `[tokens, 2]`: flags, slot.
    pub(crate) tokens: usize,
    /// `[sequences, 4]`: first token, tokens, slot, 0.
    pub(crate) sequences: usize,
    /// `[wanted]`: rows.
    pub(crate) wanted: usize,
    /// Words in all.
    pub(crate) words: usize,
}

impl Lists {
    pub(crate) fn new(limit: usize) -> Self {
        let (tokens, sequences) = (HEADER, HEADER + 2 * limit);
        let wanted = sequences + 4 * limit;
        Self { tokens, sequences, wanted, words: (wanted + limit).next_multiple_of(4) }
    }
}

/// Tokens of one step that a pass takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) step: usize,
    pub(crate) tokens: std::ops::Range<usize>,
    pub(crate) wanted: usize, // of the last of them
}

/// The next tokens of `batch` for a pass of at most `limit` tokens and `rows` rows of logits; `done` says, for each step,
/// how many have gone, and is moved on.
pub(crate) fn lay_out(batch: &Batch<'_>, done: &mut [usize], limit: usize, rows: usize) -> Vec<Piece> {
    let (mut pieces, mut room, mut rows) = (Vec::new(), limit, rows);
    for (number, (step, done)) in batch.steps().iter().zip(done).enumerate() {
        let left = step.tokens.len() - *done;
        let count = match step.want {
            Want::All => left.min(room).min(rows),
            // Its last token waits for a row.
            Want::Last if rows == 0 => left.saturating_sub(1).min(room),
            Want::Last | Want::Nothing => left.min(room),
        };
        let ends = count > 0 && count == left;
        let wanted = match step.want {
            Want::Nothing => 0,
            Want::Last => usize::from(ends),
            Want::All => count,
        };
        if count > 0 {
            pieces.push(Piece { step: number, tokens: *done..*done + count, wanted });
        }
        (*done, room, rows) = (*done + count, room - count, rows - wanted);
        if count < left {
            break; // logits keep the order of steps
        }
    }
    pieces
}

/// The words of a pass, into `words`; `pasts` has slot and parity of each piece. Returns (sequences, rows wanted).
pub(crate) fn write(
    lists: &Lists,
    pieces: &[Piece],
    pasts: &[(usize, u32)],
    words: &mut Vec<u32>,
) -> (usize, usize) {
    words.clear();
    words.resize(lists.words, 0);
    let (mut row, mut wanted) = (0, 0);
    for (sequence, (piece, &(slot, parity))) in pieces.iter().zip(pasts).enumerate() {
        let count = piece.tokens.len();
        let at = lists.sequences + 4 * sequence;
        words[at..at + 3].copy_from_slice(&[row as u32, count as u32, slot as u32]);
        for token in 0..count {
            let flag = |is: bool, flag: u32| if is { flag } else { 0 };
            let flags = flag(token == 0, FIRST) | flag(token + 1 == count, LAST) | (PARITY * parity);
            let at = lists.tokens + 2 * (row + token);
            words[at..at + 2].copy_from_slice(&[flags, slot as u32]);
        }
        for token in count - piece.wanted..count {
            words[lists.wanted + wanted] = (row + token) as u32;
            wanted += 1;
        }
        row += count;
    }
    words[TOKENS_WORD as usize] = row as u32;
    words[WANTED_WORD as usize] = wanted as u32;
    (pieces.len(), wanted)
}
