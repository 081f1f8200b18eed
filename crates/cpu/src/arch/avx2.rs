//! x86-64 with 256-bit vectors, fused multiply-add and f16 conversion: Haswell, Zen and all that followed.
//!
//! Whatever takes more than one instruction is a function compiled for them, in which the instructions are safe; the
//! methods only enter it. All stand in one file, longer than most, because one `impl` cannot be parted, and each function
//! is read beside the method that enters it.

use std::arch::x86_64::*;

use super::headers::{Headers, add_under_headers, headers, scales_of_header};
use super::tiles::{PlainBf16, PlainTiles};
use super::{GROUP, HEADERS, Isa, LANES, LOW_BITS, Missing, PANEL, Reading, list};

/// Proof that this machine has AVX2, FMA and F16C, and how it reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(Reading);

impl Avx2 {
    /// The proof, where it holds.
    pub(crate) fn new() -> Result<Self, Missing> {
        Missing::unless("avx2", is_x86_feature_detected!("avx2"))?;
        Missing::unless("fma", is_x86_feature_detected!("fma"))?;
        Missing::unless("f16c", is_x86_feature_detected!("f16c"))?;
        Ok(Self(Reading::of_this_machine()))
    }
}

/// Enters functions compiled for AVX2, FMA and F16C.
macro_rules! enter {
    ($call:expr) => {
        // SAFETY: `self` proves that this machine has the instructions.
        unsafe { $call }
    };
}

impl Isa for Avx2 {
    type Lanes = [__m256; 2];
    type Eight = __m256;
    type Bytes = __m256i;
    type Ints = __m256i;
    type Sums = [__m256i; 2];
    type Scales = __m256i;
    type Headers = Headers;
    type Tiles = PlainTiles;
    type Bf16Tiles = PlainBf16;

    const TILE: usize = 6; // 12 of 16 registers hold sums
    const QUAD_BITS: u32 = 5;

    #[inline(always)]
    fn reading(self) -> Reading {
        self.0
    }

    #[inline(always)]
    fn run<R>(self, kernel: impl FnOnce() -> R) -> R {
        enter!(run(kernel))
    }

    // One instruction inside `run`, where FMA is on.
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn prefetch(self, at: *const u8) {
        enter!(_mm_prefetch::<_MM_HINT_T0>(at.cast()))
    }

    #[inline(always)]
    fn prefetch_second(self, at: *const u8) {
        enter!(_mm_prefetch::<_MM_HINT_T1>(at.cast()))
    }

    #[inline(always)]
    fn prefetch_to_write(self, at: *const u8) {
        // `_mm_prefetch` gives a prefetch to read unless the compiler is told of PREFETCHW.
        // SAFETY: no feature need be proven: processors without the instruction do nothing. It touches no memory that the
        // program sees, whatever the address, and changes no register or flag.
        unsafe {
            std::arch::asm!("prefetchw [{}]", in(reg) at.addr(), options(nomem, nostack, preserves_flags))
        }
    }

    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> Self::Lanes {
        enter!(load(x))
    }

    #[inline(always)]
    fn splat(self, x: f32) -> Self::Lanes {
        [enter!(_mm256_set1_ps(x)); 2]
    }

    #[inline(always)]
    fn lanes_mul(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
        [enter!(_mm256_mul_ps(a[0], b[0])), enter!(_mm256_mul_ps(a[1], b[1]))]
    }

    #[inline(always)]
    fn lanes_add(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes {
        [enter!(_mm256_add_ps(a[0], b[0])), enter!(_mm256_add_ps(a[1], b[1]))]
    }

    #[inline(always)]
    fn lanes_mul_add(self, a: Self::Lanes, b: Self::Lanes, c: Self::Lanes) -> Self::Lanes {
        [enter!(_mm256_fmadd_ps(a[0], b[0], c[0])), enter!(_mm256_fmadd_ps(a[1], b[1], c[1]))]
    }

    #[inline(always)]
    fn lanes_neg_mul_add(self, a: Self::Lanes, b: Self::Lanes, c: Self::Lanes) -> Self::Lanes {
        [enter!(_mm256_fnmadd_ps(a[0], b[0], c[0])), enter!(_mm256_fnmadd_ps(a[1], b[1], c[1]))]
    }

    #[inline(always)]
    fn store(self, lanes: Self::Lanes, out: &mut [f32; LANES]) {
        enter!(store(lanes, out));
    }

    #[inline(always)]
    fn fold(self, [low, high]: Self::Lanes) -> f32 {
        enter!(fold_eight(_mm256_add_ps(low, high)))
    }

    #[inline(always)]
    fn read_f32(self, bytes: &[u8; 64]) -> Self::Lanes {
        enter!(read_f32(bytes))
    }

    #[inline(always)]
    fn read_f16(self, bytes: &[u8; 32]) -> Self::Lanes {
        enter!(read_f16(bytes))
    }

    #[inline(always)]
    fn read_bf16(self, bytes: &[u8; 32]) -> Self::Lanes {
        enter!(read_bf16(bytes))
    }

    #[inline(always)]
    fn transpose(self, rows: [Self::Lanes; LANES]) -> [Self::Lanes; LANES] {
        enter!(transpose(rows))
    }

    #[inline(always)]
    fn half_pair(self, bits: u32) -> [f32; 2] {
        enter!(half_pair(bits))
    }

    #[inline(always)]
    fn halves(self, bits: [u32; 8]) -> __m256 {
        enter!(halves(bits))
    }

    #[inline(always)]
    fn load_eight(self, x: &[f32; 8]) -> __m256 {
        enter!(load_eight(x))
    }

    #[inline(always)]
    fn splat_eight(self, x: f32) -> __m256 {
        enter!(_mm256_set1_ps(x))
    }

    #[inline(always)]
    fn eight_mul(self, a: __m256, b: __m256) -> __m256 {
        enter!(_mm256_mul_ps(a, b))
    }

    #[inline(always)]
    fn eight_mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        enter!(_mm256_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn store_eight(self, x: __m256, out: &mut [f32; 8]) {
        enter!(_mm256_storeu_ps(out.as_mut_ptr(), x));
    }

    #[inline(always)]
    fn fold_eight(self, x: __m256) -> f32 {
        enter!(fold_eight(x))
    }

    #[inline(always)]
    fn turn_eight(self, rows: [__m256; 8]) -> [__m256; 8] {
        enter!(transpose_eight(rows))
    }

    #[inline(always)]
    fn bytes(self, bytes: &[u8; 32]) -> __m256i {
        enter!(load_bytes(bytes))
    }

    #[inline(always)]
    fn signed_bytes(self, bytes: &[i8; 32]) -> __m256i {
        enter!(load_signed(bytes))
    }

    #[inline(always)]
    fn largest(self, x: &[f32; GROUP]) -> f32 {
        enter!(largest(x))
    }

    #[inline(always)]
    fn round(self, x: &[f32; GROUP], scale: f32, out: &mut [i8; GROUP]) -> [i32; 2] {
        enter!(round(x, scale, out))
    }

    #[inline(always)]
    fn nibbles(self, bytes: &[u8; 16]) -> __m256i {
        enter!(nibbles(bytes))
    }

    #[inline(always)]
    fn shift_right(self, x: __m256i, by: usize, mask: u8) -> __m256i {
        enter!(shift_right(x, by, mask))
    }

    #[inline(always)]
    fn shift_left(self, x: __m256i, by: usize, mask: u8) -> __m256i {
        enter!(shift_left(x, by, mask))
    }

    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        enter!(_mm256_or_si256(a, b))
    }

    #[inline(always)]
    fn sixteens(self, bits: u32) -> __m256i {
        enter!(sixteens(bits))
    }

    #[inline(always)]
    fn look_up(self, table: &[u8; 16], x: __m256i) -> __m256i {
        enter!(look_up(table, x))
    }

    #[inline(always)]
    fn store_bytes(self, x: __m256i, out: &mut [u8; 32]) {
        enter!(_mm256_storeu_si256(out.as_mut_ptr().cast(), x));
    }

    #[inline(always)]
    fn turn(self, rows: [__m256i; 8]) -> [__m256i; 8] {
        enter!(turn(rows))
    }

    #[inline(always)]
    fn unsigned(self, x: __m256i) -> __m256i {
        enter!(_mm256_xor_si256(x, _mm256_set1_epi8(-128)))
    }

    #[inline(always)]
    fn less(self, x: __m256i, by: u8) -> __m256i {
        enter!(_mm256_sub_epi8(x, _mm256_set1_epi8(by as i8)))
    }

    #[inline(always)]
    fn words(self, x: __m256i, offset: i16) -> [__m256i; 2] {
        enter!(words(x, offset))
    }

    #[inline(always)]
    fn signed_words(self, x: __m256i) -> [__m256i; 2] {
        enter!(signed_words(x))
    }

    #[inline(always)]
    fn words_mul(self, x: __m256i, by: i16) -> __m256i {
        enter!(_mm256_mullo_epi16(x, _mm256_set1_epi16(by)))
    }

    #[inline(always)]
    fn cut_words(self, x: [__m256i; 2]) -> [__m256i; 2] {
        enter!(cut_words(x))
    }

    #[inline(always)]
    fn dot_codes(self, codes: __m256i, x: __m256i) -> __m256i {
        enter!(dot_codes(codes, x))
    }

    #[inline(always)]
    fn dot_signed(self, codes: __m256i, x: __m256i) -> __m256i {
        enter!(dot_codes(_mm256_abs_epi8(codes), _mm256_sign_epi8(x, codes)))
    }

    #[inline(always)]
    fn scales(self, scales: &[i8; 16]) -> __m256i {
        enter!(scales_apart(scales))
    }

    #[inline(always)]
    fn scales_of_groups(self, scales: u64) -> __m256i {
        enter!(scales_of_groups(scales))
    }

    #[inline(always)]
    fn dot_scaled(self, codes: __m256i, x: __m256i, scales: __m256i, group: usize) -> __m256i {
        enter!(dot_scaled(codes, x, scales, group))
    }

    #[inline(always)]
    fn scaled_sums(self, scales: &[i8; 16], sums: &[i16; 16]) -> __m256i {
        enter!(scaled_sums(scales, sums))
    }

    #[inline(always)]
    fn ints_times_32(self, x: __m256i) -> __m256i {
        enter!(_mm256_slli_epi32::<5>(x))
    }

    #[inline(always)]
    fn small_totals(self, sums: [__m256i; 8]) -> __m256i {
        enter!(small_totals(sums))
    }

    #[inline(always)]
    fn totals(self, sums: [__m256i; 8]) -> __m256i {
        enter!(totals(sums))
    }

    #[inline(always)]
    fn load_ints(self, x: &[i32; 8]) -> __m256i {
        enter!(load_ints(x))
    }

    #[inline(always)]
    fn ints_add(self, a: __m256i, b: __m256i) -> __m256i {
        enter!(_mm256_add_epi32(a, b))
    }

    #[inline(always)]
    fn sum_and_dot(self, x: __m256i, bytes: u64, words: &[[i16; 2]; 4]) -> [f32; 2] {
        enter!(sum_and_dot(x, bytes, words))
    }

    #[inline(always)]
    fn headers(self, blocks: [&[u8; 16]; HEADERS]) -> Headers {
        enter!(headers(blocks))
    }

    #[inline(always)]
    fn scales_of_header(self, headers: &Headers, n: usize) -> __m256i {
        enter!(scales_of_header(headers, n))
    }

    #[inline(always)]
    fn add_under_headers(
        self,
        headers: &Headers,
        totals: [__m256i; HEADERS],
        words: &[[i16; 2]; 4],
        scale: f32,
        sums: &mut [f32; HEADERS],
    ) {
        enter!(add_under_headers(headers, totals, words, scale, sums));
    }

    #[inline(always)]
    fn ints_sub(self, a: __m256i, b: __m256i) -> __m256i {
        enter!(_mm256_sub_epi32(a, b))
    }

    #[inline(always)]
    fn ints_to_eight(self, x: __m256i) -> __m256 {
        enter!(_mm256_cvtepi32_ps(x))
    }

    #[inline(always)]
    fn quads<const T: usize, const BITS: u32, const N: usize>(
        self,
        panel: &[[[u8; 4]; PANEL]; N],
        x: [&[[i8; 4]; N]; T],
        from: [Self::Sums; T],
    ) -> [Self::Sums; T] {
        enter!(quads::<T, BITS, N>(panel, x, from))
    }

    #[inline(always)]
    fn pairs<const T: usize, const N: usize>(
        self,
        panel: &[[[u8; 4]; PANEL]; N],
        x: [&[[i16; 2]; N]; T],
        from: [Self::Sums; T],
    ) -> [Self::Sums; T] {
        enter!(pairs(panel, x, from))
    }

    #[inline(always)]
    fn splat_sums(self, x: i32) -> Self::Sums {
        [enter!(_mm256_set1_epi32(x)); 2]
    }

    #[inline(always)]
    fn sums_mul_add(self, a: Self::Sums, b: Self::Sums, c: Self::Sums) -> Self::Sums {
        let products = [enter!(_mm256_mullo_epi32(a[0], b[0])), enter!(_mm256_mullo_epi32(a[1], b[1]))];
        enter!(sums_add(products, c))
    }

    #[inline(always)]
    fn sums_join(self, low: Self::Sums, high: Self::Sums) -> Self::Sums {
        const BY: i32 = LOW_BITS as i32;
        let high = [enter!(_mm256_slli_epi32::<BY>(high[0])), enter!(_mm256_slli_epi32::<BY>(high[1]))];
        enter!(sums_add(high, low))
    }

    #[inline(always)]
    fn sums_to_lanes(self, sums: Self::Sums) -> Self::Lanes {
        [enter!(_mm256_cvtepi32_ps(sums[0])), enter!(_mm256_cvtepi32_ps(sums[1]))]
    }

    #[inline(always)]
    fn tiled<R>(self, tokens: usize, work: impl FnOnce(&PlainTiles) -> R) -> R {
        work(&PlainTiles { tokens })
    }

    #[inline(always)]
    fn bf16_tiled<R>(self, width: usize, work: impl FnOnce(&PlainBf16) -> R) -> R {
        work(&PlainBf16 { width })
    }

    #[inline(always)]
    fn load_sums(self, sums: &[i32; PANEL]) -> [__m256i; 2] {
        let [low, high] = [&sums[..8], &sums[8..]].map(<[i32]>::as_ptr);
        enter!([_mm256_loadu_si256(low.cast()), _mm256_loadu_si256(high.cast())])
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn run<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load(x: &[f32; LANES]) -> [__m256; 2] {
    let (halves, _) = x.as_chunks::<8>();
    [load_eight(&halves[0]), load_eight(&halves[1])]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_eight(x: &[f32; 8]) -> __m256 {
    // SAFETY: eight floats, read without regard to alignment.
    unsafe { _mm256_loadu_ps(x.as_ptr()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_ints(x: &[i32; 8]) -> __m256i {
    // SAFETY: eight integers, read without regard to alignment.
    unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn load_bytes(x: &[u8; 32]) -> __m256i {
    // SAFETY: 32 bytes, read without regard to alignment.
    unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_signed(x: &[i8; 32]) -> __m256i {
    // SAFETY: 32 bytes, read without regard to alignment.
    unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn largest(x: &[f32; GROUP]) -> f32 {
    // Magnitudes are ordered as their bits are, infinity and NaN above all others.
    let sign = _mm256_set1_ps(-0.0);
    let mut most = _mm256_setzero_si256();
    for x in x.as_chunks::<8>().0 {
        most = _mm256_max_epi32(most, _mm256_castps_si256(_mm256_andnot_ps(sign, load_eight(x))));
    }
    let four = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256::<1>(most));
    let two = _mm_max_epi32(four, _mm_shuffle_epi32::<0x4e>(four));
    f32::from_bits(_mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32::<0xb1>(two))).cast_unsigned())
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn round(x: &[f32; GROUP], scale: f32, out: &mut [i8; GROUP]) -> [i32; 2] {
    let scale = _mm256_set1_ps(scale);
    let (x, _) = x.as_chunks::<8>();
    let ints = |n: usize| _mm256_cvtps_epi32(_mm256_mul_ps(load_eight(&x[n]), scale));
    let (a, b, c, d) = (ints(0), ints(1), ints(2), ints(3));
    // Packing works within halves: the four groups of eight come out in quarters, to be put in order.
    let packed = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    let packed = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    // SAFETY: room for 32 bytes, written without regard to alignment.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), packed) };
    [sum_of(_mm256_add_epi32(a, b)), sum_of(_mm256_add_epi32(c, d))]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn sum_of(x: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0x4e>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0xb1>(two)))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_half_bytes(x: &[u8; 16]) -> __m128i {
    // SAFETY: 16 bytes, read without regard to alignment.
    unsafe { _mm_loadu_si128(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn store([low, high]: [__m256; 2], out: &mut [f32; LANES]) {
    let (halves, _) = out.as_chunks_mut::<8>();
    // SAFETY: room for eight floats, written without regard to alignment.
    unsafe { _mm256_storeu_ps(halves[0].as_mut_ptr(), low) };
    // SAFETY: as above.
    unsafe { _mm256_storeu_ps(halves[1].as_mut_ptr(), high) };
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn fold_eight(x: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn read_f32(bytes: &[u8; 64]) -> [__m256; 2] {
    let (halves, _) = bytes.as_chunks::<32>();
    [_mm256_castsi256_ps(load_bytes(&halves[0])), _mm256_castsi256_ps(load_bytes(&halves[1]))]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn read_f16(bytes: &[u8; 32]) -> [__m256; 2] {
    let (halves, _) = bytes.as_chunks::<16>();
    [_mm256_cvtph_ps(load_half_bytes(&halves[0])), _mm256_cvtph_ps(load_half_bytes(&halves[1]))]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn read_bf16(bytes: &[u8; 32]) -> [__m256; 2] {
    let (halves, _) = bytes.as_chunks::<16>();
    let [low, high] = [load_half_bytes(&halves[0]), load_half_bytes(&halves[1])];
    [bf16_to_f32(low), bf16_to_f32(high)]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn bf16_to_f32(x: __m128i) -> __m256 {
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(x)))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn half_pair(bits: u32) -> [f32; 2] {
    let two = _mm_cvtph_ps(_mm_cvtsi32_si128(bits as i32));
    [_mm_cvtss_f32(two), _mm_cvtss_f32(_mm_movehdup_ps(two))]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn halves(bits: [u32; 8]) -> __m256 {
    let both = |n: usize| {
        let [first, second] = [bits[n], bits[n + 1]].map(|bits| _mm_cvtsi32_si128(bits as i32));
        _mm_unpacklo_epi16(first, second)
    };
    let low = _mm_unpacklo_epi32(both(0), both(2));
    let high = _mm_unpacklo_epi32(both(4), both(6));
    _mm256_cvtph_ps(_mm_unpacklo_epi64(low, high))
}

/// Four 8 by 8 corners, each turned by itself, the two off the diagonal exchanged.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn transpose(rows: [[__m256; 2]; LANES]) -> [[__m256; 2]; LANES] {
    let corner = |down: usize, across: usize| {
        let mut corner = [_mm256_setzero_ps(); 8];
        for (n, row) in corner.iter_mut().enumerate() {
            *row = rows[8 * down + n][across];
        }
        transpose_eight(corner)
    };
    let mut turned = rows;
    for down in 0..2 {
        for across in 0..2 {
            for (n, row) in corner(down, across).into_iter().enumerate() {
                turned[8 * across + n][down] = row;
            }
        }
    }
    turned
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn transpose_eight(r: [__m256; 8]) -> [__m256; 8] {
    let low = |a, b| _mm256_unpacklo_ps(a, b);
    let high = |a, b| _mm256_unpackhi_ps(a, b);
    let t = [
        low(r[0], r[1]),
        high(r[0], r[1]),
        low(r[2], r[3]),
        high(r[2], r[3]),
        low(r[4], r[5]),
        high(r[4], r[5]),
        low(r[6], r[7]),
        high(r[6], r[7]),
    ];
    let first = |a, b| _mm256_shuffle_ps::<0x44>(a, b);
    let last = |a, b| _mm256_shuffle_ps::<0xee>(a, b);
    let q = [
        first(t[0], t[2]),
        last(t[0], t[2]),
        first(t[1], t[3]),
        last(t[1], t[3]),
        first(t[4], t[6]),
        last(t[4], t[6]),
        first(t[5], t[7]),
        last(t[5], t[7]),
    ];
    let lower = |a, b| _mm256_permute2f128_ps::<0x20>(a, b);
    let upper = |a, b| _mm256_permute2f128_ps::<0x31>(a, b);
    [
        lower(q[0], q[4]),
        lower(q[1], q[5]),
        lower(q[2], q[6]),
        lower(q[3], q[7]),
        upper(q[0], q[4]),
        upper(q[1], q[5]),
        upper(q[2], q[6]),
        upper(q[3], q[7]),
    ]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn turn(rows: [__m256i; 8]) -> [__m256i; 8] {
    let columns = transpose_eight(list!(8, _mm256_setzero_ps(), |n| _mm256_castsi256_ps(rows[n])));
    list!(8, _mm256_setzero_si256(), |n| _mm256_castps_si256(columns[n]))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn words(x: __m256i, offset: i16) -> [__m256i; 2] {
    let offset = _mm256_set1_epi16(offset);
    let low = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(x));
    let high = _mm256_cvtepu8_epi16(_mm256_extracti128_si256::<1>(x));
    [_mm256_sub_epi16(low, offset), _mm256_sub_epi16(high, offset)]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn signed_words(x: __m256i) -> [__m256i; 2] {
    let high = _mm256_extracti128_si256::<1>(x);
    [_mm256_cvtepi8_epi16(_mm256_castsi256_si128(x)), _mm256_cvtepi8_epi16(high)]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn nibbles(bytes: &[u8; 16]) -> __m256i {
    let twice = _mm256_broadcastsi128_si256(load_half_bytes(bytes));
    let moved = _mm256_srlv_epi32(twice, _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4));
    _mm256_and_si256(moved, _mm256_set1_epi8(15))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn shift_right(x: __m256i, by: usize, mask: u8) -> __m256i {
    // Whole words move; what comes over from the byte above is masked off where the mask is no wider than what stays.
    let mask = mask & (0xff >> by);
    let moved = _mm256_srl_epi16(x, _mm_cvtsi32_si128(by as i32));
    _mm256_and_si256(moved, _mm256_set1_epi8(mask as i8))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn shift_left(x: __m256i, by: usize, mask: u8) -> __m256i {
    let kept = _mm256_and_si256(x, _mm256_set1_epi8(mask as i8));
    _mm256_sll_epi16(kept, _mm_cvtsi32_si128(by as i32))
}

/// `n`, about which the compiler knows nothing afterwards.
#[inline(always)]
fn opaque(mut n: usize) -> usize {
    // SAFETY: no instruction at all.
    unsafe { std::arch::asm!("/* {0} */", inout(reg) n, options(pure, nomem, nostack, preserves_flags)) };
    n
}

/// Byte n of the result looks at byte n / 8 of `bits`, bit n % 8.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn sixteens(bits: u32) -> __m256i {
    let bytes = _mm256_setr_epi64x(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303);
    let spread = _mm256_shuffle_epi8(_mm256_set1_epi32(bits as i32), bytes);
    let bit = _mm256_set1_epi64x(i64::from_le_bytes([1, 2, 4, 8, 16, 32, 64, 128]));
    let set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
    _mm256_and_si256(set, _mm256_set1_epi8(16))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn dot_codes(codes: __m256i, x: __m256i) -> __m256i {
    _mm256_madd_epi16(_mm256_maddubs_epi16(codes, x), _mm256_set1_epi16(1))
}

/// Even scales in the lower half, odd ones in the upper, in 16 bits.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn scales_apart(scales: &[i8; 16]) -> __m256i {
    let order = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    _mm256_cvtepi8_epi16(_mm_shuffle_epi8(load_sixteen(scales), order))
}

/// As [`scales_apart`] of scales two by two the same.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn scales_of_groups(scales: u64) -> __m256i {
    _mm256_broadcastsi128_si256(_mm_cvtepu8_epi16(_mm_cvtsi64_si128(scales as i64)))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn sum_and_dot(x: __m256i, bytes: u64, words: &[[i16; 2]; 4]) -> [f32; 2] {
    // SAFETY: 16 bytes, read without regard to alignment.
    let words = unsafe { _mm_loadu_si128(words.as_ptr().cast()) };
    let dot = _mm_madd_epi16(_mm_cvtepu8_epi16(_mm_cvtsi64_si128(bytes as i64)), words);
    let sum = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
    let halves = _mm_hadd_epi32(sum, dot);
    let both = _mm_cvtepi32_ps(_mm_hadd_epi32(halves, halves));
    [_mm_cvtss_f32(both), _mm_cvtss_f32(_mm_movehdup_ps(both))]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn look_up(table: &[u8; 16], x: __m256i) -> __m256i {
    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load_half_bytes(table)), x)
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn cut_words(x: [__m256i; 2]) -> [__m256i; 2] {
    let mask = _mm256_set1_epi16((1 << LOW_BITS) - 1);
    let low = _mm256_packus_epi16(_mm256_and_si256(x[0], mask), _mm256_and_si256(x[1], mask));
    const BY: i32 = LOW_BITS as i32;
    let high = _mm256_packs_epi16(_mm256_srai_epi16::<BY>(x[0]), _mm256_srai_epi16::<BY>(x[1]));
    // Packing works within halves.
    [_mm256_permute4x64_epi64::<0xd8>(low), _mm256_permute4x64_epi64::<0xd8>(high)]
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_sixteen(x: &[i8; 16]) -> __m128i {
    // SAFETY: 16 bytes, read without regard to alignment.
    unsafe { _mm_loadu_si128(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn dot_scaled(codes: __m256i, x: __m256i, scales: __m256i, group: usize) -> __m256i {
    // Twice 63 * 127 fits in 16 bits.
    _mm256_madd_epi16(_mm256_maddubs_epi16(codes, x), scales_of(scales, group))
}

/// The scale of group `group` of either half, again and again.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn scales_of(scales: __m256i, group: usize) -> __m256i {
    // Bytes 2g and 2g + 1.
    _mm256_shuffle_epi8(scales, _mm256_set1_epi16((group as i16) * 0x0202 + 0x0100))
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn scaled_sums(scales: &[i8; 16], sums: &[i16; 16]) -> __m256i {
    _mm256_madd_epi16(_mm256_cvtepi8_epi16(load_sixteen(scales)), load_words(sums))
}

/// Packing into 16 bits and adding pairs does what adding pairs across registers does, with less.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn small_totals(s: [__m256i; 8]) -> __m256i {
    let one = _mm256_set1_epi16(1);
    let add = |a, b| _mm256_madd_epi16(_mm256_packs_epi32(a, b), one);
    let low = add(add(s[0], s[1]), add(s[2], s[3]));
    let high = add(add(s[4], s[5]), add(s[6], s[7]));
    let (a, b) = (_mm256_permute2x128_si256::<0x20>(low, high), _mm256_permute2x128_si256::<0x31>(low, high));
    _mm256_add_epi32(a, b)
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn totals(s: [__m256i; 8]) -> __m256i {
    let add = |a, b| _mm256_hadd_epi32(a, b);
    // Each 128-bit half holds its half of the sums of four.
    let low = add(add(s[0], s[1]), add(s[2], s[3]));
    let high = add(add(s[4], s[5]), add(s[6], s[7]));
    let (a, b) = (_mm256_permute2x128_si256::<0x20>(low, high), _mm256_permute2x128_si256::<0x31>(low, high));
    _mm256_add_epi32(a, b)
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn quads<const T: usize, const BITS: u32, const N: usize>(
    panel: &[[[u8; 4]; PANEL]; N],
    x: [&[[i8; 4]; N]; T],
    from: [[__m256i; 2]; T],
) -> [[__m256i; 2]; T] {
    debug_assert!(BITS <= 5, "wider codes go through `pairs`");
    // Sums of two products of 4-bit codes and activations fit eight times into 16 bits, of 5-bit codes four times.
    let run = if BITS <= 4 { 8 } else { 4 };
    let mut sums = from;
    debug_assert!(N.is_multiple_of(run), "{N} quads");
    for part in 0..N / run {
        let mut words = [[_mm256_setzero_si256(); 2]; T];
        // An end that the compiler cannot see keeps the loop a loop: unrolled, it reads every code anew for each token.
        for quad in part * run..opaque((part + 1) * run) {
            let (codes, _) = panel[quad].as_flattened().as_chunks::<32>();
            let codes = [load_bytes(&codes[0]), load_bytes(&codes[1])];
            for t in 0..T {
                let [a, b, c, d] = x[t][quad];
                let x = _mm256_set1_epi32(i32::from_le_bytes([a as u8, b as u8, c as u8, d as u8]));
                words[t][0] = _mm256_add_epi16(words[t][0], _mm256_maddubs_epi16(codes[0], x));
                words[t][1] = _mm256_add_epi16(words[t][1], _mm256_maddubs_epi16(codes[1], x));
            }
        }
        let one = _mm256_set1_epi16(1);
        for t in 0..T {
            sums[t][0] = _mm256_add_epi32(sums[t][0], _mm256_madd_epi16(words[t][0], one));
            sums[t][1] = _mm256_add_epi32(sums[t][1], _mm256_madd_epi16(words[t][1], one));
        }
    }
    sums
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn pairs<const T: usize, const N: usize>(
    panel: &[[[u8; 4]; PANEL]; N],
    x: [&[[i16; 2]; N]; T],
    from: [[__m256i; 2]; T],
) -> [[__m256i; 2]; T] {
    let mut sums = from;
    for pair in 0..N {
        let (numbers, _) = panel[pair].as_flattened().as_chunks::<32>();
        let numbers = [load_bytes(&numbers[0]), load_bytes(&numbers[1])];
        for t in 0..T {
            let [low, high] = x[t][pair];
            let x = _mm256_set1_epi32(i32::from(low as u16) | i32::from(high) << 16);
            sums[t][0] = _mm256_add_epi32(sums[t][0], _mm256_madd_epi16(numbers[0], x));
            sums[t][1] = _mm256_add_epi32(sums[t][1], _mm256_madd_epi16(numbers[1], x));
        }
    }
    sums
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn load_words(x: &[i16; 16]) -> __m256i {
    // SAFETY: 16 words, read without regard to alignment.
    unsafe { _mm256_loadu_si256(x.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn sums_add(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
    [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])]
}
