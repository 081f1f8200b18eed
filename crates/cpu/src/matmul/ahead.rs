//! What is asked for while products run. Memory would be idle meanwhile.

use std::slice::Chunks;

use super::next::Next;
use crate::arch::Isa;

/// Bytes that are asked for at once.
const LINE: usize = 64;

/// What a phase of products asks for besides.
#[derive(Default)]
pub(crate) struct Meanwhile<'c, 'a> {
    /// What the member reads first in the phase after it.
    pub(crate) next: Next<'a>,
    /// Many tokens: what is to be asked for of the states that the next heads read, beside a task with so many weights; where the
    /// machine gains from that.
    pub(crate) coming: Option<&'c mut dyn FnMut(usize) -> &'a [u8]>,
}

/// Many tokens: what is asked for while they meet the panels of a task.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Ahead<'a> {
    /// By the next task: rows of a matrix.
    pub(crate) rows: &'a [u8],
    /// By the next heads: states of sequences.
    pub(crate) states: &'a [u8],
}

impl<'a> Ahead<'a> {
    /// The share of a part of the work that has `own` units of `all`, with `done` before it.
    pub(super) fn share(self, done: usize, own: usize, all: usize) -> Self {
        let of = |bytes: &'a [u8]| {
            let at = |units: usize| {
                let place = bytes.len() as u64 * units as u64 / all.max(1) as u64;
                (place as usize).next_multiple_of(LINE).min(bytes.len())
            };
            &bytes[at(done)..at(done + own)]
        };
        Self { rows: of(self.rows), states: of(self.states) }
    }

    /// All of it, in so many parts.
    #[inline(always)]
    pub(super) fn in_parts(self, parts: usize) -> Parts<'a> {
        let of = |bytes: &'a [u8]| {
            bytes.chunks(bytes.len().div_ceil(parts.max(1)).next_multiple_of(LINE).max(LINE))
        };
        Parts { rows: of(self.rows), states: of(self.states) }
    }
}

/// Parts of what is asked for. Many small ones: a core has room for some sixteen lines that are under way, and one that asks for
/// more waits, products and all.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    rows: Chunks<'a, u8>,
    states: Chunks<'a, u8>,
}

impl Parts<'_> {
    /// Asks for the next part, if there is one.
    #[inline(always)]
    pub(super) fn ask<I: Isa>(&mut self, isa: I) {
        isa.prefetch_far(self.rows.next().unwrap_or(&[]));
        isa.prefetch_far(self.states.next().unwrap_or(&[]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_parts_are_all_of_it_in_whole_lines() {
        let (rows, states): (Vec<u8>, Vec<u8>) = ((0..1000).map(|n| n as u8).collect(), vec![2; 300]);
        let ahead = Ahead { rows: &rows, states: &states };
        for units in [&[1][..], &[12, 12, 8], &[4; 64], &[1; 2000]] {
            let all = units.iter().sum();
            let mut done = 0;
            let mut found: [Vec<u8>; 2] = [vec![], vec![]];
            for own in units {
                let share = ahead.share(done, *own, all);
                done += own;
                let parts = share.in_parts(3);
                let of = [(share.rows, parts.rows, rows.len()), (share.states, parts.states, states.len())];
                for ((share, parts, whole), found) in of.into_iter().zip(&mut found) {
                    assert!(share.len() <= whole * own / all + 2 * LINE, "{} of {whole}", share.len());
                    assert!(found.len() % LINE == 0 || share.is_empty());
                    assert!(parts.len() <= 3);
                    assert!(parts.clone().all(|part| part.len() < share.len().div_ceil(3) + LINE));
                    found.extend(parts.flatten());
                }
            }
            assert!(found == [rows.clone(), states.clone()], "{units:?}");
        }
    }
}
