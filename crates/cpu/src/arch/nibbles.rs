//! Four rows of Q4_0 at a time with 512-bit registers: codes and scales of four blocks come out of what is loaded with one
//! instruction each, and the sums of all rows are taken together.

use std::arch::x86_64::*;

use super::LANES;
use crate::code_tiles::GroupCodes;
use crate::groups::EIGHT;

/// Bytes from one half of a span, four blocks, to the other, and to the last whole register in a half.
const HALF: usize = 4 * 18;
const LAST: usize = HALF - 64;

/// [`Isa::add_four_nibbles`](super::Isa::add_four_nibbles).
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
pub(super) fn add_four_nibbles(
    spans: [&[[u8; 18]; EIGHT]; 4],
    x: &[GroupCodes; EIGHT],
    scales: &[f32; EIGHT],
    counts: &[i32; EIGHT],
    sums: [__m512; 2],
) -> [__m512; 2] {
    // SAFETY: 32 bytes, read without regard to alignment.
    let scales = unsafe { _mm256_loadu_ps(scales.as_ptr()) };
    // SAFETY: likewise.
    let counts = unsafe { _mm256_loadu_si256(counts.as_ptr().cast()) };
    let (scales, counts) = (_mm512_castps256_ps512(scales), _mm512_castsi256_si512(counts));
    let mut out = sums;
    for half in 0..2 {
        let [p, q] = [&x[4 * half..][..2], &x[4 * half + 2..][..2]].map(|two| {
            // SAFETY: 64 bytes, two groups.
            unsafe { _mm512_loadu_si512(two.as_ptr().cast()) }
        });
        // The first sixteen codes of all groups, and the others.
        let (low, high) = (_mm512_shuffle_i64x2::<0x88>(p, q), _mm512_shuffle_i64x2::<0xdd>(p, q));
        let (p, p_scales) = dots(spans[0], half, low, high);
        let (q, q_scales) = dots(spans[1], half, low, high);
        let (r, r_scales) = dots(spans[2], half, low, high);
        let (s, s_scales) = dots(spans[3], half, low, high);
        // In each quarter, a block, rows side by side.
        let pq = _mm512_add_epi32(_mm512_unpacklo_epi32(p, q), _mm512_unpackhi_epi32(p, q));
        let rs = _mm512_add_epi32(_mm512_unpacklo_epi32(r, s), _mm512_unpackhi_epi32(r, s));
        let totals = _mm512_add_epi32(_mm512_unpacklo_epi64(pq, rs), _mm512_unpackhi_epi64(pq, rs));
        let (pq, rs) = (two_scales(p_scales, q_scales), two_scales(r_scales, s_scales));
        let own = _mm256_set_m128i(_mm_unpackhi_epi32(pq, rs), _mm_unpacklo_epi32(pq, rs));
        let block = |lane: i32| 4 * half as i32 + lane;
        let (a, b, c, d) = (block(0), block(1), block(2), block(3));
        let each = _mm512_setr_epi32(a, a, a, a, b, b, b, b, c, c, c, c, d, d, d, d);
        // Codes are counted from 8.
        let counted = _mm512_slli_epi32::<3>(_mm512_permutexvar_epi32(each, counts));
        let totals = _mm512_cvtepi32_ps(_mm512_sub_epi32(totals, counted));
        let scaled = _mm512_mul_ps(totals, _mm512_cvtph_ps(own));
        out[half] = _mm512_fmadd_ps(scaled, _mm512_permutexvar_ps(each, scales), sums[half]);
    }
    out
}

/// Partial sums of the products of the four blocks of a half, a quarter to each; and the half's beginning, where its scales
/// are.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn dots(span: &[[u8; 18]; EIGHT], half: usize, low: __m512i, high: __m512i) -> (__m512i, __m512i) {
    /// Where words of blocks are in both registers together, the second of which begins `LAST` bytes behind the first.
    const WORDS: [i16; 32] = {
        let (mut words, mut n) = ([0; 32], 0);
        while n < 32 {
            let word = 1 + 9 * (n / 8) + n % 8;
            words[n] = (if word < 32 { word } else { 32 + word - LAST / 2 }) as i16;
            n += 1;
        }
        words
    };
    let bytes = &span.as_flattened()[half * HALF..][..HALF];
    // SAFETY: half a span is `LAST` bytes longer than a register.
    let first: __m512i = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
    // SAFETY: 64 bytes are left behind those.
    let last = unsafe { _mm512_loadu_si512(bytes[LAST..].as_ptr().cast()) };
    // SAFETY: 64 bytes, read without regard to alignment.
    let words = unsafe { _mm512_loadu_si512(WORDS.as_ptr().cast()) };
    let codes = _mm512_permutex2var_epi16(first, words, last);
    let mask = _mm512_set1_epi8(15);
    let sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_and_si512(codes, mask), low);
    let above = _mm512_and_si512(_mm512_srli_epi16::<4>(codes), mask);
    (_mm512_dpbusd_epi32(sums, above, high), first)
}

/// The scales of four blocks of two rows, the rows side by side.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
#[inline]
fn two_scales(p: __m512i, q: __m512i) -> __m128i {
    let words = _mm512_castsi128_si512(_mm_setr_epi16(0, 32, 9, 41, 18, 50, 27, 59));
    _mm512_castsi512_si128(_mm512_permutex2var_epi16(p, words, q))
}

const _: () = assert!(LANES == 16 && LAST.is_multiple_of(2));
