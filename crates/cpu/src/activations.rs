//! Vectors on their way into products, in the forms that the kernels take.
//!
//! * As f32: in order for few tokens; for many by class, numbers `n`, `n + 16`, `n + 32`, ... side by side, which is
//!   the order in which panels are walked (see `matmul`).
//! * In 8 bits, for the block types: each group of 32, for the K types each span of 256 (`span_codes`), has a scale,
//!   `max |x| / 127`, and signed codes. `exact` forbids it.
//! * As pairs of bf16, for bf16 matrices on machines that multiply those, in the same orders as f32; `exact` forbids it.
//! * In two bf16 parts, for bf16 matrices on machines that multiply tiles of those; `exact` asks for three, which lose nothing.

use crate::aligned::Aligned;
use crate::arch::{GROUP, Isa, LANES, list};
use crate::code_tiles::{CodeTile, CodeTiles, CodeTilesView, GroupCodes, SharedCodeTiles, Tiling};
use crate::groups::{groups, quantize};
use crate::lane_codes::{LaneCodes, LaneCodesView, LaneGroup, SharedLaneCodes};
use crate::part_tiles::{Cut, PAIRS, PartTiles, STEP, SharedPartTiles, take_part};
use crate::scratch::grow;
use crate::span_codes::{CodedSpan, SPAN, SharedSpanCodes, SpanCodes, SpanCodesView, SpanTile};
use crate::team::Shared;

/// From this many tokens on, products of f32 numbers walk panels.
pub(crate) const MANY: usize = 13;

/// From this many tokens on, products of codes do: their panels are sooner made. On Zen 4, 2 threads, 0.4B Q8_0, six tokens go
/// 1.2 to 2.1 times as fast so as in rows, and eight 1.4 to 2.1 times.
pub(crate) const MANY_CODES: usize = 5;

/// Which forms the products of a vector ask for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Forms {
    pub(crate) numbers: bool,
    /// As pairs of bf16.
    pub(crate) pairs: bool,
    /// With a scale for each group.
    pub(crate) codes: CodeForms,
    /// With a scale for each span.
    pub(crate) spans: CodeForms,
    /// In so many bf16 parts, in tiles.
    pub(crate) parts: usize,
}

/// Whether codes are asked for, and in which forms besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CodeForms {
    pub(crate) wanted: bool,
    /// Of many tokens, in tiles of at most so many.
    pub(crate) most: usize,
    /// Of many tokens, in 16 bits as well.
    pub(crate) words: bool,
    /// Of many tokens, one to a lane, where that pays.
    pub(crate) laned: bool,
}

impl CodeForms {
    /// The forms that either asks for.
    fn or(self, other: Self) -> Self {
        Self {
            wanted: self.wanted || other.wanted,
            most: self.most.max(other.most),
            words: self.words || other.words,
            laned: self.laned || other.laned,
        }
    }

    /// Whether so many tokens that so many threads put take lanes.
    fn in_lanes(self, tokens: usize, threads: usize) -> bool {
        self.laned && LaneCodes::pay(tokens, threads)
    }

    /// The tiles that they take.
    fn tiling(self, tokens: usize, threads: usize) -> Option<Tiling> {
        let tiled = self.wanted && tokens >= MANY_CODES && !self.in_lanes(tokens, threads);
        tiled.then(|| Tiling::new(tokens, self.most))
    }
}

impl Forms {
    /// So many of `tokens` that one of so many threads puts, in order: a multiple of it from a multiple on, or all that are left.
    /// `None` where it does not matter.
    pub(crate) fn group(self, tokens: usize, threads: usize) -> Option<usize> {
        // Codes in tiles may be put by anyone, but those of a tile share cache lines, which threads should not fight for as long
        // as there are tiles enough for all. Those of sixteen tokens in lanes are one thread's to put.
        let tiling = self.codes.tiling(tokens, threads).or(self.spans.tiling(tokens, threads));
        let own = tiling.map(|tiling| tiling.width).filter(|width| tokens.div_ceil(*width) >= 2 * threads);
        let lanes = self.codes.in_lanes(tokens, threads).then_some(LANES);
        Cut::new(tokens, 0, self.parts).group().or(lanes).or(own)
    }

    /// The forms that either asks for.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            numbers: self.numbers || other.numbers,
            pairs: self.pairs || other.pairs,
            codes: self.codes.or(other.codes),
            spans: self.spans.or(other.spans),
            parts: self.parts.max(other.parts),
        }
    }
}

/// The vectors of some tokens, `[tokens, n]`.
#[derive(Debug, Default)]
pub(crate) struct Activations {
    n: usize,
    tokens: usize,
    forms: Forms,
    numbers: Aligned,       // [tokens, `stride`]
    pairs: Aligned,         // [tokens, `stride`]: the bits of two bf16 in each
    codes: Vec<GroupCodes>, // [tokens, groups]; those of many tokens are in `tiles` or `lanes`
    scales: Vec<f32>,       // [tokens, groups]
    sums: Vec<i32>,         // [tokens, groups]: sums of codes
    shifts: Vec<f32>,       // [tokens, groups]: scales times sums
    tiles: CodeTiles,
    lanes: LaneCodes,
    laned: bool,  // codes of many tokens are in `lanes`, not in `tiles`
    group: usize, // tokens that one thread puts
    spans: SpanCodes,
    part_tiles: PartTiles,
}

/// Numbers from one token's `n` to the next one's: an odd number of cache lines. Were it a multiple of what a set of the
/// first-level cache spans, as the sizes of models make it, the tokens of a tile would all fight for one set.
pub(crate) const fn stride(n: usize) -> usize {
    (n.div_ceil(LANES) | 1) * LANES
}

impl Activations {
    /// Makes room for `tokens` vectors of up to `n`, which so many threads will put. Memory once taken is kept.
    pub(crate) fn resize(&mut self, n: usize, tokens: usize, forms: Forms, threads: usize) {
        (self.n, self.tokens, self.forms) = (n, tokens, forms);
        self.laned = forms.codes.in_lanes(tokens, threads);
        self.group = forms.group(tokens, threads).unwrap_or(1);
        let numbers = if forms.numbers { tokens * stride(n) } else { 0 };
        let (all, tiling) = (groups(n), forms.codes.tiling(tokens, threads));
        let groups = if forms.codes.wanted && tokens < MANY_CODES { tokens * all } else { 0 };
        self.numbers.grow(numbers);
        self.pairs.grow(if forms.pairs { tokens * stride(n / 2) } else { 0 });
        grow(&mut self.codes, groups, GroupCodes([0; GROUP]));
        grow(&mut self.scales, groups, 0.0);
        grow(&mut self.sums, groups, 0);
        grow(&mut self.shifts, groups, 0.0);
        if let Some(tiling) = tiling {
            self.tiles.resize(tiling, all, forms.codes.words);
        }
        if self.laned {
            self.lanes.resize(tokens, all);
        }
        if forms.spans.wanted {
            let tiling = forms.spans.tiling(tokens, threads);
            self.spans.resize(tokens, n.div_ceil(SPAN), tiling, forms.spans.words);
        }
        self.part_tiles.resize(Cut::new(tokens, n, forms.parts));
    }

    /// To be filled by many threads.
    pub(crate) fn share(&mut self) -> SharedActivations<'_> {
        SharedActivations {
            n: self.n,
            tokens: self.tokens,
            forms: self.forms,
            numbers: Shared::new(&mut self.numbers),
            pairs: Shared::new(&mut self.pairs),
            codes: Shared::new(&mut self.codes),
            scales: Shared::new(&mut self.scales),
            sums: Shared::new(&mut self.sums),
            shifts: Shared::new(&mut self.shifts),
            tiles: self.tiles.share(),
            lanes: self.lanes.share(),
            laned: self.laned,
            group: self.group,
            spans: self.spans.share(),
            part_tiles: self.part_tiles.share(),
        }
    }
}

/// [`Activations`] at work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedActivations<'a> {
    n: usize,
    tokens: usize,
    forms: Forms,
    numbers: Shared<'a>,
    pairs: Shared<'a>,
    codes: Shared<'a, GroupCodes>,
    scales: Shared<'a>,
    sums: Shared<'a, i32>,
    shifts: Shared<'a>,
    tiles: SharedCodeTiles<'a>,
    lanes: SharedLaneCodes<'a>,
    laned: bool,
    group: usize,
    spans: SharedSpanCodes<'a>,
    part_tiles: SharedPartTiles<'a>,
}

impl<'a> SharedActivations<'a> {
    /// The same room for vectors of `n`, no more than it was made for.
    pub(crate) fn of(self, n: usize) -> Self {
        assert!(n <= self.n, "room for the vectors");
        Self { n, ..self }
    }

    /// [`Forms::group`], or one, for the threads that room was made for.
    pub(crate) fn group(&self) -> usize {
        self.group
    }

    /// Puts the vector of `token` in.
    ///
    /// # Safety
    /// Nobody else writes or reads this token's vector meanwhile, nor those of its [`SharedActivations::group`].
    #[inline(always)]
    pub(crate) unsafe fn put<I: Isa>(&self, isa: I, token: usize, x: &[f32]) {
        if self.forms.numbers {
            let start = token * stride(self.n);
            // SAFETY: this token's numbers, which the caller keeps to itself.
            let out = unsafe { self.numbers.part(start..start + self.n.next_multiple_of(LANES)) };
            if self.tokens >= MANY {
                by_class(
                    isa,
                    #[inline(always)]
                    |row| numbers_of(isa, x, row),
                    out,
                );
            } else {
                let (head, tail) = out.split_at_mut(x.len());
                head.copy_from_slice(x);
                tail.fill(0.0);
            }
        }
        if self.forms.pairs {
            let start = token * stride(self.n / 2);
            // SAFETY: as above.
            let out = unsafe { self.pairs.part(start..start + self.n / STEP * PAIRS) };
            let steps = x.as_chunks::<STEP>().0;
            if self.tokens >= MANY {
                by_class(
                    isa,
                    #[inline(always)]
                    |row| isa.load(&pairs_of(&steps[row])),
                    out,
                );
            } else {
                for (step, out) in steps.iter().zip(out.as_chunks_mut().0) {
                    *out = pairs_of(step);
                }
            }
        }
        let Forms { codes: forms, spans, .. } = self.forms;
        if self.laned {
            let groups = groups(self.n);
            quantize(
                isa,
                x,
                #[inline(always)]
                // SAFETY: as above; the caller keeps away who puts the others of its group.
                |at, group| unsafe { self.lanes.put(token, (at, groups), &group) },
            );
        } else if forms.wanted && self.tokens >= MANY_CODES {
            let groups = groups(self.n);
            quantize(
                isa,
                x,
                #[inline(always)]
                // SAFETY: as above.
                |at, group| unsafe { self.tiles.put(isa, token, (at, groups), group, forms.words) },
            );
        } else if forms.wanted {
            let groups = groups(self.n);
            let of = token * groups..(token + 1) * groups;
            // SAFETY: as above.
            let codes = unsafe { self.codes.part(of.clone()) };
            // SAFETY: as above.
            let scales = unsafe { self.scales.part(of.clone()) };
            // SAFETY: as above.
            let sums = unsafe { self.sums.part(of.clone()) };
            // SAFETY: as above.
            let shifts = unsafe { self.shifts.part(of) };
            quantize(
                isa,
                x,
                #[inline(always)]
                |at, group| {
                    (codes[at], scales[at], sums[at]) = (group.codes, group.scale, group.sum);
                    shifts[at] = group.shift();
                },
            );
        }
        if spans.wanted {
            // SAFETY: as above.
            unsafe { self.spans.put(isa, token, x, spans.words) };
        }
        if self.forms.parts > 0 {
            // SAFETY: as above.
            unsafe { self.part_tiles.put(isa, self.cut(), token, x) };
        }
    }

    fn cut(&self) -> Cut {
        Cut::new(self.tokens, self.n, self.forms.parts)
    }

    /// All vectors, to be read.
    ///
    /// # Safety
    /// Every vector is in, before a barrier that this thread has passed, and nobody writes while the input is used.
    pub(crate) unsafe fn input(&self) -> Input<'a> {
        // SAFETY: the caller keeps writers away.
        let numbers = unsafe { self.numbers.view(0..self.numbers.len()) };
        // SAFETY: as above.
        let pairs = unsafe { self.pairs.view(0..self.pairs.len()) };
        // SAFETY: as above.
        let codes = unsafe { self.codes.view(0..self.codes.len()) };
        // SAFETY: as above.
        let scales = unsafe { self.scales.view(0..self.scales.len()) };
        // SAFETY: as above.
        let sums = unsafe { self.sums.view(0..self.sums.len()) };
        // SAFETY: as above.
        let shifts = unsafe { self.shifts.view(0..self.shifts.len()) };
        // SAFETY: as above.
        let tiles = unsafe { self.tiles.view() };
        // SAFETY: as above.
        let lanes = unsafe { self.lanes.view() };
        // SAFETY: as above.
        let spans = unsafe { self.spans.view() };
        // SAFETY: as above.
        let part_tiles = unsafe { self.part_tiles.view() };
        Input {
            n: self.n,
            tokens: self.tokens,
            numbers,
            pairs,
            codes,
            scales,
            sums,
            shifts,
            tiles,
            lanes,
            laned: self.laned,
            spans,
            cut: self.cut(),
            part_tiles,
        }
    }
}

/// Vectors to be multiplied; what each part holds: [`Activations`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) n: usize,
    pub(crate) tokens: usize,
    numbers: &'a [f32],
    pairs: &'a [f32],
    codes: &'a [GroupCodes],
    scales: &'a [f32],
    sums: &'a [i32],
    shifts: &'a [f32],
    tiles: CodeTilesView<'a>,
    lanes: LaneCodesView<'a>,
    laned: bool,
    spans: SpanCodesView<'a>,
    cut: Cut,
    part_tiles: &'a [u32],
}

/// One token's groups of codes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codes<'a> {
    pub(crate) codes: &'a [GroupCodes],
    pub(crate) scales: &'a [f32],
    pub(crate) sums: &'a [i32],
    pub(crate) shifts: &'a [f32],
}

impl<'a> Input<'a> {
    /// One token's numbers, zeros up to whole lanes included; by class for many tokens.
    #[inline(always)]
    pub(crate) fn numbers(&self, token: usize) -> &'a [f32] {
        &self.numbers[token * stride(self.n)..][..self.n.next_multiple_of(LANES)]
    }

    /// One token's pairs of bf16; by class for many tokens.
    #[inline(always)]
    pub(crate) fn pairs(&self, token: usize) -> &'a [f32] {
        &self.pairs[token * stride(self.n / 2)..][..self.n / STEP * PAIRS]
    }

    /// The codes of the tile of `T` tokens that begins with `token`.
    #[inline(always)]
    pub(crate) fn tile<const T: usize>(&self, token: usize) -> CodeTile<'a, T> {
        self.tiles.tile(token, groups(self.n))
    }

    /// Whether codes are one token to a lane.
    #[inline(always)]
    pub(crate) fn is_laned(&self) -> bool {
        self.laned
    }

    /// The codes of the sixteen tokens from `token` on.
    #[inline(always)]
    pub(crate) fn lanes(&self, token: usize) -> &'a [LaneGroup] {
        self.lanes.sixteen(token, groups(self.n))
    }

    /// One token's spans of codes.
    #[inline(always)]
    pub(crate) fn spans(&self, token: usize) -> &'a [CodedSpan] {
        self.spans.spans(token, self.n.div_ceil(SPAN))
    }

    /// The spans of the tile of `T` tokens that begins with `token`.
    #[inline(always)]
    pub(crate) fn span_tile<const T: usize>(&self, token: usize) -> SpanTile<'a, T> {
        self.spans.tile(token, self.n.div_ceil(SPAN))
    }

    /// How the tokens are cut into tiles of parts.
    #[inline(always)]
    pub(crate) fn cut(&self) -> Cut {
        self.cut
    }

    /// The parts of tile number `tile`. Of tokens that there are not they hold anything.
    #[inline(always)]
    pub(crate) fn part_tile(&self, tile: usize) -> &'a [u32] {
        let words = self.cut.tile_words();
        &self.part_tiles[tile * words..(tile + 1) * words]
    }

    /// One token's groups, empty ones up to eights included.
    #[inline(always)]
    pub(crate) fn codes(&self, token: usize) -> Codes<'a> {
        let groups = groups(self.n);
        let of = token * groups..(token + 1) * groups;
        Codes {
            codes: &self.codes[of.clone()],
            scales: &self.scales[of.clone()],
            sums: &self.sums[of.clone()],
            shifts: &self.shifts[of],
        }
    }
}

/// Numbers `16 row..` of `x`, and zeros where it ends.
#[inline(always)]
fn numbers_of<I: Isa>(isa: I, x: &[f32], row: usize) -> I::Lanes {
    let (chunks, tail) = x.as_chunks::<LANES>();
    if let Some(chunk) = chunks.get(row) {
        return isa.load(chunk);
    }
    let mut last = [0.0; LANES];
    last[..tail.len()].copy_from_slice(tail);
    isa.load(&last)
}

/// A step as pairs of bf16, whose bits these are.
#[inline(always)]
fn pairs_of(x: &[f32; STEP]) -> [f32; PAIRS] {
    take_part(&mut { *x }).map(f32::from_bits)
}

/// The sixteen items of every `row(n)` by class: those of one place in all rows side by side.
#[inline(always)]
fn by_class<I: Isa>(isa: I, row: impl Fn(usize) -> I::Lanes, out: &mut [f32]) {
    let rows = out.len() / LANES;
    let whole = rows - rows % LANES;
    for first in (0..whole).step_by(LANES) {
        let turned = isa.transpose(list!(LANES, isa.splat(0.0), |n| row(first + n)));
        for class in 0..LANES {
            let out = &mut out[class * rows + first..][..LANES];
            isa.store(turned[class], &mut out.as_chunks_mut().0[0]);
        }
    }
    for last in whole..rows {
        let mut items = [0.0; LANES];
        isa.store(row(last), &mut items);
        for (class, x) in items.into_iter().enumerate() {
            out[class * rows + last] = x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::tests::on_every_path;
    use crate::groups::EIGHT;

    fn filled(isa: impl Isa, x: &[f32], tokens: usize) -> Activations {
        let mut activations = Activations::default();
        let codes = CodeForms { wanted: true, most: 12, words: true, laned: false };
        let forms = Forms { numbers: true, pairs: true, codes, spans: codes, parts: 2 };
        activations.resize(x.len() / tokens, tokens, forms, 1);
        let shared = activations.share();
        for (token, x) in x.chunks_exact(x.len() / tokens).enumerate() {
            // SAFETY: there is only this thread.
            isa.run(|| unsafe { shared.put(isa, token, x) });
        }
        activations
    }

    #[test]
    fn codes_are_within_half_a_step() {
        fn check(isa: impl Isa) {
            for n in [1, 31, 32, 33, 100, 300] {
                let x: Vec<f32> = (0..n).map(|i| (i as f32 * 0.77).sin() * (i as f32 * 0.1).exp()).collect();
                let mut activations = filled(isa, &x, 1);
                // SAFETY: there is only this thread.
                let codes = unsafe { activations.share().input() }.codes(0);
                assert_eq!(codes.codes.len() % EIGHT, 0);
                for (i, x) in x.iter().enumerate() {
                    let scale = codes.scales[i / GROUP];
                    let code = f32::from(codes.codes[i / GROUP].0[i % GROUP]);
                    assert!((x - scale * code).abs() <= 0.5001 * scale, "{x} as {code} times {scale}");
                }
                for (group, found) in codes.codes.iter().enumerate() {
                    let sum: i32 = found.0.iter().map(|code| i32::from(*code)).sum();
                    assert_eq!(codes.sums[group], sum);
                    assert_eq!(codes.shifts[group], codes.scales[group] * sum as f32);
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
                let mut x = [0.0; 64];
                x[40] = odd;
                let mut activations = filled(isa, &x, 1);
                // SAFETY: there is only this thread.
                let codes = unsafe { activations.share().input() }.codes(0);
                assert_eq!((codes.scales[0], codes.codes[0].0), (0.0, [0; GROUP]));
                assert_eq!(codes.scales[1].is_nan(), want_nan, "{odd}");
            }
        }
        on_every_path!(check);
    }

    #[test]
    fn classes_gather_every_sixteenth_number() {
        fn check(isa: impl Isa) {
            for n in [1usize, 15, 16, 20, 256, 300, 528] {
                let x: Vec<f32> = (1..=n).map(|n| n as f32).collect();
                let rows = n.div_ceil(LANES);
                let mut out = vec![-1.0; rows * LANES];
                isa.run(
                    #[inline(always)]
                    || by_class(isa, |row| numbers_of(isa, &x, row), &mut out),
                );
                for (at, got) in out.iter().enumerate() {
                    let want = x.get(at % rows * LANES + at / rows).copied().unwrap_or(0.0);
                    assert_eq!(*got, want, "{at} of {n}");
                }
            }
        }
        on_every_path!(check);
    }
}
