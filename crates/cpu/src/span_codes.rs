//! Vectors in 8 bits for the K types: 256 numbers share a scale, as they share those of a block of the matrix.
//!
//! What is multiplied within a block is then whole numbers alone, the block's own small scales included, and becomes f32 once
//! for 256 numbers instead of once for 32.

use crate::arch::{GROUP, Isa};
use crate::code_tiles::{GroupWords, Place, Tiling, widen};
use crate::groups::{EIGHT, Scale};
use crate::scratch::grow;
use crate::team::Shared;

/// Numbers of a span.
pub(crate) const SPAN: usize = EIGHT * GROUP;

/// Codes that tiles multiply in one step.
pub(crate) const STEP_CODES: usize = 64;

/// Steps of a span.
pub(crate) const SPAN_STEPS: usize = SPAN / STEP_CODES;

/// A token's codes of a span, and what is known of them.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))] // groups are never in two cache lines
pub(crate) struct CodedSpan {
    pub(crate) codes: [[i8; GROUP]; EIGHT],
    pub(crate) facts: Facts,
}

/// What is known of a span's codes, and the scale of all.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Facts {
    /// Sums of the codes of both halves of each group.
    pub(crate) halves: [i16; 2 * EIGHT],
    /// Those of the groups, in pairs.
    pub(crate) sums: [[i16; 2]; EIGHT / 2],
    pub(crate) scale: f32,
}

/// A token's codes of a step.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct StepCodes(pub(crate) [i8; STEP_CODES]);

/// What the `T` tokens of a tile have in a span.
pub(crate) type StepTile<const T: usize> = [[StepCodes; T]; SPAN_STEPS];

/// Spans from the one that is put to the one whose places are asked for.
const AHEAD: usize = 2;

const NOTHING: CodedSpan = CodedSpan { codes: [[0; GROUP]; EIGHT], facts: NO_FACTS };
const NO_FACTS: Facts = Facts { halves: [0; 2 * EIGHT], sums: [[0; 2]; EIGHT / 2], scale: 0.0 };

/// The vectors of some tokens. Numbers beyond a vector's end are zero.
#[derive(Debug, Default)]
pub(crate) struct SpanCodes {
    tiling: Option<Tiling>,
    spans: Vec<CodedSpan>,  // [tokens, spans]; those of many tokens are in tiles:
    steps: Vec<StepCodes>,  // [tiles, spans, SPAN_STEPS, room]
    facts: Vec<Facts>,      // [tiles, spans, room]
    words: Vec<GroupWords>, // and where they are asked for, [tiles, spans, EIGHT, room]
}

impl SpanCodes {
    /// Makes room for so many tokens' `spans`, or in tiles, and in those also in words. Memory once taken is kept.
    pub(crate) fn resize(&mut self, tokens: usize, spans: usize, tiling: Option<Tiling>, words: bool) {
        let tiled = tiling.map_or(0, |tiling| tiling.all() * spans);
        self.tiling = tiling;
        grow(&mut self.spans, if tiling.is_some() { 0 } else { tokens * spans }, NOTHING);
        grow(&mut self.words, if words { tiled * EIGHT } else { 0 }, [[0; 2]; GROUP / 2]);
        grow(&mut self.steps, tiled * SPAN_STEPS, StepCodes([0; STEP_CODES]));
        grow(&mut self.facts, tiled, NO_FACTS);
    }

    /// To be filled by many threads.
    pub(crate) fn share(&mut self) -> SharedSpanCodes<'_> {
        SharedSpanCodes {
            tiling: self.tiling,
            spans: Shared::new(&mut self.spans),
            words: Shared::new(&mut self.words),
            steps: Shared::new(&mut self.steps),
            facts: Shared::new(&mut self.facts),
        }
    }
}

/// [`SpanCodes`] at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedSpanCodes<'a> {
    tiling: Option<Tiling>,
    spans: Shared<'a, CodedSpan>,
    words: Shared<'a, GroupWords>,
    steps: Shared<'a, StepCodes>,
    facts: Shared<'a, Facts>,
}

impl<'a> SharedSpanCodes<'a> {
    /// Puts the vector of `token` in; into tiles, where there are such, also in words.
    ///
    /// # Safety
    /// Nobody else writes or reads this token's meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn put<I: Isa>(&self, isa: I, token: usize, x: &[f32], words: bool) {
        let (whole, rest) = x.as_chunks::<SPAN>();
        let mut last = [0.0; SPAN];
        last[..rest.len()].copy_from_slice(rest);
        let last = if rest.is_empty() { None } else { Some(&last) };
        let (all, spans) = (whole.iter().chain(last).enumerate(), x.len().div_ceil(SPAN));
        let Some(tiling) = self.tiling else {
            for (at, x) in all {
                let own = token * spans + at;
                // SAFETY: this token's own, which the caller keeps to itself.
                quantize(isa, x, &mut unsafe { self.spans.part(own..own + 1) }[0]);
            }
            return;
        };
        let Place { before, room, column } = tiling.place(token);
        let mut coded = NOTHING;
        for (at, x) in all {
            // Where its span would begin if tokens had one item a span.
            let start = |at| before * spans + at * room;
            if at + AHEAD < spans {
                self.ask_for(isa, start(at + AHEAD), room, column, words);
            }
            let start = start(at);
            quantize(isa, x, &mut coded);
            for (step, codes) in coded.codes.as_flattened().as_chunks::<STEP_CODES>().0.iter().enumerate() {
                let own = start * SPAN_STEPS + step * room + column;
                // SAFETY: this token's own, which the caller keeps to itself.
                let out = unsafe { self.steps.part(own..own + 1) };
                out[0].0 = *codes;
            }
            // SAFETY: as above.
            let out = unsafe { self.facts.part(start + column..start + column + 1) };
            out[0] = coded.facts;
            for (group, codes) in coded.codes.iter().enumerate().filter(|_| words) {
                let own = start * EIGHT + group * room + column;
                // SAFETY: as above.
                let out = unsafe { self.words.part(own..own + 1) };
                widen(codes, &mut out[0]);
            }
        }
    }

    /// Asks for the places in tiles of a token's span: they lie too far apart for the machine to see what comes next, and who read
    /// them last still has them.
    #[inline(always)]
    fn ask_for<I: Isa>(&self, isa: I, start: usize, room: usize, column: usize, words: bool) {
        for step in 0..SPAN_STEPS {
            isa.prefetch_to_write(self.steps.address(start * SPAN_STEPS + step * room + column).cast());
        }
        isa.prefetch_to_write(self.facts.address(start + column).cast());
        for group in (0..EIGHT).filter(|_| words) {
            isa.prefetch_to_write(self.words.address(start * EIGHT + group * room + column).cast());
        }
    }

    /// All vectors, to be read.
    ///
    /// # Safety
    /// Every token is in, before a barrier that this thread has passed, and nobody writes while they are used.
    pub(crate) unsafe fn view(&self) -> SpanCodesView<'a> {
        // SAFETY: the caller keeps writers away.
        let spans = unsafe { self.spans.view(0..self.spans.len()) };
        // SAFETY: as above.
        let words = unsafe { self.words.view(0..self.words.len()) };
        // SAFETY: as above.
        let steps = unsafe { self.steps.view(0..self.steps.len()) };
        // SAFETY: as above.
        let facts = unsafe { self.facts.view(0..self.facts.len()) };
        SpanCodesView { tiling: self.tiling, spans, words, steps, facts }
    }
}

/// [`SpanCodes`] to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanCodesView<'a> {
    tiling: Option<Tiling>,
    spans: &'a [CodedSpan],
    words: &'a [GroupWords],
    steps: &'a [StepCodes],
    facts: &'a [Facts],
}

/// What `T` tokens have in each span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanTile<'a, const T: usize> {
    pub(crate) steps: &'a [StepTile<T>],
    pub(crate) facts: &'a [[Facts; T]],
    pub(crate) words: &'a [[[GroupWords; T]; EIGHT]], // where they were asked for
}

impl<'a> SpanCodesView<'a> {
    /// The `spans` of one token.
    #[inline(always)]
    pub(crate) fn spans(&self, token: usize, spans: usize) -> &'a [CodedSpan] {
        &self.spans[token * spans..(token + 1) * spans]
    }

    /// The `spans` of the tile that begins with `token`. Of tokens that there are not they hold anything.
    ///
    /// # Panics
    /// Where the tile has no room for `T` tokens, or there are no tiles.
    #[inline(always)]
    pub(crate) fn tile<const T: usize>(&self, token: usize, spans: usize) -> SpanTile<'a, T> {
        let Place { before, room, .. } = self.tiling.unwrap_or_default().place(token);
        assert_eq!(T, room, "tokens of a tile");
        let of = |each: usize| before * spans * each..(before + room) * spans * each;
        SpanTile {
            steps: self.steps[of(SPAN_STEPS)].as_chunks().0.as_chunks().0,
            facts: self.facts[of(1)].as_chunks().0,
            words: self.words.get(of(EIGHT)).unwrap_or(&[]).as_chunks().0.as_chunks().0,
        }
    }
}

/// 256 numbers in 8 bits. A span with an infinity or NaN gets a NaN for its scale, so that it shows.
#[inline(always)]
fn quantize<I: Isa>(isa: I, x: &[f32; SPAN], out: &mut CodedSpan) {
    let groups = x.as_chunks::<GROUP>().0;
    let mut largest = 0; // bits of magnitudes are ordered as these are
    for x in groups {
        largest = isa.largest(x).to_bits().max(largest);
    }
    let Scale { inverse, scale } = Scale::of(f32::from_bits(largest));
    for (group, x) in groups.iter().enumerate() {
        let found = isa.round(x, inverse, &mut out.codes[group]);
        // What is no number has no code, and sums with it may be anything.
        let [first, second] = if scale.is_nan() { [0; 2] } else { found };
        out.facts.halves[2 * group..][..2].copy_from_slice(&[first as i16, second as i16]);
        out.facts.sums[group / 2][group % 2] = (first + second) as i16;
    }
    out.facts.scale = scale;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::tests::on_every_path;

    /// Of a tile.
    const TOKENS: usize = 6;

    fn filled(isa: impl Isa, x: &[f32], tokens: usize, tiles: bool) -> SpanCodes {
        let mut codes = SpanCodes::default();
        let n = x.len() / tokens;
        let tiling = tiles.then(|| Tiling::new(tokens, TOKENS));
        codes.resize(tokens, n.div_ceil(SPAN), tiling, tiles);
        let shared = codes.share();
        for (token, x) in x.chunks_exact(n).enumerate() {
            // SAFETY: there is only this thread.
            isa.run(|| unsafe { shared.put(isa, token, x, tiles) });
        }
        codes
    }

    /// What one token has in a tile is what it has by itself, and that is `x`, within half a step.
    fn compare<const T: usize>(few: &[CodedSpan], many: SpanTile<'_, T>, column: usize, x: &[f32]) {
        for (at, span) in few.iter().enumerate() {
            let (codes, scale) = (span.codes.as_flattened(), span.facts.scale);
            for (i, code) in codes.iter().enumerate() {
                let x = x.get(at * SPAN + i).copied().unwrap_or(0.0);
                assert!((x - scale * f32::from(*code)).abs() <= 0.5001 * scale);
                let (group, pair) = (i / GROUP, i % GROUP / 2);
                assert_eq!(many.words[at][group][column][pair][i % 2], i16::from(*code));
                assert_eq!(many.steps[at][i / STEP_CODES][column].0[i % STEP_CODES], *code);
            }
            let halves = codes.as_chunks::<16>().0.iter();
            assert!(halves.map(|x| x.map(i16::from).iter().sum::<i16>()).eq(span.facts.halves));
            let sums = span.facts.halves.as_chunks::<2>().0.iter().map(|[a, b]| a + b);
            assert!(sums.eq(span.facts.sums.into_iter().flatten()));
            let tiled = many.facts[at][column];
            let all = |facts: Facts| (facts.halves, facts.sums, facts.scale);
            assert_eq!(all(tiled), all(span.facts));
        }
    }

    #[test]
    fn codes_are_within_half_a_step_and_the_same_in_every_form() {
        fn check(isa: impl Isa) {
            for n in [1, 31, 255, 256, 257, 1000] {
                let tokens = 2 * TOKENS + 4; // a smaller tile at the end
                let x: Vec<f32> = (0..n * tokens)
                    .map(|i| (i as f32 * 0.77).sin() * ((i % n) as f32 * 0.01).exp2())
                    .collect();
                let [mut few, mut many] = [false, true].map(|tiles| filled(isa, &x, tokens, tiles));
                // SAFETY: there is only this thread.
                let few = unsafe { few.share().view() };
                // SAFETY: as above.
                let many = unsafe { many.share().view() };
                let count = n.div_ceil(SPAN);
                for (token, x) in x.chunks(n).enumerate() {
                    let (spans, column) = (few.spans(token, count), token % TOKENS);
                    if token < 2 * TOKENS {
                        compare(spans, many.tile::<TOKENS>(token, count), column, x);
                    } else {
                        compare(spans, many.tile::<4>(token, count), column, x);
                    }
                }
            }
        }
        on_every_path!(check);
    }

    #[test]
    fn odd_numbers_are_not_lost() {
        fn check(isa: impl Isa) {
            for (odd, want_nan) in
                [(f32::NAN, true), (f32::INFINITY, true), (1e-40, false), (f32::MAX, false)]
            {
                let mut x = [0.0; 2 * SPAN];
                x[SPAN + 40] = odd;
                let mut codes = filled(isa, &x, 1, false);
                // SAFETY: there is only this thread.
                let spans = unsafe { codes.share().view() }.spans(0, 2);
                assert_eq!((spans[0].facts.scale, spans[0].codes), (0.0, [[0; GROUP]; EIGHT]));
                assert_eq!(spans[1].facts.scale.is_nan(), want_nan, "{odd}");
            }
        }
        on_every_path!(check);
    }
}
