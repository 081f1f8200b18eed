//! The codes of many tokens: what the tokens of a tile have in a group lies together, and the groups lie in the order in which
//! they are added up, class after class. A kernel then reads one stream, whatever the number of tokens that it has at work.

use crate::arch::{GROUP, Isa, LANES, TILE_TOKENS};
use crate::groups::{EIGHT, Group};
use crate::scratch::grow;
use crate::team::Shared;

/// A token's codes of a group.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))] // never in two cache lines
pub(crate) struct GroupCodes(pub(crate) [i8; GROUP]);

/// The same in 16 bits, in pairs.
pub(crate) type GroupWords = [[i16; 2]; GROUP / 2];

/// How the tokens of a forward are cut into tiles for codes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tiling {
    /// Tokens of every tile but the last, which may hold fewer.
    pub(crate) width: usize,
    /// Tiles before the last.
    full: usize,
    /// Tokens that the last has room for.
    last: usize,
}

impl Tiling {
    /// The most tokens of a tile on machines with the instructions `I`.
    pub(crate) const fn most<I: Isa>() -> usize {
        if I::TILED { TILE_TOKENS } else { I::TILE }
    }

    /// The cheapest tiles. Each has room for an even number of tokens, so that half as many kernels do, and for at least half of
    /// `most`, for the widest kernels have no smaller ones. Where machines multiply tiles, these are as large as can be.
    pub(crate) fn new(tokens: usize, most: usize) -> Self {
        let (tokens, most) = (tokens.max(1), most.max(1));
        if most == TILE_TOKENS {
            return Self { width: most, full: (tokens - 1) / most, last: most };
        }
        let least = most.div_ceil(2).next_multiple_of(2);
        let all = (least..=most.max(least)).step_by(2).map(|width| {
            let full = (tokens - 1) / width;
            let last = (tokens - full * width).next_multiple_of(2).max(least);
            Self { width, full, last }
        });
        all.min_by_key(|tiling| (tiling.cost(), tiling.full)).unwrap_or_default() // there is at least one
    }

    /// Those of tokens in lanes: two registers of them, or one.
    pub(crate) fn in_lanes(tokens: usize) -> Self {
        let (width, tokens) = (2 * LANES, tokens.max(1));
        let full = (tokens - 1) / width;
        Self { width, full, last: (tokens - full * width).next_multiple_of(LANES) }
    }

    /// In half tokens of a panel: a pass over it costs about as much as half a token besides.
    fn cost(self) -> usize {
        self.full * (2 * self.width + 1) + 2 * self.last + 1
    }

    /// Whether one tile holds all.
    pub(crate) fn is_one(self) -> bool {
        self.full == 0
    }

    /// Tokens for which all tiles have room.
    pub(crate) fn all(self) -> usize {
        self.full * self.width + self.last
    }

    /// The place of `token`.
    #[inline(always)]
    pub(crate) fn place(self, token: usize) -> Place {
        let (number, column) = (token / self.width, token % self.width);
        let room = if number < self.full { self.width } else { self.last };
        Place { before: number * self.width, room, column }
    }
}

/// A token's place in the tiles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Tokens of the tiles before its own.
    pub(crate) before: usize,
    /// Tokens that its tile has room for.
    pub(crate) room: usize,
    /// Which of them it is.
    pub(crate) column: usize,
}

/// Groups from the one that is put to the one whose place is asked for.
const AHEAD: usize = 12;

/// Where group `group` of `groups` lies.
pub(crate) const fn place(group: usize, groups: usize) -> usize {
    group % EIGHT * (groups / EIGHT) + group / EIGHT
}

/// What products with a group's codes are multiplied with and moved by. Together, as they are put and read together.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))] // never in two cache lines
pub(crate) struct GroupFacts {
    pub(crate) scale: f32,
    /// What a shift of the matrix is multiplied with.
    pub(crate) shift: f32,
    /// What is added to products with codes that are counted from 8: the sum of the own codes times -8.
    pub(crate) from_8: i32,
    /// The same for codes counted from 128.
    pub(crate) from_128: i32,
}

/// Codes and what goes with them, each `[tiles, groups, room]`.
#[derive(Debug, Default)]
pub(crate) struct CodeTiles {
    tiling: Tiling,
    codes: Vec<GroupCodes>,
    words: Vec<GroupWords>, // where they are asked for
    facts: Vec<GroupFacts>,
}

impl CodeTiles {
    /// Makes room for so many tokens' `groups`, also in words. Memory once taken is kept.
    pub(crate) fn resize(&mut self, tiling: Tiling, groups: usize, words: bool) {
        self.tiling = tiling;
        let need = tiling.all() * groups;
        grow(&mut self.codes, need, GroupCodes([0; GROUP]));
        grow(&mut self.words, if words { need } else { 0 }, [[0; 2]; GROUP / 2]);
        grow(&mut self.facts, need, GroupFacts { scale: 0.0, shift: 0.0, from_8: 0, from_128: 0 });
    }

    /// To be filled by many threads.
    pub(crate) fn share(&mut self) -> SharedCodeTiles<'_> {
        SharedCodeTiles {
            tiling: self.tiling,
            codes: Shared::new(&mut self.codes),
            words: Shared::new(&mut self.words),
            facts: Shared::new(&mut self.facts),
        }
    }
}

/// [`CodeTiles`] at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedCodeTiles<'a> {
    tiling: Tiling,
    codes: Shared<'a, GroupCodes>,
    words: Shared<'a, GroupWords>,
    facts: Shared<'a, GroupFacts>,
}

impl<'a> SharedCodeTiles<'a> {
    /// Puts group `at` of so many of `token` in, also in words.
    ///
    /// # Safety
    /// Nobody else writes or reads this token's meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn put<I: Isa>(
        &self,
        isa: I,
        token: usize,
        (at, groups): (usize, usize),
        group: Group,
        words: bool,
    ) {
        let Place { before, room, column } = self.tiling.place(token);
        let index = |at| before * groups + place(at, groups) * room + column;
        // Groups lie too far apart for the machine to see what comes next, and who read them last still has them.
        if at + AHEAD < groups {
            isa.prefetch_to_write(self.codes.address(index(at + AHEAD)).cast());
            isa.prefetch_to_write(self.facts.address(index(at + AHEAD)).cast());
        }
        let index = index(at);
        // SAFETY: this token's own, which the caller keeps to itself.
        let own = unsafe { self.codes.part(index..index + 1) };
        own[0] = group.codes;
        // SAFETY: as above.
        let own = unsafe { self.facts.part(index..index + 1) };
        own[0] = GroupFacts {
            scale: group.scale,
            shift: group.shift(),
            from_8: -8 * group.sum,
            from_128: -128 * group.sum,
        };
        if words {
            // SAFETY: as above.
            let own = unsafe { self.words.part(index..index + 1) };
            widen(&group.codes.0, &mut own[0]);
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
        let words = unsafe { self.words.view(0..self.words.len()) };
        // SAFETY: as above.
        let facts = unsafe { self.facts.view(0..self.facts.len()) };
        CodeTilesView { tiling: self.tiling, codes, words, facts }
    }
}

/// Codes in 16 bits.
#[inline(always)]
pub(crate) fn widen(codes: &[i8; GROUP], words: &mut GroupWords) {
    for (word, code) in words.as_flattened_mut().iter_mut().zip(codes) {
        *word = i16::from(*code);
    }
}

/// [`CodeTiles`] to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodeTilesView<'a> {
    tiling: Tiling,
    codes: &'a [GroupCodes],
    words: &'a [GroupWords],
    facts: &'a [GroupFacts],
}

/// What `T` tokens have in each group, in the order of [`place`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodeTile<'a, const T: usize> {
    pub(crate) codes: &'a [[GroupCodes; T]],
    pub(crate) words: &'a [[GroupWords; T]], // where they were asked for
    pub(crate) facts: &'a [[GroupFacts; T]],
}

impl<'a> CodeTilesView<'a> {
    /// The `groups` of the tile that begins with `token`. Of tokens that there are not they hold anything.
    ///
    /// # Panics
    /// Where the tile has no room for `T` tokens.
    #[inline(always)]
    pub(crate) fn tile<const T: usize>(&self, token: usize, groups: usize) -> CodeTile<'a, T> {
        let Place { before, room, .. } = self.tiling.place(token);
        assert_eq!(T, room, "tokens of a tile");
        let of = before * groups..(before + room) * groups;
        CodeTile {
            codes: self.codes[of.clone()].as_chunks().0,
            words: self.words.get(of.clone()).unwrap_or(&[]).as_chunks().0,
            facts: self.facts[of].as_chunks().0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_has_its_place_in_a_tile_that_a_kernel_takes() {
        for most in [2, 6, 12, TILE_TOKENS] {
            for tokens in 1..=200 {
                let tiling = Tiling::new(tokens, most);
                let mut taken = vec![false; tiling.all()];
                for token in 0..tokens {
                    let Place { before, room, column } = tiling.place(token);
                    assert!(most / 2 <= room && room <= most && room.is_multiple_of(2), "{tiling:?}");
                    assert!(column < room, "{tiling:?}");
                    assert!(!std::mem::replace(&mut taken[before + column], true), "{token}: {tiling:?}");
                }
            }
        }
    }

    #[test]
    fn little_room_is_left_empty() {
        for (tokens, room) in [(12, 12), (13, 14), (15, 16), (24, 24), (32, 32), (33, 34), (512, 512)] {
            assert_eq!(Tiling::new(tokens, 12).all(), room, "{tokens}");
        }
        assert_eq!(Tiling::new(32, TILE_TOKENS).all(), 32);
        for (tokens, room) in [(1, 16), (16, 16), (17, 32), (32, 32), (33, 48), (70, 80)] {
            assert_eq!(Tiling::in_lanes(tokens).all(), room, "{tokens}");
            assert_eq!(Tiling::in_lanes(tokens).is_one(), tokens <= 32);
        }
    }
}
