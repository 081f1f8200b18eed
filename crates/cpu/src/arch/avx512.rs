//! x86-64 with 512-bit vectors: Skylake-X, Zen 4 and what followed; with VNNI, which multiplies and adds up bytes in one
//! instruction, from Cascade Lake and Zen 4 on.
//!
//! A panel's sixteen rows fill one register, and of the 32 there are, half hold the sums of twelve tokens and what they
//! meet. The products with panels are methods rather than functions of their own, which the compiler would leave out of
//! line for large tiles, with all sums in memory: that makes the file long, as one `impl` cannot be divided. Whatever works on
//! eight numbers or 32 bytes is what [`Avx2`] does. Every sum is made in the same order, so that all results are those of
//! [`Avx2`] to the bit, but for tiles of bf16.

use std::arch::asm;
use std::arch::x86_64::*;

use super::avx2::{fold_eight, load_bytes, scales_of};
use super::headers::Headers;
use super::nibbles::add_four_nibbles;
use super::tiles::{Bf16Tiles, PlainBf16, PlainTiles, Tiles};
use super::turns::{transpose, turn_panel};
use super::{
    Avx2, GROUP, HEADERS, Isa, LANES, LOW_BITS, Missing, PANEL, Reading, four_nibbles, lanes_in_pairs, list,
};
use crate::code_tiles::GroupCodes;
use crate::groups::EIGHT;

/// Proof that this machine has AVX-512 F, BW, VL and DQ beside what the others prove.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512<B>(Avx2, B);

/// Proof of what a machine has beyond that.
pub(crate) trait Beyond: Copy + Send + Sync + 'static {
    /// [`Isa::Tiles`].
    type Tiles: Tiles;
    /// [`Isa::Bf16Tiles`].
    type Bf16Tiles: Bf16Tiles;

    const VNNI: bool;
    /// [`Isa::PAIRED`].
    const BF16: bool = false;
    /// [`Isa::TILED`].
    const TILED: bool = false;
    /// [`Isa::TASK_BYTES`].
    const TASK_BYTES: usize = 512 << 10;

    /// The proof, where it holds.
    fn new() -> Result<Self, Missing>;

    /// [`Isa::tiled`].
    fn tiled<R>(self, tokens: usize, work: impl FnOnce(&Self::Tiles) -> R) -> R;

    /// [`Isa::bf16_tiled`].
    fn bf16_tiled<R>(self, width: usize, work: impl FnOnce(&Self::Bf16Tiles) -> R) -> R;
}

/// Nothing beyond.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain;

impl Beyond for Plain {
    type Tiles = PlainTiles;
    type Bf16Tiles = PlainBf16;

    const VNNI: bool = false;

    fn new() -> Result<Self, Missing> {
        Ok(Self)
    }

    #[inline(always)]
    fn tiled<R>(self, tokens: usize, work: impl FnOnce(&PlainTiles) -> R) -> R {
        work(&PlainTiles { tokens })
    }

    #[inline(always)]
    fn bf16_tiled<R>(self, width: usize, work: impl FnOnce(&PlainBf16) -> R) -> R {
        work(&PlainBf16 { width })
    }
}

/// VNNI.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vnni(());

impl Beyond for Vnni {
    type Tiles = PlainTiles;
    type Bf16Tiles = PlainBf16;

    const VNNI: bool = true;

    fn new() -> Result<Self, Missing> {
        Missing::unless("avx512vnni", is_x86_feature_detected!("avx512vnni")).map(Self)
    }

    #[inline(always)]
    fn tiled<R>(self, tokens: usize, work: impl FnOnce(&PlainTiles) -> R) -> R {
        work(&PlainTiles { tokens })
    }

    #[inline(always)]
    fn bf16_tiled<R>(self, width: usize, work: impl FnOnce(&PlainBf16) -> R) -> R {
        work(&PlainBf16 { width })
    }
}

/// VNNI, and products of bf16.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bf16(Vnni);

impl Beyond for Bf16 {
    type Tiles = PlainTiles;
    type Bf16Tiles = PlainBf16;

    const VNNI: bool = true;
    const BF16: bool = true;

    fn new() -> Result<Self, Missing> {
        Missing::unless("avx512bf16", is_x86_feature_detected!("avx512bf16"))?;
        Vnni::new().map(Self)
    }

    #[inline(always)]
    fn tiled<R>(self, tokens: usize, work: impl FnOnce(&PlainTiles) -> R) -> R {
        self.0.tiled(tokens, work)
    }

    #[inline(always)]
    fn bf16_tiled<R>(self, width: usize, work: impl FnOnce(&PlainBf16) -> R) -> R {
        self.0.bf16_tiled(width, work)
    }
}

/// Enters functions compiled for AVX-512, and for VNNI where `VNNI` is asked first.
macro_rules! enter {
    ($call:expr) => {
        // SAFETY: `self` proves that this machine has the instructions.
        unsafe { $call }
    };
}

impl<B: Beyond> Avx512<B> {
    /// The proof, where it holds.
    pub(crate) fn new() -> Result<Self, Missing> {
        let avx2 = Avx2::new()?;
        Missing::unless("avx512f", is_x86_feature_detected!("avx512f"))?;
        Missing::unless("avx512bw", is_x86_feature_detected!("avx512bw"))?;
        Missing::unless("avx512vl", is_x86_feature_detected!("avx512vl"))?;
        Missing::unless("avx512dq", is_x86_feature_detected!("avx512dq"))?;
        Ok(Self(avx2, B::new()?))
    }

    /// What it has beyond.
    #[inline(always)]
    pub(crate) fn beyond(self) -> B {
        self.1
    }

    #[inline(always)]
    fn zero(self) -> __m512i {
        enter!(_mm512_setzero_si512())
    }

    /// [`Isa::quads`] without VNNI.
    #[inline(always)]
    fn quads_in_words<const T: usize, const BITS: u32, const N: usize>(
        self,
        panel: &[[[u8; 4]; PANEL]; N],
        x: [&[[i8; 4]; N]; T],
        from: [__m512i; T],
    ) -> [__m512i; T] {
        debug_assert!(BITS <= 5, "wider codes go through `pairs`");
        // Sums of two products of 4-bit codes and activations fit eight times into 16 bits, of 5-bit codes four times.
        let run = if BITS <= 4 { 8 } else { 4 };
        debug_assert!(N.is_multiple_of(run), "{N} quads");
        let mut sums = from;
        for (part, panel) in panel.chunks_exact(run).enumerate() {
            let mut words = [self.zero(); T];
            for (quad, codes) in panel.iter().enumerate() {
                let codes = enter!(load_quad(codes));
                for t in 0..T {
                    let x = enter!(splat_quad(x[t][part * run + quad]));
                    words[t] = enter!(_mm512_add_epi16(words[t], _mm512_maddubs_epi16(codes, x)));
                }
            }
            for t in 0..T {
                let whole = enter!(_mm512_madd_epi16(words[t], _mm512_set1_epi16(1)));
                sums[t] = enter!(_mm512_add_epi32(sums[t], whole));
            }
        }
        sums
    }
}

/// Methods that are those of [`Avx2`].
macro_rules! as_avx2 {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $(-> $out:ty)?;)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: $type),*) $(-> $out)? {
            self.0.$name($($argument),*)
        }
    )*};
}

impl<B: Beyond> Isa for Avx512<B> {
    type Lanes = __m512;
    type Eight = __m256;
    type Bytes = __m256i;
    type Ints = __m256i;
    type Sums = __m512i;
    type Scales = __m256i;
    type Headers = Headers;
    type Tiles = B::Tiles;
    type Bf16Tiles = B::Bf16Tiles;

    const TILED: bool = B::TILED;
    const PAIRED: bool = B::BF16;
    const TILE: usize = 12; // 12 of 32 registers hold sums, 24 where those in 16 bits go beside those in 32
    const PANELS: usize = 2; // 24 of 32
    const TASK_BYTES: usize = B::TASK_BYTES;
    const LANED: bool = B::VNNI && !B::TILED;
    const QUAD_BITS: u32 = if B::VNNI { 8 } else { 5 };
    const FOUR_NIBBLES: bool = B::VNNI;

    as_avx2! {
        fn reading() -> Reading;
        fn prefetch(at: *const u8);
        fn prefetch_second(at: *const u8);
        fn prefetch_to_write(at: *const u8);
        fn turn_eight(rows: [__m256; 8]) -> [__m256; 8];
        fn turn(rows: [__m256i; 8]) -> [__m256i; 8];
        fn unsigned(x: __m256i) -> __m256i;
        fn less(x: __m256i, by: u8) -> __m256i;
        fn words(x: __m256i, offset: i16) -> [__m256i; 2];
        fn signed_words(x: __m256i) -> [__m256i; 2];
        fn words_mul(x: __m256i, by: i16) -> __m256i;
        fn half_pair(bits: u32) -> [f32; 2];
        fn halves(bits: [u32; 8]) -> __m256;
        fn load_eight(x: &[f32; 8]) -> __m256;
        fn splat_eight(x: f32) -> __m256;
        fn eight_mul(a: __m256, b: __m256) -> __m256;
        fn eight_mul_add(a: __m256, b: __m256, c: __m256) -> __m256;
        fn store_eight(x: __m256, out: &mut [f32; 8]);
        fn fold_eight(x: __m256) -> f32;
        fn bytes(bytes: &[u8; 32]) -> __m256i;
        fn signed_bytes(bytes: &[i8; 32]) -> __m256i;
        fn largest(x: &[f32; GROUP]) -> f32;
        fn round(x: &[f32; GROUP], scale: f32, out: &mut [i8; GROUP]) -> [i32; 2];
        fn nibbles(bytes: &[u8; 16]) -> __m256i;
        fn shift_right(x: __m256i, by: usize, mask: u8) -> __m256i;
        fn shift_left(x: __m256i, by: usize, mask: u8) -> __m256i;
        fn or(a: __m256i, b: __m256i) -> __m256i;
        fn sixteens(bits: u32) -> __m256i;
        fn store_bytes(x: __m256i, out: &mut [u8; 32]);
        fn look_up(table: &[u8; 16], x: __m256i) -> __m256i;
        fn cut_words(x: [__m256i; 2]) -> [__m256i; 2];
        fn scales(scales: &[i8; 16]) -> __m256i;
        fn scales_of_groups(scales: u64) -> __m256i;
        fn dot_scaled(codes: __m256i, x: __m256i, scales: __m256i, group: usize) -> __m256i;
        fn scaled_sums(scales: &[i8; 16], sums: &[i16; 16]) -> __m256i;
        fn ints_times_32(x: __m256i) -> __m256i;
        fn totals(sums: [__m256i; 8]) -> __m256i;
        fn small_totals(sums: [__m256i; 8]) -> __m256i;
        fn load_ints(x: &[i32; 8]) -> __m256i;
        fn ints_add(a: __m256i, b: __m256i) -> __m256i;
        fn sum_and_dot(x: __m256i, bytes: u64, words: &[[i16; 2]; 4]) -> [f32; 2];
        fn headers(blocks: [&[u8; 16]; HEADERS]) -> Headers;
        fn scales_of_header(headers: &Headers, n: usize) -> __m256i;
        fn add_under_headers(
            headers: &Headers,
            totals: [__m256i; HEADERS],
            words: &[[i16; 2]; 4],
            scale: f32,
            sums: &mut [f32; HEADERS]
        );
        fn ints_sub(a: __m256i, b: __m256i) -> __m256i;
        fn ints_to_eight(x: __m256i) -> __m256;
    }

    #[inline(always)]
    fn run<R>(self, kernel: impl FnOnce() -> R) -> R {
        if B::BF16 {
            enter!(run_bf16(kernel))
        } else if B::VNNI {
            enter!(run_vnni(kernel))
        } else {
            enter!(run(kernel))
        }
    }

    #[inline(always)]
    fn turn_panel(
        self,
        signed: bool,
        row: impl Fn(usize) -> __m256i,
        out: &mut [[[u8; 4]; PANEL]; GROUP / 4],
    ) {
        enter!(turn_panel(signed, row, out));
    }

    // One instruction inside `run`, where FMA is on.
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }

    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> __m512 {
        enter!(_mm512_loadu_ps(x.as_ptr()))
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        enter!(_mm512_set1_ps(x))
    }

    #[inline(always)]
    fn lanes_mul(self, a: __m512, b: __m512) -> __m512 {
        enter!(_mm512_mul_ps(a, b))
    }

    #[inline(always)]
    fn lanes_add(self, a: __m512, b: __m512) -> __m512 {
        enter!(_mm512_add_ps(a, b))
    }

    #[inline(always)]
    fn lanes_mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        enter!(_mm512_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn lanes_dot_bf16(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        if B::BF16 { enter!(dot_bf16(a, b, c)) } else { enter!(dot_bf16_in_singles(a, b, c)) }
    }

    #[inline(always)]
    fn lanes_neg_mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        enter!(_mm512_fnmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn store(self, lanes: __m512, out: &mut [f32; LANES]) {
        enter!(_mm512_storeu_ps(out.as_mut_ptr(), lanes));
    }

    #[inline(always)]
    fn fold(self, lanes: __m512) -> f32 {
        enter!(fold(lanes))
    }

    #[inline(always)]
    fn read_f32(self, bytes: &[u8; 64]) -> __m512 {
        enter!(_mm512_loadu_ps(bytes.as_ptr().cast()))
    }

    #[inline(always)]
    fn read_f16(self, bytes: &[u8; 32]) -> __m512 {
        enter!(_mm512_cvtph_ps(load_bytes(bytes)))
    }

    #[inline(always)]
    fn read_bf16(self, bytes: &[u8; 32]) -> __m512 {
        enter!(read_bf16(bytes))
    }

    #[inline(always)]
    fn transpose(self, rows: [__m512; LANES]) -> [__m512; LANES] {
        enter!(transpose(rows))
    }

    #[inline(always)]
    fn dot_codes(self, codes: __m256i, x: __m256i) -> __m256i {
        if B::VNNI { enter!(dot_codes(codes, x)) } else { self.0.dot_codes(codes, x) }
    }

    #[inline(always)]
    fn dot_signed(self, codes: __m256i, x: __m256i) -> __m256i {
        if B::VNNI { enter!(dot_signed(codes, x)) } else { self.0.dot_signed(codes, x) }
    }

    #[inline(always)]
    fn add_four_nibbles(
        self,
        spans: [&[[u8; 18]; EIGHT]; 4],
        x: &[GroupCodes; EIGHT],
        scales: &[f32; EIGHT],
        counts: &[i32; EIGHT],
        sums: [__m512; 2],
    ) -> [__m512; 2] {
        if B::VNNI {
            enter!(add_four_nibbles(spans, x, scales, counts, sums))
        } else {
            four_nibbles(self, spans, x, scales, counts, sums)
        }
    }

    #[inline(always)]
    fn dot_scaled_add(
        self,
        sums: __m256i,
        codes: __m256i,
        x: __m256i,
        scales: __m256i,
        group: usize,
    ) -> __m256i {
        if B::VNNI {
            enter!(dot_scaled_add(sums, codes, x, scales, group))
        } else {
            self.ints_add(sums, self.dot_scaled(codes, x, scales, group))
        }
    }

    #[inline(always)]
    fn quads<const T: usize, const BITS: u32, const N: usize>(
        self,
        panel: &[[[u8; 4]; PANEL]; N],
        x: [&[[i8; 4]; N]; T],
        from: [__m512i; T],
    ) -> [__m512i; T] {
        if !B::VNNI {
            return self.quads_in_words::<T, BITS, N>(panel, x, from);
        }
        let mut sums = from;
        for (quad, codes) in panel.iter().enumerate() {
            let codes = enter!(load_quad(codes));
            for t in 0..T {
                sums[t] = enter!(_mm512_dpbusd_epi32(sums[t], codes, splat_quad(x[t][quad])));
            }
        }
        sums
    }

    #[inline(always)]
    fn lanes_of_quads<const R: usize, const V: usize>(
        self,
        x: [&[[[i8; 4]; LANES]; GROUP / 4]; V],
        rows: [&[u8; GROUP]; R],
        from: [__m512i; V],
    ) -> [[__m512i; V]; R] {
        if !B::VNNI {
            return lanes_in_pairs(self, x, rows, from);
        }
        let mut sums = [from; R];
        for quad in 0..GROUP / 4 {
            let x = list!(V, from[0], |v| enter!(load_lanes(&x[v][quad])));
            for row in 0..R {
                let codes = enter!(splat_codes(rows[row].as_chunks().0[quad]));
                for v in 0..V {
                    sums[row][v] = enter!(_mm512_dpbusd_epi32(sums[row][v], codes, x[v]));
                }
            }
        }
        sums
    }

    #[inline(always)]
    fn pairs<const T: usize, const N: usize>(
        self,
        panel: &[[[u8; 4]; PANEL]; N],
        x: [&[[i16; 2]; N]; T],
        from: [__m512i; T],
    ) -> [__m512i; T] {
        let mut sums = from;
        for (pair, numbers) in panel.iter().enumerate() {
            let numbers = enter!(load_quad(numbers));
            for t in 0..T {
                let x = enter!(splat_pair(x[t][pair]));
                sums[t] = if B::VNNI {
                    enter!(_mm512_dpwssd_epi32(sums[t], numbers, x))
                } else {
                    enter!(_mm512_add_epi32(sums[t], _mm512_madd_epi16(numbers, x)))
                };
            }
        }
        sums
    }

    #[inline(always)]
    fn sums_to_lanes(self, sums: __m512i) -> __m512 {
        enter!(_mm512_cvtepi32_ps(sums))
    }

    #[inline(always)]
    fn scale_biased(self, sums: __m512i, scale: __m512, less: __m512) -> __m512 {
        enter!(_mm512_fmadd_ps(_mm512_castsi512_ps(sums), scale, less))
    }

    #[inline(always)]
    fn tiled<R>(self, tokens: usize, work: impl FnOnce(&B::Tiles) -> R) -> R {
        self.1.tiled(tokens, work)
    }

    #[inline(always)]
    fn bf16_tiled<R>(self, width: usize, work: impl FnOnce(&B::Bf16Tiles) -> R) -> R {
        self.1.bf16_tiled(width, work)
    }

    #[inline(always)]
    fn splat_sums(self, x: i32) -> __m512i {
        enter!(_mm512_set1_epi32(x))
    }

    #[inline(always)]
    fn sums_mul_add(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        enter!(_mm512_add_epi32(_mm512_mullo_epi32(a, b), c))
    }

    #[inline(always)]
    fn sums_join(self, low: __m512i, high: __m512i) -> __m512i {
        enter!(_mm512_add_epi32(_mm512_slli_epi32::<LOW_BITS>(high), low))
    }

    #[inline(always)]
    fn settled(self, x: __m512) -> __m512 {
        enter!(settled(x))
    }

    #[inline(always)]
    fn load_sums(self, sums: &[i32; PANEL]) -> __m512i {
        enter!(load_sums(sums))
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
fn run<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn run_vnni<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")]
fn run_bf16<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn fold(x: __m512) -> f32 {
    fold_eight(_mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps::<1>(x)))
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")]
#[inline]
fn dot_bf16(a: __m512, b: __m512, c: __m512) -> __m512 {
    // SAFETY: registers of the same 64 bytes.
    let [a, b] = unsafe { std::mem::transmute::<[__m512; 2], [__m512bh; 2]>([a, b]) };
    _mm512_dpbf16_ps(c, a, b)
}

/// The same without that instruction.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn dot_bf16_in_singles(a: __m512, b: __m512, c: __m512) -> __m512 {
    let high = |x| _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(!0xffff)));
    let low = |x| _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(x)));
    _mm512_fmadd_ps(low(a), low(b), _mm512_fmadd_ps(high(a), high(b), c))
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn read_bf16(bytes: &[u8; 32]) -> __m512 {
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(load_bytes(bytes))))
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn dot_codes(codes: __m256i, x: __m256i) -> __m256i {
    _mm256_dpbusd_epi32(_mm256_setzero_si256(), codes, x)
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn dot_scaled_add(sums: __m256i, codes: __m256i, x: __m256i, scales: __m256i, group: usize) -> __m256i {
    _mm256_dpwssd_epi32(sums, _mm256_maddubs_epi16(codes, x), scales_of(scales, group))
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn dot_signed(codes: __m256i, x: __m256i) -> __m256i {
    dot_codes(_mm256_abs_epi8(codes), _mm256_sign_epi8(x, codes))
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn load_quad(codes: &[[u8; 4]; PANEL]) -> __m512i {
    // SAFETY: 64 bytes, read without regard to alignment.
    unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn load_lanes(codes: &[[i8; 4]; LANES]) -> __m512i {
    // SAFETY: 64 bytes, read without regard to alignment.
    unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn splat_codes(codes: [u8; 4]) -> __m512i {
    _mm512_set1_epi32(i32::from_le_bytes(codes))
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn splat_quad([a, b, c, d]: [i8; 4]) -> __m512i {
    _mm512_set1_epi32(i32::from_le_bytes([a as u8, b as u8, c as u8, d as u8]))
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn splat_pair([low, high]: [i16; 2]) -> __m512i {
    _mm512_set1_epi32(i32::from(low as u16) | i32::from(high) << 16)
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn settled(mut x: __m512) -> __m512 {
    // SAFETY: no instruction at all; the compiler has to have the numbers at this point.
    unsafe { asm!("/* {} */", inout(zmm_reg) x, options(nomem, nostack, preserves_flags)) };
    x
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn load_sums(sums: &[i32; PANEL]) -> __m512i {
    // SAFETY: 64 bytes, read without regard to alignment.
    unsafe { _mm512_loadu_si512(sums.as_ptr().cast()) }
}
