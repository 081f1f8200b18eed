//! What every machine of the compile target has: plain loops that compilers turn into vector code.

use super::headers::PlainHeaders;
use super::tiles::{PlainBf16, PlainTiles};
use super::{BIAS, GROUP, HEADERS, Isa, LANES, LESS, LOW_BITS, PANEL, wholes_of_k};

/// The compile target's own instructions. With `TILED`, many tokens go the way of machines that multiply tiles; with `PAIRED`,
/// bf16 goes that of machines that multiply pairs, and codes that of machines that keep tokens in lanes: slow, and for tests
/// of those ways alone, on any machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable<const TILED: bool, const PAIRED: bool>;

impl<const TILED: bool, const PAIRED: bool> Isa for Portable<TILED, PAIRED> {
    type Lanes = [f32; LANES];
    type Eight = [f32; 8];
    type Bytes = [u8; 32];
    type Ints = [i32; 8];
    type Sums = [i32; PANEL];
    type Scales = [i8; 16];
    type Headers = PlainHeaders;
    type Tiles = PlainTiles;
    type Bf16Tiles = PlainBf16;

    const TILED: bool = TILED;
    const PAIRED: bool = PAIRED;
    const LANED: bool = PAIRED && !TILED;
    const TILE: usize = 2; // with SSE's sixteen registers of four numbers, two tokens' sums take half
    const QUAD_BITS: u32 = 5;

    #[inline(always)]
    fn run<R>(self, kernel: impl FnOnce() -> R) -> R {
        kernel()
    }

    // Not `f32::mul_add`, which calls a slow library function on machines without the instruction.
    #[inline(always)]
    fn mul_add(self, a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }

    #[inline(always)]
    fn load(self, x: &[f32; LANES]) -> [f32; LANES] {
        *x
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; LANES] {
        [x; LANES]
    }

    #[inline(always)]
    fn lanes_mul(self, mut a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        for lane in 0..LANES {
            a[lane] *= b[lane];
        }
        a
    }

    #[inline(always)]
    fn lanes_add(self, mut a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        for lane in 0..LANES {
            a[lane] += b[lane];
        }
        a
    }

    #[inline(always)]
    fn lanes_mul_add(self, a: [f32; LANES], b: [f32; LANES], mut c: [f32; LANES]) -> [f32; LANES] {
        for lane in 0..LANES {
            c[lane] += a[lane] * b[lane];
        }
        c
    }

    #[inline(always)]
    fn lanes_neg_mul_add(self, a: [f32; LANES], b: [f32; LANES], mut c: [f32; LANES]) -> [f32; LANES] {
        for lane in 0..LANES {
            c[lane] -= a[lane] * b[lane];
        }
        c
    }

    #[inline(always)]
    fn store(self, lanes: [f32; LANES], out: &mut [f32; LANES]) {
        *out = lanes;
    }

    #[inline(always)]
    fn fold(self, lanes: [f32; LANES]) -> f32 {
        fold(lanes)
    }

    #[inline(always)]
    fn read_f32(self, bytes: &[u8; 64]) -> [f32; LANES] {
        let (numbers, _) = bytes.as_chunks::<4>();
        std::array::from_fn(|lane| f32::from_le_bytes(numbers[lane]))
    }

    #[inline(always)]
    fn read_f16(self, bytes: &[u8; 32]) -> [f32; LANES] {
        let (numbers, _) = bytes.as_chunks::<2>();
        std::array::from_fn(|lane| half_to_f32(u16::from_le_bytes(numbers[lane])))
    }

    #[inline(always)]
    fn read_bf16(self, bytes: &[u8; 32]) -> [f32; LANES] {
        let (numbers, _) = bytes.as_chunks::<2>();
        std::array::from_fn(|lane| f32::from_bits(u32::from(u16::from_le_bytes(numbers[lane])) << 16))
    }

    #[inline(always)]
    fn transpose(self, rows: [[f32; LANES]; LANES]) -> [[f32; LANES]; LANES] {
        std::array::from_fn(|column| std::array::from_fn(|row| rows[row][column]))
    }

    #[inline(always)]
    fn half_pair(self, bits: u32) -> [f32; 2] {
        [half_to_f32(bits as u16), half_to_f32((bits >> 16) as u16)]
    }

    #[inline(always)]
    fn halves(self, bits: [u32; 8]) -> [f32; 8] {
        bits.map(|bits| half_to_f32(bits as u16))
    }

    #[inline(always)]
    fn load_eight(self, x: &[f32; 8]) -> [f32; 8] {
        *x
    }

    #[inline(always)]
    fn splat_eight(self, x: f32) -> [f32; 8] {
        [x; 8]
    }

    #[inline(always)]
    fn eight_mul(self, mut a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        for lane in 0..8 {
            a[lane] *= b[lane];
        }
        a
    }

    #[inline(always)]
    fn eight_mul_add(self, a: [f32; 8], b: [f32; 8], mut c: [f32; 8]) -> [f32; 8] {
        for lane in 0..8 {
            c[lane] += a[lane] * b[lane];
        }
        c
    }

    #[inline(always)]
    fn store_eight(self, x: [f32; 8], out: &mut [f32; 8]) {
        *out = x;
    }

    #[inline(always)]
    fn fold_eight(self, x: [f32; 8]) -> f32 {
        fold(x)
    }

    #[inline(always)]
    fn turn_eight(self, rows: [[f32; 8]; 8]) -> [[f32; 8]; 8] {
        std::array::from_fn(|column| rows.map(|row| row[column]))
    }

    #[inline(always)]
    fn bytes(self, bytes: &[u8; 32]) -> [u8; 32] {
        *bytes
    }

    #[inline(always)]
    fn signed_bytes(self, bytes: &[i8; 32]) -> [u8; 32] {
        bytes.map(|x| x as u8)
    }

    #[inline(always)]
    fn largest(self, x: &[f32; GROUP]) -> f32 {
        // Magnitudes are ordered as their bits are, infinity and NaN above all others.
        f32::from_bits(x.iter().fold(0, |largest, x| x.abs().to_bits().max(largest)))
    }

    #[inline(always)]
    fn round(self, x: &[f32; GROUP], scale: f32, out: &mut [i8; GROUP]) -> [i32; 2] {
        let mut sums = [0; 2];
        for (n, (code, x)) in out.iter_mut().zip(x).enumerate() {
            // Rounded by the addition, which leaves the integer in the lowest bits.
            let rounded = ((x * scale - LESS).to_bits() as i32).wrapping_sub(BIAS) as i8;
            *code = rounded;
            sums[n / 16] += i32::from(rounded);
        }
        sums
    }

    #[inline(always)]
    fn nibbles(self, bytes: &[u8; 16]) -> [u8; 32] {
        std::array::from_fn(|n| if n < 16 { bytes[n] & 15 } else { bytes[n - 16] >> 4 })
    }

    #[inline(always)]
    fn shift_right(self, x: [u8; 32], by: usize, mask: u8) -> [u8; 32] {
        x.map(|x| (x >> by) & mask)
    }

    #[inline(always)]
    fn shift_left(self, x: [u8; 32], by: usize, mask: u8) -> [u8; 32] {
        x.map(|x| (x & mask) << by)
    }

    #[inline(always)]
    fn or(self, a: [u8; 32], b: [u8; 32]) -> [u8; 32] {
        std::array::from_fn(|n| a[n] | b[n])
    }

    #[inline(always)]
    fn sixteens(self, bits: u32) -> [u8; 32] {
        std::array::from_fn(|n| ((bits >> n) as u8 & 1) << 4)
    }

    #[inline(always)]
    fn look_up(self, table: &[u8; 16], x: [u8; 32]) -> [u8; 32] {
        x.map(|x| table[usize::from(x & 15)])
    }

    #[inline(always)]
    fn store_bytes(self, x: [u8; 32], out: &mut [u8; 32]) {
        *out = x;
    }

    #[inline(always)]
    fn turn(self, rows: [[u8; 32]; 8]) -> [[u8; 32]; 8] {
        std::array::from_fn(|column| std::array::from_fn(|n| rows[n / 4][4 * column + n % 4]))
    }

    #[inline(always)]
    fn unsigned(self, x: [u8; 32]) -> [u8; 32] {
        x.map(|x| x ^ 0x80)
    }

    #[inline(always)]
    fn less(self, x: [u8; 32], by: u8) -> [u8; 32] {
        x.map(|x| x.wrapping_sub(by))
    }

    #[inline(always)]
    fn words(self, x: [u8; 32], offset: i16) -> [[u8; 32]; 2] {
        two_bytes(x.map(|x| i16::from(x) - offset))
    }

    #[inline(always)]
    fn signed_words(self, x: [u8; 32]) -> [[u8; 32]; 2] {
        two_bytes(x.map(|x| i16::from(x as i8)))
    }

    #[inline(always)]
    fn words_mul(self, x: [u8; 32], by: i16) -> [u8; 32] {
        let mut out = x;
        for word in out.as_chunks_mut().0 {
            *word = i16::from_le_bytes(*word).wrapping_mul(by).to_le_bytes();
        }
        out
    }

    #[inline(always)]
    fn cut_words(self, x: [[u8; 32]; 2]) -> [[u8; 32]; 2] {
        let words = x.as_flattened().as_chunks::<2>().0;
        let word = |n: usize| i16::from_le_bytes(words[n]);
        let low = std::array::from_fn(|n| word(n) as u8 & ((1 << LOW_BITS) - 1));
        [low, std::array::from_fn(|n| (word(n) >> LOW_BITS) as u8)]
    }

    #[inline(always)]
    fn dot_codes(self, codes: [u8; 32], x: [u8; 32]) -> [i32; 8] {
        dot(codes.map(i16::from), x)
    }

    #[inline(always)]
    fn dot_signed(self, codes: [u8; 32], x: [u8; 32]) -> [i32; 8] {
        dot(codes.map(|code| i16::from(code as i8)), x)
    }

    #[inline(always)]
    fn scales(self, scales: &[i8; 16]) -> [i8; 16] {
        *scales
    }

    #[inline(always)]
    fn scales_of_groups(self, scales: u64) -> [i8; 16] {
        std::array::from_fn(|n| (scales >> (8 * (n / 2))) as i8)
    }

    #[inline(always)]
    fn dot_scaled(self, codes: [u8; 32], x: [u8; 32], scales: [i8; 16], group: usize) -> [i32; 8] {
        let scaled = |n: usize| i16::from(codes[n]) * i16::from(scales[2 * group + n / 16]);
        dot(std::array::from_fn(scaled), x)
    }

    #[inline(always)]
    fn scaled_sums(self, scales: &[i8; 16], sums: &[i16; 16]) -> [i32; 8] {
        let one = |n: usize| i32::from(scales[n]) * i32::from(sums[n]);
        std::array::from_fn(|group| one(2 * group) + one(2 * group + 1))
    }

    #[inline(always)]
    fn ints_times_32(self, x: [i32; 8]) -> [i32; 8] {
        x.map(|x| x << 5)
    }

    #[inline(always)]
    fn totals(self, sums: [[i32; 8]; 8]) -> [i32; 8] {
        sums.map(|sums| sums.into_iter().sum())
    }

    #[inline(always)]
    fn load_ints(self, x: &[i32; 8]) -> [i32; 8] {
        *x
    }

    #[inline(always)]
    fn ints_add(self, a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        std::array::from_fn(|n| a[n] + b[n])
    }

    #[inline(always)]
    fn sum_and_dot(self, x: [i32; 8], bytes: u64, words: &[[i16; 2]; 4]) -> [f32; 2] {
        let products = bytes.to_le_bytes().into_iter().zip(words.as_flattened());
        let dot: i32 = products.map(|(byte, word)| i32::from(byte) * i32::from(*word)).sum();
        [x.into_iter().sum::<i32>() as f32, dot as f32]
    }

    #[inline(always)]
    fn headers(self, blocks: [&[u8; 16]; HEADERS]) -> PlainHeaders {
        let factors =
            blocks.map(|block| [[block[0], block[1]], [block[2], block[3]]].map(u16::from_le_bytes));
        PlainHeaders { factors: factors.map(|two| two.map(half_to_f32)), wholes: blocks.map(wholes_of_k) }
    }

    #[inline(always)]
    fn scales_of_header(self, headers: &PlainHeaders, n: usize) -> [i8; 16] {
        self.scales_of_groups(headers.wholes[n][0])
    }

    #[inline(always)]
    fn add_under_headers(
        self,
        headers: &PlainHeaders,
        totals: [[i32; 8]; HEADERS],
        words: &[[i16; 2]; 4],
        scale: f32,
        sums: &mut [f32; HEADERS],
    ) {
        for n in 0..HEADERS {
            let [factor, of_minima] = headers.factors[n];
            let [whole, minima] = self.sum_and_dot(totals[n], headers.wholes[n][1], words);
            let found = self.mul_add(-of_minima, minima, factor * whole);
            sums[n] = self.mul_add(scale, found, sums[n]);
        }
    }

    #[inline(always)]
    fn ints_sub(self, a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        std::array::from_fn(|n| a[n] - b[n])
    }

    #[inline(always)]
    fn ints_to_eight(self, x: [i32; 8]) -> [f32; 8] {
        x.map(|x| x as f32)
    }

    #[inline(always)]
    fn quads<const T: usize, const BITS: u32, const N: usize>(
        self,
        panel: &[[[u8; 4]; PANEL]; N],
        x: [&[[i8; 4]; N]; T],
        from: [[i32; PANEL]; T],
    ) -> [[i32; PANEL]; T] {
        std::array::from_fn(|t| {
            let mut sums = from[t];
            for (codes, x) in panel.iter().zip(x[t]) {
                for (sum, codes) in sums.iter_mut().zip(codes) {
                    for (code, x) in codes.iter().zip(x) {
                        *sum += i32::from(*code) * i32::from(*x);
                    }
                }
            }
            sums
        })
    }

    #[inline(always)]
    fn pairs<const T: usize, const N: usize>(
        self,
        panel: &[[[u8; 4]; PANEL]; N],
        x: [&[[i16; 2]; N]; T],
        from: [[i32; PANEL]; T],
    ) -> [[i32; PANEL]; T] {
        std::array::from_fn(|t| {
            let mut sums = from[t];
            for (numbers, x) in panel.iter().zip(x[t]) {
                for (sum, [a, b, c, d]) in sums.iter_mut().zip(numbers) {
                    let numbers = [i16::from_le_bytes([*a, *b]), i16::from_le_bytes([*c, *d])];
                    // The form of one instruction on many machines.
                    *sum += i32::from(numbers[0]) * i32::from(x[0]) + i32::from(numbers[1]) * i32::from(x[1]);
                }
            }
            sums
        })
    }

    #[inline(always)]
    fn splat_sums(self, x: i32) -> [i32; PANEL] {
        [x; PANEL]
    }

    #[inline(always)]
    fn sums_mul_add(self, a: [i32; PANEL], b: [i32; PANEL], c: [i32; PANEL]) -> [i32; PANEL] {
        std::array::from_fn(|n| a[n] * b[n] + c[n])
    }

    #[inline(always)]
    fn sums_join(self, low: [i32; PANEL], high: [i32; PANEL]) -> [i32; PANEL] {
        std::array::from_fn(|n| (high[n] << LOW_BITS) + low[n])
    }

    #[inline(always)]
    fn sums_to_lanes(self, sums: [i32; PANEL]) -> [f32; LANES] {
        sums.map(|sum| sum as f32)
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
    fn load_sums(self, sums: &[i32; PANEL]) -> [i32; PANEL] {
        *sums
    }
}

/// The sum of the partial sums: halves are added until one is left.
#[inline(always)]
fn fold<const N: usize>(mut lanes: [f32; N]) -> f32 {
    let mut half = N / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// The bytes of the first sixteen words, and of the others.
#[inline(always)]
fn two_bytes(words: [i16; 32]) -> [[u8; 32]; 2] {
    std::array::from_fn(|half| std::array::from_fn(|n| words[16 * half + n / 2].to_le_bytes()[n % 2]))
}

/// Partial sums of four products each.
#[inline(always)]
fn dot(codes: [i16; 32], x: [u8; 32]) -> [i32; 8] {
    let mut sums = [0; 8];
    for n in 0..32 {
        sums[n / 4] += i32::from(codes[n]) * i32::from(x[n] as i8);
    }
    sums
}

/// A half as a single, in a form that vectorises: exponent and fraction move into place, and one multiplication sets
/// the exponent right, subnormals included. Infinities and NaNs are put together apart.
#[inline(always)]
fn half_to_f32(bits: u16) -> f32 {
    let (sign, rest) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7fff) << 13);
    let finite = f32::from_bits(rest) * f32::from_bits(0x7780_0000); // 2^112, the difference of the exponents' biases
    let special = 0x7f80_0000 | rest;
    let magnitude = if bits & 0x7c00 == 0x7c00 { special } else { finite.to_bits() };
    f32::from_bits(sign | magnitude)
}
