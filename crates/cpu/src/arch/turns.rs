//! Rows become columns in 512-bit registers.

use std::arch::x86_64::*;

use super::{GROUP, LANES, PANEL, list};

/// Squares of 4 by 4 numbers are turned within quarters of the registers, then the quarters change places.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
pub(super) fn transpose(r: [__m512; LANES]) -> [__m512; LANES] {
    let mut turned = r;
    for n in 0..4 {
        let rows = &r[4 * n..4 * n + 4];
        let (low, high) = (_mm512_unpacklo_ps(rows[0], rows[1]), _mm512_unpacklo_ps(rows[2], rows[3]));
        turned[4 * n] = _mm512_shuffle_ps::<0x44>(low, high);
        turned[4 * n + 1] = _mm512_shuffle_ps::<0xee>(low, high);
        let (low, high) = (_mm512_unpackhi_ps(rows[0], rows[1]), _mm512_unpackhi_ps(rows[2], rows[3]));
        turned[4 * n + 2] = _mm512_shuffle_ps::<0x44>(low, high);
        turned[4 * n + 3] = _mm512_shuffle_ps::<0xee>(low, high);
    }
    // Quarter k of `turned[4 * n + m]` is column `4 * k + m` of rows `4 * n ..`.
    let mut columns = turned;
    for m in 0..4 {
        let [a, b, c, d] = [turned[m], turned[4 + m], turned[8 + m], turned[12 + m]];
        let even = [_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d)];
        let odd = [_mm512_shuffle_f32x4::<0xdd>(a, b), _mm512_shuffle_f32x4::<0xdd>(c, d)];
        columns[m] = _mm512_shuffle_f32x4::<0x88>(even[0], even[1]);
        columns[4 + m] = _mm512_shuffle_f32x4::<0x88>(odd[0], odd[1]);
        columns[8 + m] = _mm512_shuffle_f32x4::<0xdd>(even[0], even[1]);
        columns[12 + m] = _mm512_shuffle_f32x4::<0xdd>(odd[0], odd[1]);
    }
    columns
}

/// [`Isa::turn_panel`](super::Isa::turn_panel).
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
pub(super) fn turn_panel(
    signed: bool,
    row: impl Fn(usize) -> __m256i,
    out: &mut [[[u8; 4]; PANEL]; GROUP / 4],
) {
    // Four rows in lower halves and the four after them in upper ones: so that all quarters end in order.
    let rows = list!(8, _mm512_setzero_si512(), |n| {
        let first = n / 4 * 8 + n % 4;
        join(row(first), row(first + 4))
    });
    let columns = turn(rows);
    for n in 0..8 {
        let column = if signed { plus_128(columns[n]) } else { columns[n] };
        store_quad(column, &mut out[n]);
    }
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn join(low: __m256i, high: __m256i) -> __m512i {
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

/// Columns of quads. Each register holds a row in its lower eight quads, and the row four after it in the upper eight.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn turn(r: [__m512i; 8]) -> [__m512i; 8] {
    let mut turned = r;
    for n in 0..2 {
        let rows = &r[4 * n..4 * n + 4];
        let (first, second) =
            (_mm512_unpacklo_epi32(rows[0], rows[1]), _mm512_unpacklo_epi32(rows[2], rows[3]));
        turned[4 * n] = _mm512_unpacklo_epi64(first, second);
        turned[4 * n + 1] = _mm512_unpackhi_epi64(first, second);
        let (first, second) =
            (_mm512_unpackhi_epi32(rows[0], rows[1]), _mm512_unpackhi_epi32(rows[2], rows[3]));
        turned[4 * n + 2] = _mm512_unpacklo_epi64(first, second);
        turned[4 * n + 3] = _mm512_unpackhi_epi64(first, second);
    }
    // Even quarters of `turned[m]` are column `m` of eight rows, odd ones column `4 + m`.
    let mut columns = turned;
    for m in 0..4 {
        columns[m] = _mm512_shuffle_i64x2::<0x88>(turned[m], turned[4 + m]);
        columns[4 + m] = _mm512_shuffle_i64x2::<0xdd>(turned[m], turned[4 + m]);
    }
    columns
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn plus_128(x: __m512i) -> __m512i {
    _mm512_xor_si512(x, _mm512_set1_epi8(-128))
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq")]
#[inline]
fn store_quad(x: __m512i, out: &mut [[u8; 4]; PANEL]) {
    // SAFETY: 64 bytes, written without regard to alignment.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), x) };
}
