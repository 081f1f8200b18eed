//! What a pass does, as kernels read it: its tokens, its sequences, the rows that something is wanted of.

use wkv7_core::{Batch, Want};

use crate::top;

/// Tokens in the pass.
pub(crate) const TOKENS_WORD: u32 = 0;
/// Rows that go into the head.
pub(crate) const HEAD_WORD: u32 = 1;
/// The first of them of which only the largest logits are wanted.
const FIRST_TOP_WORD: usize = 2;
/// How many of those.
const TOP_WORD: usize = 3;
const HEADER: usize = 4;

// Flags of a token; the same as in `bindings.wgsl`.
const FIRST: u32 = 1;
const LAST: u32 = 2;
const PARITY: u32 = 4;

/// How much of everything a pass has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) tokens: usize,
    pub(crate) sequences: usize,
    /// Rows of which all logits go to the host.
    pub(crate) logits: usize,
    /// Rows of which the largest logits do.
    pub(crate) tops: usize,
    /// How many of the largest.
    pub(crate) top: usize,
    /// Rows that go to the host themselves.
    pub(crate) hidden: usize,
}

impl Extent {
    /// Rows that go into the head.
    pub(crate) fn head(&self) -> usize {
        self.logits + self.tops
    }

    /// Rows that something is wanted of.
    pub(crate) fn wanted(&self) -> usize {
        self.head() + self.hidden
    }
}

/// What becomes of the wanted rows of a step, in the order in which they lie in a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All logits go to the host.
    Logits,
    /// So many of the largest do.
    Top(usize),
    /// The row does.
    Hidden,
}

impl Fate {
    /// More of the largest logits than the device selects are selected on the host.
    pub(crate) fn of(want: Want) -> Self {
        match want {
            Want::Hidden => Self::Hidden,
            Want::Top(count) if count <= top::LIMIT => Self::Top(count),
            Want::Nothing | Want::Last | Want::All | Want::Top(_) => Self::Logits,
        }
    }
}

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
    /// The largest logits that the device selects at most.
    pub(crate) top: usize,
}

impl Lists {
    pub(crate) fn new(limit: usize, vocab: usize) -> Self {
        let (tokens, sequences) = (HEADER, HEADER + 2 * limit);
        let wanted = sequences + 4 * limit;
        let words = (wanted + limit).next_multiple_of(4);
        Self { tokens, sequences, wanted, words, top: top::LIMIT.min(vocab) }
    }
}

/// Tokens of one step that a pass takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) step: usize,
    pub(crate) tokens: std::ops::Range<usize>,
    pub(crate) wanted: usize, // so many of the last of them
    pub(crate) fate: Fate,    // of those
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
            Want::Last | Want::Top(1..) if rows == 0 => left.saturating_sub(1).min(room),
            Want::Nothing | Want::Last | Want::Top(_) | Want::Hidden => left.min(room),
        };
        let ends = count > 0 && count == left;
        let (head, hidden) = (step.want.head_rows(count, ends), step.want.hidden_rows(count, ends));
        if count > 0 {
            let (tokens, fate) = (*done..*done + count, Fate::of(step.want));
            pieces.push(Piece { step: number, tokens, wanted: head + hidden, fate });
        }
        (*done, room, rows) = (*done + count, room - count, rows - head);
        if count < left {
            break; // what is returned keeps the order of steps
        }
    }
    pieces
}

/// The words of a pass, into `words`; `pasts` has slot and parity of each piece.
pub(crate) fn write(lists: &Lists, pieces: &[Piece], pasts: &[(usize, u32)], words: &mut Vec<u32>) -> Extent {
    words.clear();
    words.resize(lists.words, 0);
    let mut extent = Extent { sequences: pieces.len(), ..Extent::default() };
    for piece in pieces {
        match piece.fate {
            Fate::Logits => extent.logits += piece.wanted,
            Fate::Top(count) => {
                extent.tops += piece.wanted;
                extent.top = extent.top.max(count.min(lists.top) * piece.wanted);
            }
            Fate::Hidden => extent.hidden += piece.wanted,
        }
    }
    let [mut logits, mut tops, mut hidden] = [0, extent.logits, extent.head()];
    for (sequence, (piece, &(slot, parity))) in pieces.iter().zip(pasts).enumerate() {
        let (row, count) = (extent.tokens, piece.tokens.len());
        let at = lists.sequences + 4 * sequence;
        words[at..at + 3].copy_from_slice(&[row as u32, count as u32, slot as u32]);
        for token in 0..count {
            let flag = |is: bool, flag: u32| if is { flag } else { 0 };
            let flags = flag(token == 0, FIRST) | flag(token + 1 == count, LAST) | (PARITY * parity);
            let at = lists.tokens + 2 * (row + token);
            words[at..at + 2].copy_from_slice(&[flags, slot as u32]);
        }
        let place = match piece.fate {
            Fate::Logits => &mut logits,
            Fate::Top(_) => &mut tops,
            Fate::Hidden => &mut hidden,
        };
        for token in count - piece.wanted..count {
            words[lists.wanted + *place] = (row + token) as u32;
            *place += 1;
        }
        extent.tokens += count;
    }
    words[TOKENS_WORD as usize] = extent.tokens as u32;
    words[HEAD_WORD as usize] = extent.head() as u32;
    words[FIRST_TOP_WORD] = extent.logits as u32;
    words[TOP_WORD] = extent.top as u32;
    extent
}
