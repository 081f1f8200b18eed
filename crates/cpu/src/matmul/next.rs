//! What a member of the team will read first in the next phase, which it asks for while it waits for the others: memory
//! would be idle meanwhile.

use super::kind::Kind;
use super::part_tiles::distance;
use super::streams::apart;
use super::tasks::outputs_of_task;
use crate::arch::{Isa, PANEL, Reading};
use crate::team::Member;
use crate::weights::Matrix;

/// Bytes of a matrix that are asked for at most where few tokens meet it: a small part of a second-level cache.
const MOST: usize = 128 << 10;

/// Places that are read side by side at most: those of tiles of bf16 rows.
const PLACES: usize = PANEL;

/// The beginnings of what a member reads; the default is nothing.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Next<'a> {
    places: [&'a [u8]; PLACES],
    /// What has been asked for, of each.
    asked: usize,
}

impl<'a> Next<'a> {
    /// `member`'s first task of `matrix`, where many tokens will meet it.
    pub(crate) fn task<I: Isa>(matrix: &'a Matrix, member: &Member<'_>) -> Self {
        let mut next = Self::default();
        if matrix.units.is_none() {
            next.places[0] = matrix.rows(outputs_of_task::<I>(matrix, member.number(), member.members()));
        }
        next
    }

    /// What a task of many tokens reads.
    pub(super) fn rows(&self) -> &'a [u8] {
        self.places[0]
    }

    /// `member`'s share of `matrix`, where few tokens will meet it.
    pub(crate) fn of<I: Isa>(isa: I, matrix: &'a Matrix, member: &Member<'_>) -> Self {
        let Reading { ahead, places: count, .. } = isa.reading();
        if ahead == 0 || matrix.units.is_some() {
            return Self::default();
        }
        // Nearly the rows that the member will take: those of some kernels come in groups.
        let at = |number: usize| matrix.outputs() * number / member.members();
        let (first, end) = (at(member.number()), at(member.number() + 1));
        let in_places = |count| (count, apart(end - first, count));
        let (count, length) = match matrix.kind {
            Kind::Dequantized => in_places(1),
            kind if kind.parts::<I>() > 0 => match distance(end - first, matrix.tensor.stored_row_bytes()) {
                1 => in_places(1),
                far => (PANEL, far),
            },
            _ => in_places(count),
        };
        let mut places = [&[] as &[u8]; PLACES];
        for (place, row) in places.iter_mut().zip((first..end).step_by(length)) {
            let rows = matrix.rows(row..(row + length).min(end));
            *place = &rows[..rows.len().min(MOST / count)];
        }
        Self { places, asked: 0 }
    }

    /// These places.
    pub(crate) fn places<I: Isa>(isa: I, of: [&'a [u8]; 4]) -> Self {
        if isa.reading().ahead == 0 {
            return Self::default();
        }
        let mut places = [&[] as &[u8]; PLACES];
        places[..of.len()].copy_from_slice(&of);
        Self { places, asked: 0 }
    }

    /// Asks for a little more of it; returns whether there was any.
    #[inline(always)]
    pub(crate) fn ask<I: Isa>(&mut self, isa: I) -> bool {
        let mut any = false;
        for place in self.places {
            if let Some(line) = place.get(self.asked..)
                && !line.is_empty()
            {
                isa.prefetch_second(line.as_ptr());
                any = true;
            }
        }
        self.asked += if any { 64 } else { 0 };
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_for_to_the_end_and_no_further() {
        let isa = crate::arch::Portable::<false, false>;
        let bytes = [0; 300];
        let mut places = [&[] as &[u8]; PLACES];
        (places[0], places[1], places[3]) = (&bytes, &bytes[..10], &bytes[..64]);
        let mut next = Next { places, asked: 0 };
        let turns = std::iter::repeat_with(|| next.ask(isa)).take_while(|more| *more).count();
        assert_eq!(turns, 5);
        let mut nothing = Next::default();
        assert!(!next.ask(isa) && !nothing.ask(isa));
    }
}
