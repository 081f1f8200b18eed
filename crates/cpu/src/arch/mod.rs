//! Instruction sets. The kernels are written once, over [`Isa`], and compiled once per instruction set.
//!
//! A value of an [`Isa`] type is the proof that this machine has those instructions: it is made by detection when
//! a model is loaded, and [`Isa::run`] compiles whatever is inlined into its closure for them. Kernels are
//! therefore generic functions marked `#[inline(always)]`, called from `isa.run(#[inline(always)] || ...)`: what is
//! left out of line is compiled for the target at large, where `mul_add` is a library call a hundred times slower.
//!
//! The trait has three parts. One is f32 arithmetic on [`LANES`] numbers. Another is integer dot products of the
//! block types with activations in 8 bits, which give exact sums of 32 products and so the same on every path. The third is
//! those products, and such of bf16 numbers, for a tile of tokens at once ([`Tiles`], [`Bf16Tiles`]), which only some machines
//! have instructions for.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod headers;
#[cfg(target_arch = "x86_64")]
mod maker;
#[cfg(target_arch = "x86_64")]
mod nibbles;
mod path;
mod portable;
mod reading;
mod tiles;
#[cfg(target_arch = "x86_64")]
mod turns;

use crate::code_tiles::GroupCodes;
use crate::groups::EIGHT;

#[cfg(target_arch = "x86_64")]
pub(crate) use amx::Amx;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::{Avx512, Bf16, Plain, Vnni};
pub(crate) use headers::{HEADERS, wholes_of_k};
pub use path::Path;
pub(crate) use path::{Missing, Nothing, With};
pub(crate) use portable::Portable;
pub(crate) use reading::{MANY_PLACES, Reading};
use tiles::both;
pub(crate) use tiles::{Bf16Tiles, CutPanel, PlainCells, SignedQuads, Sixteen, TILE_TOKENS, TileSums, Tiles};

/// The list of `$n` values of `$value`, each for its number. As `std::array::from_fn`, which the compiler may leave out of
/// line and so outside the instruction set that a kernel is compiled for.
macro_rules! list {
    ($n:expr, $filler:expr, |$number:ident| $value:expr) => {{
        let mut list = [$filler; $n];
        for $number in 0..$n {
            list[$number] = $value;
        }
        list
    }};
}
pub(crate) use list;

/// Numbers that a kernel works on side by side, and so the partial sums of one dot product, on every path.
pub(crate) const LANES: usize = 16;

/// Rows of a panel: matrices meet many tokens in panels of this many rows, one to a lane.
pub(crate) const PANEL: usize = LANES;

/// Numbers that share a scale in the integer products.
pub(crate) const GROUP: usize = 32;

/// The bits of 1.5 * 2^23. A whole number of less than 2^22 in magnitude that is added to them is added to what they stand for,
/// so that a sum becomes f32 and is scaled in one step.
pub(crate) const BIAS: i32 = 0x4b40_0000;

/// What they stand for, less.
pub(crate) const LESS: f32 = -12_582_912.0;

// What a group's products come to, at most: less than what may be added to `BIAS`.
const _: () = assert!(GROUP * 255 * 127 < 1 << 22);

/// Where [`Isa::cut_words`] cuts.
pub(crate) const LOW_BITS: u32 = 6;

/// [`Isa::add_four_nibbles`], number by number.
#[inline(always)]
fn four_nibbles<I: Isa>(
    isa: I,
    spans: [&[[u8; 18]; EIGHT]; 4],
    x: &[GroupCodes; EIGHT],
    scales: &[f32; EIGHT],
    counts: &[i32; EIGHT],
    sums: [I::Lanes; 2],
) -> [I::Lanes; 2] {
    let mut numbers = [[0.0; LANES]; 2];
    isa.store(sums[0], &mut numbers[0]);
    isa.store(sums[1], &mut numbers[1]);
    for (row, span) in spans.into_iter().enumerate() {
        for (group, block) in span.iter().enumerate() {
            let [scale, _] = isa.half_pair(u16::from_le_bytes([block[0], block[1]]).into());
            let mut total = -8 * counts[group];
            for n in 0..GROUP / 2 {
                let (code, x) = (block[2 + n], &x[group].0);
                total += i32::from(code & 15) * i32::from(x[n]);
                total += i32::from(code >> 4) * i32::from(x[GROUP / 2 + n]);
            }
            let sum = &mut numbers[group / 4][4 * (group % 4) + row];
            *sum = isa.mul_add(total as f32 * scale, scales[group], *sum);
        }
    }
    [isa.load(&numbers[0]), isa.load(&numbers[1])]
}

/// [`Isa::lanes_of_quads`], a pair of numbers at a time.
#[inline(always)]
fn lanes_in_pairs<I: Isa, const R: usize, const V: usize>(
    isa: I,
    x: [&[[[i8; 4]; LANES]; GROUP / 4]; V],
    rows: [&[u8; GROUP]; R],
    from: [I::Sums; V],
) -> [[I::Sums; V]; R] {
    let rows = rows
        .map(|row| list!(GROUP / 2, [0; 2], |pair| [i16::from(row[2 * pair]), i16::from(row[2 * pair + 1])]));
    let mut sums = [from; R];
    for (v, x) in x.into_iter().enumerate() {
        let mut pairs = [[[0; 4]; LANES]; GROUP / 2];
        for (pair, lanes) in pairs.iter_mut().enumerate() {
            for (lane, bytes) in lanes.iter_mut().enumerate() {
                let [a, b] = [0, 1].map(|n| i16::from(x[pair / 2][lane][pair % 2 * 2 + n]).to_le_bytes());
                *bytes = [a[0], a[1], b[0], b[1]];
            }
        }
        let found = isa.pairs(&pairs, rows.each_ref(), [from[v]; R]);
        for (sums, found) in sums.iter_mut().zip(found) {
            sums[v] = found;
        }
    }
    sums
}

/// An instruction set that this machine is known to have.
pub(crate) trait Isa: Copy + Send + Sync + 'static {
    /// [`LANES`] f32 numbers.
    type Lanes: Copy;
    /// 8 f32 numbers.
    type Eight: Copy;
    /// 32 bytes, signed or not.
    type Bytes: Copy;
    /// 8 sums of i32.
    type Ints: Copy;
    /// A sum of i32 for each row of a panel.
    type Sums: Copy;
    /// The 16 scales of a span, two to a group, which may be the same.
    type Scales: Copy;
    /// The headers of four blocks of a K type.
    type Headers: Copy;

    /// What multiplies a tile of tokens with a panel, set up for use.
    type Tiles: Tiles;

    /// The same for bf16.
    type Bf16Tiles: Bf16Tiles;

    /// Whether they are faster than [`Isa::quads`] and [`Isa::lanes_mul_add`].
    const TILED: bool = false;

    /// Whether [`Isa::lanes_dot_bf16`] is faster than two of [`Isa::lanes_mul_add`], where [`Path::choose`] takes the path.
    const PAIRED: bool = false;

    /// Whether [`Isa::add_four_nibbles`] is faster than row by row.
    const FOUR_NIBBLES: bool = false;

    /// Tokens that share a pass over a panel, an even number, at most [`MAX_TILE`]: as many as leave all sums in registers.
    const TILE: usize;

    /// Panels of f32 numbers that a tile meets together, 1 or 2: with two, a number that is loaded serves two products.
    const PANELS: usize = 1;

    /// Bytes of panels that a task of many tokens keeps, where these come in several tiles: about half of what the second-level cache of such machines holds,
    /// the rest of which is for the tokens.
    const TASK_BYTES: usize = 256 << 10;

    /// Whether [`Isa::lanes_of_quads`] is faster than [`Isa::quads`]; never where [`Isa::TILED`].
    const LANED: bool = false;

    /// The widest codes that panels hold as bytes ([`Isa::quads`]); wider ones are widened ([`Isa::pairs`]).
    const QUAD_BITS: u32;

    /// How memory is best read.
    fn reading(self) -> Reading {
        Reading::PLAIN
    }

    /// Runs `kernel`, compiled for this instruction set together with all that is inlined into it.
    fn run<R>(self, kernel: impl FnOnce() -> R) -> R;

    /// `a * b + c`, rounded once where the machine can. Only fast inside [`Isa::run`].
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32;

    /// Asks for the cache line at `at`, which need not lie in any buffer.
    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        let _ = at;
    }

    /// The same, no nearer than the second-level cache: for what is read soon, but not at once. More of these can be under way.
    #[inline(always)]
    fn prefetch_second(self, at: *const u8) {
        let _ = at;
    }

    /// Asks for the cache line at `at`, which need not lie in any buffer, to write: no other core keeps it.
    #[inline(always)]
    fn prefetch_to_write(self, at: *const u8) {
        let _ = at;
    }

    /// Asks for the memory so many bytes past the beginning of `x`, as much as `x` takes; for nothing where that is 0.
    #[inline(always)]
    fn prefetch_ahead<T>(self, x: &T, ahead: usize) {
        if ahead > 0 {
            let ahead = std::ptr::from_ref(x).cast::<u8>().wrapping_add(ahead);
            for line in (0..size_of::<T>()).step_by(64) {
                self.prefetch_second(ahead.wrapping_add(line));
            }
        }
    }

    /// Asks for all cache lines of `x`, which will be read soon, but not at once.
    #[inline(always)]
    fn prefetch_far<T>(self, x: &[T]) {
        for line in (0..size_of_val(x)).step_by(64) {
            self.prefetch_second(x.as_ptr().cast::<u8>().wrapping_add(line));
        }
    }

    /// The numbers of `x`.
    fn load(self, x: &[f32; LANES]) -> Self::Lanes;

    /// The same number [`LANES`] times.
    fn splat(self, x: f32) -> Self::Lanes;

    /// `a * b` on every lane.
    fn lanes_mul(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;

    /// `a + b` on every lane.
    fn lanes_add(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;

    /// [`Isa::mul_add`] on every lane.
    fn lanes_mul_add(self, a: Self::Lanes, b: Self::Lanes, c: Self::Lanes) -> Self::Lanes;

    /// For lanes that hold the bits of two bf16 numbers each: `c`, the product of the upper ones and that of the lower ones,
    /// rounded after each. Subnormal numbers may be taken for zero.
    #[inline(always)]
    fn lanes_dot_bf16(self, a: Self::Lanes, b: Self::Lanes, c: Self::Lanes) -> Self::Lanes {
        let [a, b, mut sums] = [a, b, c].map(|lanes| {
            let mut numbers = [0.0; LANES];
            self.store(lanes, &mut numbers);
            numbers
        });
        for lane in 0..LANES {
            let ([low, high], [x, y]) = (both(a[lane].to_bits()), both(b[lane].to_bits()));
            sums[lane] = self.mul_add(low, x, self.mul_add(high, y, sums[lane]));
        }
        self.load(&sums)
    }

    /// `c - a * b` on every lane, rounded as [`Isa::mul_add`].
    fn lanes_neg_mul_add(self, a: Self::Lanes, b: Self::Lanes, c: Self::Lanes) -> Self::Lanes;

    /// The numbers of all lanes.
    fn store(self, lanes: Self::Lanes, out: &mut [f32; LANES]);

    /// The sum of all lanes: halves are added until one is left.
    fn fold(self, lanes: Self::Lanes) -> f32;

    /// Reads 16 f32 numbers.
    fn read_f32(self, bytes: &[u8; 64]) -> Self::Lanes;

    /// Reads 16 f16 numbers.
    fn read_f16(self, bytes: &[u8; 32]) -> Self::Lanes;

    /// Reads 16 bf16 numbers.
    fn read_bf16(self, bytes: &[u8; 32]) -> Self::Lanes;

    /// Rows become columns.
    fn transpose(self, rows: [Self::Lanes; LANES]) -> [Self::Lanes; LANES];

    /// The f16 numbers in the lower and in the upper half of `bits`.
    fn half_pair(self, bits: u32) -> [f32; 2];

    /// The f16 numbers in the lower halves of `bits`. Whole words are loaded faster: what loads two bytes into a register waits
    /// for what was in the rest of it.
    fn halves(self, bits: [u32; 8]) -> Self::Eight;

    /// Eight numbers.
    fn load_eight(self, x: &[f32; 8]) -> Self::Eight;

    /// The same number eight times.
    fn splat_eight(self, x: f32) -> Self::Eight;

    /// `a * b`.
    fn eight_mul(self, a: Self::Eight, b: Self::Eight) -> Self::Eight;

    /// [`Isa::mul_add`].
    fn eight_mul_add(self, a: Self::Eight, b: Self::Eight, c: Self::Eight) -> Self::Eight;

    /// The numbers themselves.
    fn store_eight(self, x: Self::Eight, out: &mut [f32; 8]);

    /// The sum of all eight: halves are added until one is left.
    fn fold_eight(self, x: Self::Eight) -> f32;

    /// Rows of eight numbers become columns.
    fn turn_eight(self, rows: [Self::Eight; 8]) -> [Self::Eight; 8];

    /// 32 bytes.
    fn bytes(self, bytes: &[u8; 32]) -> Self::Bytes;

    /// 32 signed bytes.
    fn signed_bytes(self, bytes: &[i8; 32]) -> Self::Bytes;

    /// The largest magnitude of `x`; infinity or NaN where `x` holds such.
    fn largest(self, x: &[f32; GROUP]) -> f32;

    /// `x` times `scale`, rounded to the nearest, half to even: below 128 in magnitude, or anything. Returns the
    /// sums of both halves.
    fn round(self, x: &[f32; GROUP], scale: f32, out: &mut [i8; GROUP]) -> [i32; 2];

    /// The low nibbles of 16 bytes, then their high nibbles.
    fn nibbles(self, bytes: &[u8; 16]) -> Self::Bytes;

    /// Each byte shifted right by `by` (0 to 7), and the bits of `mask`.
    fn shift_right(self, x: Self::Bytes, by: usize, mask: u8) -> Self::Bytes;

    /// Each byte's bits of `mask`, shifted left by `by`, beyond which no bit of `mask` may go.
    fn shift_left(self, x: Self::Bytes, by: usize, mask: u8) -> Self::Bytes;

    /// Bits of either.
    fn or(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;

    /// Byte n is 16 where bit n is set, else 0.
    fn sixteens(self, bits: u32) -> Self::Bytes;

    /// Each byte, which is below 16, becomes the byte of `table` that it names.
    fn look_up(self, table: &[u8; 16], x: Self::Bytes) -> Self::Bytes;

    /// The bytes themselves.
    fn store_bytes(self, x: Self::Bytes, out: &mut [u8; 32]);

    /// Rows of eight quads of bytes become columns of quads.
    fn turn(self, rows: [Self::Bytes; 8]) -> [Self::Bytes; 8];

    /// The same, into half `half` of as many columns of a panel.
    #[inline(always)]
    fn turn_half(self, rows: [Self::Bytes; 8], half: usize, out: &mut [[[u8; 4]; PANEL]]) {
        for (column, out) in self.turn(rows).into_iter().zip(out) {
            self.store_bytes(column, &mut out.as_flattened_mut().as_chunks_mut().0[half]);
        }
    }

    /// The same for all rows of a panel, each of which `row` is asked for once: quad `n` of every row goes to column `n` of `out`.
    /// Where `signed`, bytes come out counted from -128 up ([`Isa::unsigned`]).
    #[inline(always)]
    fn turn_panel(
        self,
        signed: bool,
        row: impl Fn(usize) -> Self::Bytes,
        out: &mut [[[u8; 4]; PANEL]; GROUP / 4],
    ) {
        for half in 0..PANEL / 8 {
            let mut rows = list!(8, self.bytes(&[0; GROUP]), |n| row(8 * half + n));
            if signed {
                rows = list!(8, rows[0], |n| self.unsigned(rows[n]));
            }
            self.turn_half(rows, half, out);
        }
    }

    /// Signed bytes counted from -128 up: each plus 128.
    fn unsigned(self, x: Self::Bytes) -> Self::Bytes;

    /// Each byte less `by`, beyond which it wraps.
    fn less(self, x: Self::Bytes, by: u8) -> Self::Bytes;

    /// Unsigned bytes less `offset`, in 16 bits.
    fn words(self, x: Self::Bytes, offset: i16) -> [Self::Bytes; 2];

    /// Signed bytes in 16 bits.
    fn signed_words(self, x: Self::Bytes) -> [Self::Bytes; 2];

    /// 16 words times `by`, of which the low 16 bits stay.
    fn words_mul(self, x: Self::Bytes, by: i16) -> Self::Bytes;

    /// 32 words in two parts of a byte each: the lowest [`LOW_BITS`], and what is above them, which is signed and has to fit.
    fn cut_words(self, x: [Self::Bytes; 2]) -> [Self::Bytes; 2];

    /// Partial sums of the products of `codes` (0 to 127) and `x` (signed, not -128): all eight add up to the whole.
    fn dot_codes(self, codes: Self::Bytes, x: Self::Bytes) -> Self::Ints;

    /// The same for signed `codes`.
    fn dot_signed(self, codes: Self::Bytes, x: Self::Bytes) -> Self::Ints;

    /// Scales ready for [`Isa::dot_scaled`].
    fn scales(self, scales: &[i8; 16]) -> Self::Scales;

    /// The same for one scale a group, 0 to 127, the lowest byte first.
    fn scales_of_groups(self, scales: u64) -> Self::Scales;

    /// As [`Isa::dot_codes`] for codes of 0 to 63, the first 16 products times the first scale of group `group`, the others
    /// times its second.
    fn dot_scaled(self, codes: Self::Bytes, x: Self::Bytes, scales: Self::Scales, group: usize)
    -> Self::Ints;

    /// The same, added to `sums`.
    #[inline(always)]
    fn dot_scaled_add(
        self,
        sums: Self::Ints,
        codes: Self::Bytes,
        x: Self::Bytes,
        scales: Self::Scales,
        group: usize,
    ) -> Self::Ints {
        self.ints_add(sums, self.dot_scaled(codes, x, scales, group))
    }

    /// For each of eight groups, `scales` times `sums`, both two to a group, added up.
    fn scaled_sums(self, scales: &[i8; 16], sums: &[i16; 16]) -> Self::Ints;

    /// `x << 5`.
    fn ints_times_32(self, x: Self::Ints) -> Self::Ints;

    /// The whole sum of each, in order.
    fn totals(self, sums: [Self::Ints; 8]) -> Self::Ints;

    /// The same where the sum of any half fits in 16 bits.
    #[inline(always)]
    fn small_totals(self, sums: [Self::Ints; 8]) -> Self::Ints {
        self.totals(sums)
    }

    /// Eight i32 numbers.
    fn load_ints(self, x: &[i32; 8]) -> Self::Ints;

    /// `a + b`.
    fn ints_add(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;

    /// The sum of all eight, and that of the products of eight unsigned `bytes`, the lowest first, and as many words; as f32.
    fn sum_and_dot(self, x: Self::Ints, bytes: u64, words: &[[i16; 2]; 4]) -> [f32; 2];

    /// Adds to `sums` the products of four rows of Q4_0 with a token's codes `x`, which have `scales` and add up to `counts`:
    /// those of group `g` to number `4 * (g % 4)` of [`Self::Lanes`] number `g / 4`, and each further row's behind them.
    #[inline(always)]
    fn add_four_nibbles(
        self,
        spans: [&[[u8; 18]; EIGHT]; 4],
        x: &[GroupCodes; EIGHT],
        scales: &[f32; EIGHT],
        counts: &[i32; EIGHT],
        sums: [Self::Lanes; 2],
    ) -> [Self::Lanes; 2] {
        four_nibbles(self, spans, x, scales, counts, sums)
    }

    /// The headers of four blocks of Q4_K or Q5_K.
    fn headers(self, blocks: [&[u8; 16]; HEADERS]) -> Self::Headers;

    /// The whole scales of block `n`, as [`Isa::scales_of_groups`] has them.
    fn scales_of_header(self, headers: &Self::Headers, n: usize) -> Self::Scales;

    /// Adds to each sum what its block comes to: the whole of its `totals` and the dot product of its minima with `words`, as
    /// f32 times their factors, the latter less, and the difference times `scale`.
    fn add_under_headers(
        self,
        headers: &Self::Headers,
        totals: [Self::Ints; HEADERS],
        words: &[[i16; 2]; 4],
        scale: f32,
        sums: &mut [f32; HEADERS],
    );

    /// `a - b`.
    fn ints_sub(self, a: Self::Ints, b: Self::Ints) -> Self::Ints;

    /// As f32.
    fn ints_to_eight(self, x: Self::Ints) -> Self::Eight;

    /// `from`, and for each of `T` tokens the products of `N` quads (8 of a group, 4 of a half) with every row of a panel, summed:
    /// `panel` holds 4 codes of each row, for each quad. Codes are below `1 << BITS`, which is at most [`Isa::QUAD_BITS`].
    fn quads<const T: usize, const BITS: u32, const N: usize>(
        self,
        panel: &[[[u8; 4]; PANEL]; N],
        x: [&[[i8; 4]; N]; T],
        from: [Self::Sums; T],
    ) -> [Self::Sums; T];

    /// For each of `R` rows of codes, the products of a group with the tokens of every lane, summed, and `from`: for sixteen
    /// tokens, `V` times, `x` holds 4 codes of each, for each quad.
    #[inline(always)]
    fn lanes_of_quads<const R: usize, const V: usize>(
        self,
        x: [&[[[i8; 4]; LANES]; GROUP / 4]; V],
        rows: [&[u8; GROUP]; R],
        from: [Self::Sums; V],
    ) -> [[Self::Sums; V]; R] {
        lanes_in_pairs(self, x, rows, from)
    }

    /// As [`Isa::quads`] for `N` pairs of signed numbers in 16 bits: `panel` holds the bytes of 2 numbers of each row, for each pair.
    fn pairs<const T: usize, const N: usize>(
        self,
        panel: &[[[u8; 4]; PANEL]; N],
        x: [&[[i16; 2]; N]; T],
        from: [Self::Sums; T],
    ) -> [Self::Sums; T];

    /// The same number for every row.
    fn splat_sums(self, x: i32) -> Self::Sums;

    /// `a * b + c`, as whole numbers of 32 bits.
    fn sums_mul_add(self, a: Self::Sums, b: Self::Sums, c: Self::Sums) -> Self::Sums;

    /// The sums of numbers that were cut: those of their low bits, and those of what is above.
    fn sums_join(self, low: Self::Sums, high: Self::Sums) -> Self::Sums;

    /// As f32.
    fn sums_to_lanes(self, sums: Self::Sums) -> Self::Lanes;

    /// As f32, times `scale`: sums of less than 2^22 in magnitude, to which [`BIAS`] has been added. `less` is `scale` times
    /// [`LESS`], which a scale of f16 leaves exact. Of a scale that is infinite it may make a NaN.
    #[inline(always)]
    fn scale_biased(self, sums: Self::Sums, scale: Self::Lanes, less: Self::Lanes) -> Self::Lanes {
        let _ = less;
        let sums = self.sums_mul_add(sums, self.splat_sums(1), self.splat_sums(-BIAS));
        self.lanes_mul(self.sums_to_lanes(sums), scale)
    }

    /// Runs `work` with tiles of so many tokens, at most [`TILE_TOKENS`]; not within another's `work`.
    fn tiled<R>(self, tokens: usize, work: impl FnOnce(&Self::Tiles) -> R) -> R;

    /// The same for bf16.
    fn bf16_tiled<R>(self, tokens: usize, work: impl FnOnce(&Self::Bf16Tiles) -> R) -> R;

    /// Sums that lie in memory.
    fn load_sums(self, sums: &[i32; PANEL]) -> Self::Sums;

    /// `x`, at this point of the kernel. Left to itself a compiler may begin with all sums of a tile, and have no registers left
    /// for what they are added to, which took a tenth longer.
    #[inline(always)]
    fn settled(self, x: Self::Lanes) -> Self::Lanes {
        x
    }
}

/// The largest [`Isa::TILE`].
pub(crate) const MAX_TILE: usize = 12;

#[cfg(test)]
mod four_tests;
#[cfg(test)]
pub(crate) mod tests;
