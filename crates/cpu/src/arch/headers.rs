//! The headers of four blocks of Q4_K or Q5_K, unpacked together: what a row spends on one by one, four spend once.
//!
//! A header is two f16 factors, of the scales and of the minima, then 6-bit whole scales and minima of eight groups in 12
//! bytes: those of the first four groups in the low bits of eight bytes, those of the others in the nibbles of the
//! last four and in the top bits of the eight.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Blocks that are unpacked together.
pub(crate) const HEADERS: usize = 4;

/// The whole scales of the groups, a byte each, the lowest first, and their minima.
#[inline(always)]
pub(crate) fn wholes_of_k(header: &[u8; 16]) -> [u64; 2] {
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let (a, b, c) = (word(4), word(8), word(12));
    let (low, top, nibble) = (0x3f3f_3f3f, 0x0303_0303, 0x0f0f_0f0f);
    let both = |first: u32, last: u32| u64::from(first) | u64::from(last) << 32;
    let scales = both(a & low, (c & nibble) | ((a >> 6) & top) << 4);
    let minima = both(b & low, ((c >> 4) & nibble) | ((b >> 6) & top) << 4);
    [scales, minima]
}

/// In plain code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainHeaders {
    /// Of the scales, and of the minima.
    pub(crate) factors: [[f32; 2]; HEADERS],
    /// As [`wholes_of_k`].
    pub(crate) wholes: [[u64; 2]; HEADERS],
}

/// In registers.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Headers {
    /// Of the scales of all blocks, and of their minima.
    factors: [__m128; 2],
    /// The whole scales of two blocks in each, 8 bytes of a block.
    scales: [__m128i; 2],
    minima: [__m128i; 2],
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn headers(blocks: [&[u8; 16]; HEADERS]) -> Headers {
    let [p, q, r, s] = blocks.map(|block| {
        // SAFETY: 16 bytes, read without regard to alignment.
        unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
    });
    // Words of the same kind come together.
    let (low, low_next) = (_mm_unpacklo_epi32(p, q), _mm_unpacklo_epi32(r, s));
    let (high, high_next) = (_mm_unpackhi_epi32(p, q), _mm_unpackhi_epi32(r, s));
    let (halves, a) = (_mm_unpacklo_epi64(low, low_next), _mm_unpackhi_epi64(low, low_next));
    let (b, c) = (_mm_unpacklo_epi64(high, high_next), _mm_unpackhi_epi64(high, high_next));
    let apart = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    let factors = _mm256_cvtph_ps(_mm_shuffle_epi8(halves, apart));
    let (six, nibble, top) = (_mm_set1_epi8(0x3f), _mm_set1_epi8(0x0f), _mm_set1_epi8(0x30));
    let unpacked = |first: __m128i, last: __m128i| {
        let above = _mm_and_si128(_mm_srli_epi32::<2>(first), top);
        let last = _mm_or_si128(_mm_and_si128(last, nibble), above);
        let first = _mm_and_si128(first, six);
        [_mm_unpacklo_epi32(first, last), _mm_unpackhi_epi32(first, last)]
    };
    Headers {
        factors: [_mm256_castps256_ps128(factors), _mm256_extractf128_ps::<1>(factors)],
        scales: unpacked(a, c),
        minima: unpacked(b, _mm_srli_epi32::<4>(c)),
    }
}

/// The 8 bytes of block `n` as words.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn words_of(bytes: [__m128i; 2], n: usize) -> __m128i {
    let two = bytes[n / 2];
    if n.is_multiple_of(2) { _mm_cvtepu8_epi16(two) } else { _mm_unpackhi_epi8(two, _mm_setzero_si128()) }
}

/// The scales of block `n`, as the products take them.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn scales_of_header(headers: &Headers, n: usize) -> __m256i {
    _mm256_broadcastsi128_si256(words_of(headers.scales, n))
}

/// For each block, `sum + scale * (factor * total - factor of minima * (minima times words))`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
pub(super) fn add_under_headers(
    headers: &Headers,
    totals: [__m256i; HEADERS],
    words: &[[i16; 2]; 4],
    scale: f32,
    sums: &mut [f32; HEADERS],
) {
    // SAFETY: 16 bytes, read without regard to alignment.
    let words = unsafe { _mm_loadu_si128(words.as_ptr().cast()) };
    let [t0, t1, t2, t3] = totals;
    let halves = _mm256_hadd_epi32(_mm256_hadd_epi32(t0, t1), _mm256_hadd_epi32(t2, t3));
    let whole = _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves));
    let minima = |n| _mm_madd_epi16(words_of(headers.minima, n), words);
    let minima = _mm_hadd_epi32(_mm_hadd_epi32(minima(0), minima(1)), _mm_hadd_epi32(minima(2), minima(3)));
    let found = _mm_mul_ps(headers.factors[0], _mm_cvtepi32_ps(whole));
    let found = _mm_fnmadd_ps(headers.factors[1], _mm_cvtepi32_ps(minima), found);
    // SAFETY: 16 bytes, read without regard to alignment.
    let before = unsafe { _mm_loadu_ps(sums.as_ptr()) };
    let after = _mm_fmadd_ps(_mm_set1_ps(scale), found, before);
    // SAFETY: as many, and nobody else has them.
    unsafe { _mm_storeu_ps(sums.as_mut_ptr(), after) };
}
