//! What is asked for while products run. Memory would be idle meanwhile.

use super::next::Next;

/// What a phase of products asks for besides.
#[derive(Default)]
pub(crate) struct Meanwhile<'c, 'a> {
    /// What the member reads first in the phase after it.
    pub(crate) next: Next<'a>,
    /// Many tokens: what is to be asked for of the states that the next heads read, beside a task with so many weights.
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
    /// All of it in at most so many parts, rows and states by turns, and empty ones thereafter. Of a single part states get none.
    pub(super) fn in_parts(self, parts: usize) -> impl Iterator<Item = &'a [u8]> {
        let of_states = if self.states.is_empty() { 0 } else { parts / 2 };
        let (mut rows, mut states) =
            (in_parts(self.rows, parts - of_states), in_parts(self.states, of_states));
        let mut of_rows = false;
        std::iter::repeat_with(move || {
            of_rows = of_states == 0 || !of_rows;
            let part = if of_rows { rows.next() } else { states.next() };
            part.unwrap_or(&[])
        })
    }
}

/// What is to be asked for, in at most so many parts.
#[inline(always)]
pub(super) fn in_parts(ahead: &[u8], parts: usize) -> std::slice::Chunks<'_, u8> {
    ahead.chunks(ahead.len().div_ceil(parts.max(1)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_comes_in_so_many_parts_but_states_in_one() {
        let (rows, states) = ([1; 1000], [2; 300]);
        for parts in [1, 2, 3, 7, 64, 2000] {
            for states in [&states[..], &[]] {
                let ahead = Ahead { rows: &rows, states };
                let asked: Vec<u8> = ahead.in_parts(parts).take(parts).flatten().copied().collect();
                let count = |of| asked.iter().filter(|x| **x == of).count();
                assert_eq!(count(1), 1000, "{parts}");
                assert_eq!(count(2), if parts == 1 { 0 } else { states.len() }, "{parts}");
            }
        }
    }
}
