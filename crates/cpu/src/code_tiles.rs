//! The codes of many tokens for machines that multiply tiles: what the tokens of a tile have in a group lies together, and
//! the groups lie in the order in which they are added up, class after class.

use crate::activations::EIGHT;
use crate::arch::{GROUP, TILE_TOKENS};
use crate::team::Shared;

/// A token's codes of a group.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))] // never in two cache lines
pub(crate) struct GroupCodes(pub(crate) [i8; GROUP]);

/// A number for each token of a tile.
type PerToken = [f32; TILE_TOKENS];

/// Codes, scales and shifts, as [`crate::activations`] defines them, each `[tiles, groups, TILE_TOKENS]`.
#[derive(Debug, Default)]
pub(crate) struct CodeTiles {
    codes: Vec<GroupCodes>,
    scales: Vec<f32>,
    shifts: Vec<f32>,
}

/// Where group `group` of `groups` lies.
pub(crate) const fn place(group: usize, groups: usize) -> usize {
    group % EIGHT * (groups / EIGHT) + group / EIGHT
}

impl CodeTiles {
    /// Makes room for so many tokens' `groups`. Memory once taken is kept.
    pub(crate) fn resize(&mut self, tokens: usize, groups: usize) {
        let need = tokens.next_multiple_of(TILE_TOKENS) * groups;
        if need > self.codes.len() {
            self.codes.resize(need, GroupCodes([0; GROUP]));
            self.scales.resize(need, 0.0);
            self.shifts.resize(need, 0.0);
        }
    }

    /// To be filled by many threads.
    pub(crate) fn share(&mut self) -> SharedCodeTiles<'_> {
        SharedCodeTiles {
            codes: Shared::new(&mut self.codes),
            scales: Shared::new(&mut self.scales),
            shifts: Shared::new(&mut self.shifts),
        }
    }
}

/// [`CodeTiles`] at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedCodeTiles<'a> {
    codes: Shared<'a, GroupCodes>,
    scales: Shared<'a>,
    shifts: Shared<'a>,
}

impl<'a> SharedCodeTiles<'a> {
    /// Puts all groups of `token` in.
    ///
    /// # Safety
    /// Nobody else writes or reads this token's meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn put(&self, token: usize, codes: &[GroupCodes], scales: &[f32], shifts: &[f32]) {
        let (groups, tile) = (codes.len(), token / TILE_TOKENS);
        for (group, codes) in codes.iter().enumerate() {
            let at = (tile * groups + place(group, groups)) * TILE_TOKENS + token % TILE_TOKENS;
            // SAFETY: this token's own, which the caller keeps to itself.
            let own = unsafe { self.codes.part(at..at + 1) };
            own[0] = *codes;
            // SAFETY: as above.
            let own = unsafe { self.scales.part(at..at + 1) };
            own[0] = scales[group];
            // SAFETY: as above.
            let own = unsafe { self.shifts.part(at..at + 1) };
            own[0] = shifts[group];
        }
    }

    /// All tiles, to be read.
    ///
    /// # Safety
    /// Every token is in, before a barrier that this thread has passed, and nobody writes while they are used.
    pub(crate) unsafe fn view(&self) -> CodeTilesView<'a> {
        // SAFETY: the caller keeps writers away.
        let codes = unsafe { self.codes.view(0..self.codes.len()) };
        // SAFETY: as above.
        let scales = unsafe { self.scales.view(0..self.scales.len()) };
        // SAFETY: as above.
        let shifts = unsafe { self.shifts.view(0..self.shifts.len()) };
        let (codes, scales, shifts) = (codes.as_chunks().0, scales.as_chunks().0, shifts.as_chunks().0);
        CodeTilesView { codes, scales, shifts }
    }
}

/// [`CodeTiles`] to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodeTilesView<'a> {
    codes: &'a [[GroupCodes; TILE_TOKENS]],
    scales: &'a [PerToken],
    shifts: &'a [PerToken],
}

impl<'a> CodeTilesView<'a> {
    /// The `groups` of tile number `tile`. Of tokens that there are not they hold anything.
    pub(crate) fn tile(&self, tile: usize, groups: usize) -> CodeTilesView<'a> {
        let of = tile * groups..(tile + 1) * groups;
        CodeTilesView {
            codes: &self.codes[of.clone()],
            scales: &self.scales[of.clone()],
            shifts: &self.shifts[of],
        }
    }

    /// Of every group of a tile.
    #[inline(always)]
    pub(crate) fn parts(&self) -> (&'a [[GroupCodes; TILE_TOKENS]], &'a [PerToken], &'a [PerToken]) {
        (self.codes, self.scales, self.shifts)
    }
}
