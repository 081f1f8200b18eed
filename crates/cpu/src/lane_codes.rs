//! The codes of many tokens, one token to a lane: for kernels that load what sixteen tokens have in four numbers at once and
//! multiply it with a row's.
//!
//! Groups lie in the order in which they are added up, class after class, as in `code_tiles`.

use crate::arch::{BIAS, GROUP, LANES};
use crate::code_tiles::place;
use crate::groups::Group;
use crate::scratch::grow;
use crate::team::Shared;

/// The codes of sixteen tokens in a group: four of each token for each quad.
type LaneQuads = [[[i8; 4]; LANES]; GROUP / 4];

/// What those of a row may be counted from: what sums of products begin with, [`Facts::starts`].
pub(crate) const FROM: [i32; 3] = [8, 16, 128];

/// What sixteen tokens have in a group.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct LaneGroup {
    pub(crate) codes: LaneQuads,
    pub(crate) facts: Facts,
}

/// What goes with codes, of each token.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Facts {
    /// What products with them are multiplied with.
    pub(crate) scales: [f32; LANES],
    /// What a shift of the matrix is multiplied with.
    pub(crate) shifts: [f32; LANES],
    /// The sum of the codes times what others are counted from ([`FROM`]), less, and [`BIAS`].
    pub(crate) starts: [[i32; LANES]; FROM.len()],
}

const NOTHING: LaneGroup = LaneGroup {
    codes: [[[0; 4]; LANES]; GROUP / 4],
    facts: Facts { scales: [0.0; LANES], shifts: [0.0; LANES], starts: [[0; LANES]; FROM.len()] },
};

/// The codes of many tokens, `[tokens / 16, groups]`.
#[derive(Debug, Default)]
pub(crate) struct LaneCodes(Vec<LaneGroup>);

impl LaneCodes {
    /// Whether so many tokens of a pass take this form, where so many threads put them, sixteen at a time. A lane that is left empty
    /// costs as much as a token. On a Xeon without AMX, Q8_0 of 1024 by 1024 out of the second-level cache takes about 42 us and
    /// 5.5 a token in tiles, 55 us and 66 a sixteen in lanes.
    pub(crate) fn pay(tokens: usize, threads: usize) -> bool {
        let vectors = tokens.div_ceil(LANES);
        vectors >= threads && tokens >= 12 * vectors + 2
    }

    /// Makes room for so many tokens' `groups`. Memory once taken is kept.
    pub(crate) fn resize(&mut self, tokens: usize, groups: usize) {
        grow(&mut self.0, tokens.div_ceil(LANES) * groups, NOTHING);
    }

    /// To be filled by many threads.
    pub(crate) fn share(&mut self) -> SharedLaneCodes<'_> {
        SharedLaneCodes(Shared::new(&mut self.0))
    }
}

/// [`LaneCodes`] at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedLaneCodes<'a>(Shared<'a, LaneGroup>);

impl<'a> SharedLaneCodes<'a> {
    /// Puts group `at` of so many of `token` in.
    ///
    /// # Safety
    /// Nobody else writes or reads meanwhile what the sixteen tokens have that share its lanes.
    #[inline(always)]
    pub(crate) unsafe fn put(&self, token: usize, (at, groups): (usize, usize), group: &Group) {
        let (index, lane) = (token / LANES * groups + place(at, groups), token % LANES);
        // SAFETY: this token's sixteen's, which the caller keeps to itself.
        let [LaneGroup { codes, facts }] = (unsafe { self.0.part(index..index + 1) }) else { return };
        for (out, codes) in codes.iter_mut().zip(group.codes.0.as_chunks::<4>().0) {
            out[lane] = *codes;
        }
        (facts.scales[lane], facts.shifts[lane]) = (group.scale, group.shift());
        for (starts, from) in facts.starts.iter_mut().zip(FROM) {
            starts[lane] = BIAS - from * group.sum;
        }
    }

    /// All codes, to be read.
    ///
    /// # Safety
    /// Every token is in, before a barrier that this thread has passed, and nobody writes while they are used.
    pub(crate) unsafe fn view(&self) -> LaneCodesView<'a> {
        // SAFETY: the caller keeps writers away.
        LaneCodesView(unsafe { self.0.view(0..self.0.len()) })
    }
}

/// [`LaneCodes`] to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneCodesView<'a>(&'a [LaneGroup]);

impl<'a> LaneCodesView<'a> {
    /// What the sixteen tokens from `token` on have in each of so many groups. Of tokens that there are not they hold anything.
    #[inline(always)]
    pub(crate) fn sixteen(&self, token: usize, groups: usize) -> &'a [LaneGroup] {
        &self.0[token / LANES * groups..(token / LANES + 1) * groups]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groups::{groups, quantize};

    #[test]
    fn every_token_has_its_codes_in_its_lane() {
        const TOKENS: usize = 21;
        for n in [1, 32, 300] {
            let x: Vec<f32> = (0..n * TOKENS).map(|i| (i as f32 * 0.77).sin() * (1 + i % n) as f32).collect();
            let (mut all, count) = (LaneCodes::default(), groups(n));
            all.resize(TOKENS, count);
            let shared = all.share();
            let mut wanted = Vec::new();
            for (token, x) in x.chunks_exact(n).enumerate() {
                let isa = crate::arch::Portable::<false, false>;
                quantize(isa, x, |at, group| {
                    // SAFETY: there is only this thread.
                    unsafe { shared.put(token, (at, count), &group) };
                    wanted.push((token, at, group));
                });
            }
            // SAFETY: as above.
            let view = unsafe { shared.view() };
            for (token, at, group) in wanted {
                let (LaneGroup { codes, facts }, lane) =
                    (&view.sixteen(token / LANES * LANES, count)[place(at, count)], token % LANES);
                assert!(codes.iter().flat_map(|quad| quad[lane]).eq(group.codes.0));
                assert_eq!((facts.scales[lane], facts.shifts[lane]), (group.scale, group.shift()));
                for (starts, from) in facts.starts.iter().zip(FROM) {
                    let counted: i32 = group.codes.0.iter().map(|code| from * i32::from(*code)).sum();
                    assert_eq!(starts[lane], BIAS - counted);
                }
            }
        }
    }

    #[test]
    fn lanes_are_full_enough_and_every_thread_has_some() {
        let from = |threads| (1..200).filter(move |tokens| LaneCodes::pay(*tokens, threads));
        assert_eq!(from(1).take(5).collect::<Vec<_>>(), [14, 15, 16, 26, 27]);
        assert!((50..1000).all(|tokens| LaneCodes::pay(tokens, 3)), "many tokens always do");
        assert_eq!(from(2).next(), Some(26));
        assert_eq!(from(4).next(), Some(50));
    }
}
