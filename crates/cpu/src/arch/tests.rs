//! Every operation of every path against plain arithmetic.

use super::*;
use crate::code_tiles::GroupCodes;
use crate::part_tiles::{Line, PartSums};
use crate::span_codes::{STEP_CODES, StepCodes, StepTile};

/// Calls a generic function with a value of every instruction set that this machine has, and of those that go the ways of
/// tiles and of pairs.
macro_rules! on_every_path {
    ($check:ident) => {{
        struct Check;
        impl crate::arch::With for Check {
            type Out = ();
            fn with<I: crate::arch::Isa>(self, isa: I) {
                $check(isa);
            }
        }
        for path in crate::arch::Path::ALL {
            println!("path {path}: {:?}", path.with(Check));
        }
        crate::arch::With::with(Check, crate::arch::Portable::<true, false>);
        crate::arch::With::with(Check, crate::arch::Portable::<false, true>);
    }};
}
pub(crate) use on_every_path;

/// Numbers of all kinds, the same in every run.
fn numbers<T, const N: usize>(seed: u32, of: impl Fn(u32) -> T) -> [T; N] {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    std::array::from_fn(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        of(state >> 8)
    })
}

fn signed(bits: u32) -> i8 {
    (bits as i8).max(-127)
}

fn single(bits: u32) -> f32 {
    bits as f32 / 8_388_608.0 - 1.0
}

fn lanes<I: Isa>(isa: I, lanes: I::Lanes) -> [f32; LANES] {
    let mut out = [0.0; LANES];
    isa.store(lanes, &mut out);
    out
}

/// Sums as f32, which holds all that come up here.
fn ints<I: Isa>(isa: I, ints: I::Ints) -> [f32; 8] {
    let mut out = [0.0; 8];
    isa.store_eight(isa.ints_to_eight(ints), &mut out);
    out
}

fn whole<'a>(codes: impl IntoIterator<Item = i32>, x: impl IntoIterator<Item = &'a i8>) -> f32 {
    codes.into_iter().zip(x).map(|(code, x)| code * i32::from(*x)).sum::<i32>() as f32
}

#[test]
fn reading_and_turning_change_no_number() {
    fn check(isa: impl Isa) {
        isa.run(|| {
            let bytes: [u8; 64] = numbers(1, |bits| bits as u8);
            let singles = bytes.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x).to_bits());
            assert!(lanes(isa, isa.read_f32(&bytes)).into_iter().map(f32::to_bits).eq(singles));
            for half in bytes.as_chunks::<32>().0 {
                let pairs = half.as_chunks::<2>().0;
                // A NaN may be quietened.
                let same = |got: [f32; LANES], of: fn([u8; 2]) -> f32| {
                    let pairs = got.into_iter().zip(pairs);
                    pairs
                        .fold(true, |all, (got, x)| all && (got == of(*x) || got.is_nan() && of(*x).is_nan()))
                };
                assert!(same(lanes(isa, isa.read_f16(half)), |x| ::half::f16::from_le_bytes(x).to_f32()));
                assert!(same(lanes(isa, isa.read_bf16(half)), |x| ::half::bf16::from_le_bytes(x).to_f32()));
            }
            let rows: [[f32; LANES]; LANES] = std::array::from_fn(|row| numbers(row as u32, single));
            let turned = isa.transpose(rows.map(|row| isa.load(&row))).map(|row| lanes(isa, row));
            for row in 0..LANES {
                for column in 0..LANES {
                    assert_eq!(turned[column][row], rows[row][column]);
                }
            }
        });
    }
    on_every_path!(check);
}

#[test]
fn lanes_are_added_up_by_halves() {
    fn check(isa: impl Isa) {
        isa.run(|| {
            let [a, b, c]: [[f32; LANES]; 3] = [1, 2, 3].map(|seed| numbers(seed, single));
            let mut sums = a;
            for half in [8, 4, 2, 1] {
                for n in 0..half {
                    sums[n] += sums[n + half];
                }
            }
            assert_eq!(isa.fold(isa.load(&a)), sums[0]);
            let (x, y, z) = (isa.load(&a), isa.load(&b), isa.load(&c));
            let each = |of: fn(f32, f32) -> f32| std::array::from_fn(|n| of(a[n], b[n]));
            assert_eq!(lanes(isa, isa.lanes_add(x, y)), each(|a, b| a + b));
            assert_eq!(lanes(isa, isa.lanes_mul(x, y)), each(|a, b| a * b));
            let fused = |sign: f32| std::array::from_fn(|n| isa.mul_add(sign * a[n], b[n], c[n]));
            assert_eq!(lanes(isa, isa.lanes_mul_add(x, y, z)), fused(1.0));
            assert_eq!(lanes(isa, isa.lanes_neg_mul_add(x, y, z)), fused(-1.0));
            assert_eq!(lanes(isa, isa.splat(a[3])), [a[3]; LANES]);
            // Products of two bf16 numbers fit in f32, so that only the sums are rounded.
            let [pairs_a, pairs_b]: [[u32; LANES]; 2] =
                [4, 5].map(|seed| numbers(seed, |bits| (bits * 0x101) & 0x3fff_3fff | 0x3000_3000));
            let found = isa.lanes_dot_bf16(
                isa.load(&pairs_a.map(f32::from_bits)),
                isa.load(&pairs_b.map(f32::from_bits)),
                z,
            );
            let sums = std::array::from_fn(|n| {
                let ([low, high], [x, y]) = (both(pairs_a[n]), both(pairs_b[n]));
                c[n] + high * y + low * x
            });
            assert_eq!(lanes(isa, found), sums);
        });
    }
    on_every_path!(check);
}

#[test]
fn products_of_a_group_are_exact() {
    fn check(isa: impl Isa) {
        isa.run(|| {
            for seed in 0..20 {
                let extreme = seed == 0;
                let x: [i8; GROUP] = numbers(seed, |bits| if extreme { -127 } else { signed(bits) });
                let dot = |sums| isa.totals([sums; 8]);
                let codes: [u8; GROUP] =
                    numbers(seed + 50, |bits| if extreme { 127 } else { bits as u8 & 127 });
                let got = dot(isa.dot_codes(isa.bytes(&codes), isa.signed_bytes(&x)));
                assert_eq!(ints(isa, got), [whole(codes.map(i32::from), &x); 8]);
                let codes: [i8; GROUP] = numbers(seed + 60, |bits| if extreme { -128 } else { bits as i8 });
                let got = dot(isa.dot_signed(isa.signed_bytes(&codes), isa.signed_bytes(&x)));
                assert_eq!(ints(isa, got), [whole(codes.map(i32::from), &x); 8]);
            }
        });
    }
    on_every_path!(check);
}

#[test]
fn products_with_whole_scales_are_exact() {
    fn check(isa: impl Isa) {
        isa.run(|| {
            for seed in 0..20 {
                let extreme = seed == 0;
                let x: [[i8; GROUP]; 8] = std::array::from_fn(|group| {
                    numbers(8 * seed + group as u32, |bits| if extreme { -127 } else { signed(bits) })
                });
                let codes: [[u8; GROUP]; 8] = std::array::from_fn(|group| {
                    numbers(8 * seed + group as u32 + 500, |bits| if extreme { 63 } else { bits as u8 & 63 })
                });
                let halves: [i8; 16] = numbers(seed + 70, |bits| if extreme { -128 } else { bits as i8 });
                let groups: [u8; 8] = numbers(seed + 80, |bits| if extreme { 127 } else { bits as u8 & 127 });
                let packed = u64::from_le_bytes(groups);
                let (own, of_groups) = (isa.scales(&halves), isa.scales_of_groups(packed));
                let (mut sums, mut sums_of_groups) = (isa.load_ints(&[0; 8]), isa.load_ints(&[0; 8]));
                let (mut want, mut want_of_groups) = (0.0, 0.0);
                for group in 0..8 {
                    let (codes, x) = (&codes[group], &x[group]);
                    let of = |n: usize| i32::from(halves[2 * group + n / 16]);
                    let scaled = codes.iter().enumerate().map(|(n, code)| of(n) * i32::from(*code));
                    let alone = whole(scaled, x);
                    let (bytes, signed) = (isa.bytes(codes), isa.signed_bytes(x));
                    let one = isa.totals([isa.dot_scaled(bytes, signed, own, group); 8]);
                    assert_eq!(ints(isa, one), [alone; 8]);
                    want += alone;
                    want_of_groups += whole(codes.map(|code| i32::from(code) * i32::from(groups[group])), x);
                    sums = isa.dot_scaled_add(sums, bytes, signed, own, group);
                    sums_of_groups = isa.dot_scaled_add(sums_of_groups, bytes, signed, of_groups, group);
                }
                let words: [i16; 8] =
                    numbers(seed + 90, |bits| if extreme { -4064 } else { bits as i16 % 4065 });
                let pairs = words.as_chunks::<2>().0.first_chunk().expect("four pairs");
                let dot: i32 = groups.iter().zip(words).map(|(a, b)| i32::from(*a) * i32::from(b)).sum();
                // Sums beyond 2^24 are rounded, as they are everywhere.
                assert_eq!(isa.sum_and_dot(sums, packed, pairs), [want, dot as f32]);
                assert_eq!(isa.sum_and_dot(sums_of_groups, 0, pairs), [want_of_groups, 0.0]);
            }
        });
    }
    on_every_path!(check);
}

#[test]
fn sums_of_panels_are_added_and_joined() {
    fn check(isa: impl Isa) {
        isa.run(|| {
            let [a, b, c]: [[i32; PANEL]; 3] = [1, 2, 3].map(|seed| numbers(seed, |bits| bits as i16 as i32));
            let (x, y, z) = (isa.load_sums(&a), isa.load_sums(&b), isa.load_sums(&c));
            let each = |of: fn(i32, i32, i32) -> i32| std::array::from_fn(|n| of(a[n], b[n], c[n]) as f32);
            let found = |sums| lanes(isa, isa.sums_to_lanes(sums));
            assert_eq!(found(isa.splat_sums(-7)), [-7.0; LANES]);
            assert_eq!(found(isa.sums_mul_add(x, y, z)), each(|a, b, c| a * b + c));
            assert_eq!(found(isa.sums_join(x, y)), each(|a, b, _| a + (b << LOW_BITS)));
            let [numbers]: [[f32; LANES]; 1] = [numbers(4, single)];
            assert_eq!(lanes(isa, isa.settled(isa.load(&numbers))), numbers);
        });
    }
    on_every_path!(check);
}

/// Every width of codes that `I` keeps as bytes, with the largest sums of all among them.
fn check_quads<I: Isa, const T: usize, const BITS: u32, const N: usize>(isa: I) {
    if BITS > I::QUAD_BITS {
        return;
    }
    let mask = (1u32 << BITS) - 1;
    let panel: [[[u8; 4]; PANEL]; N] = std::array::from_fn(|quad| {
        std::array::from_fn(|row| {
            numbers((16 * quad + row) as u32, |bits| if row == 5 { mask as u8 } else { (bits & mask) as u8 })
        })
    });
    let x: [[i8; GROUP]; T] =
        std::array::from_fn(|t| numbers(t as u32, |bits| if t == 0 { 127 } else { signed(bits) }));
    let quads = x.each_ref().map(|x| x.as_chunks().0.first_chunk().expect("no more than a group"));
    let sums = isa.run(|| {
        let from = std::array::from_fn(|t| isa.splat_sums(-1000 * t as i32));
        isa.quads::<T, BITS, N>(&panel, quads, from)
    });
    for t in 0..T {
        let by = 1000 * t as i32;
        let got = isa.run(|| lanes(isa, isa.sums_to_lanes(sums[t])));
        for row in 0..PANEL {
            let codes = panel.iter().flat_map(|quad| quad[row]).map(i32::from);
            assert_eq!(got[row], whole(codes, &x[t]) - by as f32, "{BITS} bits, token {t}, row {row}");
        }
    }
}

/// The largest sums among them, and what scaling makes of them.
fn check_lanes<I: Isa, const R: usize, const V: usize>(isa: I) {
    let rows: [[u8; GROUP]; R] =
        std::array::from_fn(|row| numbers(row as u32, |bits| if row == 1 { 255 } else { bits as u8 }));
    let x: [[[[i8; 4]; LANES]; GROUP / 4]; V] = std::array::from_fn(|v| {
        std::array::from_fn(|quad| {
            std::array::from_fn(|lane| {
                let seed = (1000 * v + 16 * quad + lane) as u32;
                numbers(seed, |bits| if lane == 5 { 127 } else { signed(bits) })
            })
        })
    });
    let starts: [i32; V] = std::array::from_fn(|v| -1000 * v as i32);
    let scales: [f32; LANES] = numbers(3, |bits| half::f16::from_f32(single(bits)).to_f32());
    let found = isa.run(|| {
        let from = starts.map(|start| isa.splat_sums(start + BIAS));
        isa.lanes_of_quads(x.each_ref(), rows.each_ref(), from)
    });
    for (row, found) in rows.iter().zip(found) {
        for (v, sums) in found.into_iter().enumerate() {
            let scaled = isa.run(|| {
                let less = isa.lanes_mul(isa.load(&scales), isa.splat(LESS));
                lanes(isa, isa.scale_biased(sums, isa.load(&scales), less))
            });
            for lane in 0..LANES {
                let x: Vec<i8> = x[v].iter().flat_map(|quad| quad[lane]).collect();
                let want = whole(row.map(i32::from), &x) + starts[v] as f32;
                assert_eq!(scaled[lane], want * scales[lane], "vector {v}, lane {lane}");
            }
        }
    }
}

fn check_pairs<I: Isa, const T: usize>(isa: I) {
    let panel: [[[i16; 2]; PANEL]; GROUP / 2] = std::array::from_fn(|pair| {
        std::array::from_fn(|row| {
            numbers(
                (16 * pair + row) as u32,
                |bits| if row == 5 { -4096 } else { (bits & 8191) as i16 - 4096 },
            )
        })
    });
    let x: [[i8; GROUP]; T] =
        std::array::from_fn(|t| numbers(t as u32, |bits| if t == 0 { -127 } else { signed(bits) }));
    let words = x.map(|x| *x.map(i16::from).as_chunks().0.first_chunk().expect("sixteen pairs"));
    let bytes = panel.map(|pair| pair.map(|[a, b]| [a.to_le_bytes(), b.to_le_bytes()].concat()));
    let bytes = bytes.map(|pair| pair.map(|bytes| bytes.try_into().expect("four bytes")));
    let sums = isa.run(|| {
        let from = std::array::from_fn(|t| isa.splat_sums(-1000 * t as i32));
        isa.pairs(&bytes, words.each_ref(), from)
    });
    for t in 0..T {
        let by = 1000 * t as i32;
        let got = isa.run(|| lanes(isa, isa.sums_to_lanes(sums[t])));
        for row in 0..PANEL {
            let numbers = panel.iter().flat_map(|pair| pair[row]).map(i32::from);
            assert_eq!(got[row], whole(numbers, &x[t]) - by as f32, "token {t}, row {row}");
        }
    }
}

#[test]
fn rows_of_bytes_become_columns_and_words() {
    fn check<I: Isa>(isa: I) {
        let read = |x: I::Bytes| {
            let mut out = [0; GROUP];
            isa.store_bytes(x, &mut out);
            out
        };
        let words = |x: [I::Bytes; 2]| -> Vec<i16> {
            let bytes = x.map(read).concat();
            bytes.as_chunks().0.iter().map(|word| i16::from_le_bytes(*word)).collect()
        };
        isa.run(|| {
            let rows: [[u8; GROUP]; 8] = std::array::from_fn(|row| numbers(row as u32, |bits| bits as u8));
            let columns = isa.turn(rows.map(|row| isa.bytes(&row))).map(read);
            let singles = rows.map(|row| std::array::from_fn(|n| f32::from(row[n])));
            let turned = isa.turn_eight(singles.map(|row| isa.load_eight(&row)));
            for (column, turned) in turned.into_iter().enumerate() {
                let mut found = [0.0; 8];
                isa.store_eight(turned, &mut found);
                for row in 0..8 {
                    assert_eq!(columns[column][4 * row..4 * row + 4], rows[row][4 * column..4 * column + 4]);
                    assert_eq!(found[row], singles[row][column]);
                }
            }
            for signed in [false, true] {
                let rows: [[u8; GROUP]; PANEL] =
                    std::array::from_fn(|row| numbers(row as u32, |bits| bits as u8));
                let mut out = [[[0; 4]; PANEL]; GROUP / 4];
                isa.turn_panel(
                    signed,
                    #[inline(always)]
                    |row| isa.bytes(&rows[row]),
                    &mut out,
                );
                for (row, bytes) in rows.iter().enumerate() {
                    let found: Vec<u8> = out.iter().flat_map(|column| column[row]).collect();
                    assert_eq!(found, bytes.map(|byte| if signed { byte ^ 0x80 } else { byte }), "row {row}");
                }
            }
            let x = isa.bytes(&rows[3]);
            assert_eq!(read(isa.unsigned(x)), rows[3].map(|byte| byte ^ 0x80));
            let found = words(isa.words(x, 32));
            assert_eq!(found, rows[3].map(|byte| i16::from(byte) - 32));
            let found = words(isa.signed_words(x));
            assert_eq!(found, rows[3].map(|byte| i16::from(byte as i8)));
            let found = words(isa.words(x, 32).map(|half| isa.words_mul(half, -128)));
            assert_eq!(found, rows[3].map(|byte| (i16::from(byte) - 32) * -128));
            // What is above the low bits of the largest numbers, 4096 and -4096, still fits.
            let numbers = rows[4].map(|byte| (i16::from(byte % 65) - 32) * -128);
            let both = numbers.as_chunks::<16>().0.iter().map(|half| {
                let bytes = half.map(i16::to_le_bytes);
                isa.bytes(bytes.as_flattened().first_chunk().expect("32 bytes"))
            });
            let both: Vec<_> = both.collect();
            let [low, high] = isa.cut_words([both[0], both[1]]).map(read);
            for n in 0..GROUP {
                assert!(low[n] < 1 << LOW_BITS);
                assert_eq!((i16::from(high[n] as i8) << LOW_BITS) + i16::from(low[n]), numbers[n]);
            }
            let table: [u8; 16] = std::array::from_fn(|n| rows[5][n]);
            let names = rows[6].map(|byte| byte & 15);
            assert_eq!(read(isa.look_up(&table, isa.bytes(&names))), names.map(|n| table[usize::from(n)]));
        });
    }
    on_every_path!(check);
}

#[test]
fn products_with_a_panel_are_exact() {
    fn check<I: Isa>(isa: I) {
        check_quads::<I, 1, 4, 8>(isa);
        check_quads::<I, 5, 4, 8>(isa);
        check_quads::<I, 12, 4, 8>(isa);
        check_quads::<I, 2, 5, 8>(isa);
        check_quads::<I, 12, 5, 8>(isa);
        check_quads::<I, 2, 8, 8>(isa);
        check_quads::<I, 12, 8, 8>(isa);
        check_quads::<I, 12, 8, 4>(isa);
        check_lanes::<I, 1, 1>(isa);
        check_lanes::<I, 8, 1>(isa);
        check_lanes::<I, 8, 2>(isa);
        check_pairs::<I, 1>(isa);
        check_pairs::<I, 12>(isa);
    }
    on_every_path!(check);
}

#[test]
fn products_of_tiles_are_exact() {
    fn check<I: Isa>(isa: I) {
        let panel: SignedQuads = std::array::from_fn(|quad| {
            std::array::from_fn(|row| {
                numbers((16 * quad + row) as u32, |bits| if row == 5 { 0x80 } else { bits as u8 })
            })
        });
        let x: [GroupCodes; TILE_TOKENS] = std::array::from_fn(|token| {
            GroupCodes(numbers(token as u32, |bits| if token == 0 { -127 } else { signed(bits) }))
        });
        for tokens in [1, 3, 11, TILE_TOKENS] {
            let mut sums = TileSums([[7; PANEL]; TILE_TOKENS]);
            isa.run(|| isa.tiled(tokens, |tiles| tiles.group(&panel, &x, &mut sums)));
            for (token, sums) in sums.0.iter().enumerate() {
                for row in 0..PANEL {
                    let codes = panel.iter().flat_map(|quad| quad[row]).map(|code| i32::from(code as i8));
                    let want = if token < tokens { whole(codes, &x[token].0) } else { 7.0 };
                    assert_eq!(sums[row] as f32, want, "token {token} of {tokens}, row {row}");
                }
                let read = isa.run(|| lanes(isa, isa.sums_to_lanes(isa.load_sums(sums))));
                assert_eq!(read, sums.map(|sum| sum as f32));
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn products_of_tiles_of_spans_are_exact() {
    fn check<I: Isa>(isa: I) {
        let panel: CutPanel = std::array::from_fn(|part| {
            std::array::from_fn(|group| {
                let seed = |quad, row| (1000 * part + 128 * group + 16 * quad + row) as u32;
                std::array::from_fn(|quad| {
                    std::array::from_fn(|row| {
                        numbers(seed(quad, row), |bits| if row == 5 { 0x80 } else { bits as u8 })
                    })
                })
            })
        });
        let x: StepTile<TILE_TOKENS> = std::array::from_fn(|step| {
            std::array::from_fn(|token| {
                let seed = (16 * step + token) as u32;
                StepCodes(numbers(seed, |bits| if token == 0 { -127 } else { signed(bits) }))
            })
        });
        for tokens in [1, 3, 11, TILE_TOKENS] {
            let mut sums = [TileSums([[7; PANEL]; TILE_TOKENS]); 2];
            isa.run(|| isa.tiled(tokens, |tiles| tiles.span(&panel, &x, &mut sums)));
            for (panel, sums) in panel.iter().zip(&sums) {
                for (token, sums) in sums.0.iter().enumerate() {
                    for row in 0..PANEL {
                        let codes = panel.as_flattened().iter().flat_map(|quad| quad[row]);
                        let x = (0..8 * GROUP).map(|n| x[n / STEP_CODES][token].0[n % STEP_CODES]);
                        let products = codes.zip(x).map(|(code, x)| i32::from(code as i8) * i32::from(x));
                        let want = if token < tokens { products.sum() } else { 7 };
                        assert_eq!(sums[row], want, "token {token} of {tokens}, row {row}");
                    }
                }
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn products_of_bf16_tiles_agree_with_their_twin_to_the_bit() {
    fn check<I: Isa>(isa: I) {
        const STEPS: usize = 3;
        let rows: [Vec<u8>; 2] = [1, 2].map(|seed| {
            let numbers =
                numbers::<_, { PANEL * 32 * STEPS }>(seed, |bits| (single(bits).to_bits() >> 16) as u16);
            numbers.iter().flat_map(|bits| bits.to_le_bytes()).collect()
        });
        // The first are one after the other, the others far apart.
        let apart: Vec<u8> = rows[1].chunks(64 * STEPS).flat_map(|row| [row, &[255; 192]].concat()).collect();
        let sixteen = |at| {
            let (bytes, more) = if at == 0 { (&rows[0], 0) } else { (&apart, 192) };
            Sixteen::new(bytes, 64 * STEPS + more, STEPS)
        };
        let turned: [Vec<Line>; 2] = rows.each_ref().map(|rows| {
            let lines = rows.as_chunks::<64>().0; // [PANEL, STEPS]
            (0..STEPS * PANEL).map(|at| Line(lines[at % PANEL * STEPS + at / PANEL])).collect()
        });
        for (width, parts) in [(1, 2), (1, 3), (5, 2), (16, 2), (16, 3)] {
            let words = STEPS * parts * 16 * width;
            let vectors: [Vec<u32>; 2] = [3, 4].map(|seed| {
                let numbers = numbers::<_, { STEPS * 3 * 16 * 16 }>(seed, single);
                numbers[..words]
                    .iter()
                    .map(|x| x.to_bits() & 0xffff_0000 | (x * 0.7).to_bits() >> 16)
                    .collect()
            });
            let (mut one, mut four, mut want) =
                ([PartSums::ZERO; 4], [PartSums::ZERO; 4], [PartSums::ZERO; 4]);
            let (tiled, both) = (turned.each_ref().map(Vec::as_slice), vectors.each_ref().map(Vec::as_slice));
            let plain = tiles::PlainBf16 { width };
            for (at, sums) in want.iter_mut().enumerate() {
                plain.one(sixteen(at / 2), both[at % 2], parts, sums);
            }
            isa.bf16_tiled(width, |tiles| {
                for (at, sums) in one.iter_mut().enumerate() {
                    tiles.one(sixteen(at / 2), both[at % 2], parts, sums);
                }
                if width == TILE_TOKENS {
                    tiles.four(tiled, both, parts, &mut four);
                }
            });
            for (at, want) in want.iter().enumerate() {
                let used = ..PANEL * width;
                assert!(want.0[used].iter().any(|sum| *sum != 0.0));
                assert_eq!(one[at].0[used], want.0[used], "one, {width} tokens, {parts} parts");
                if width == TILE_TOKENS {
                    assert_eq!(four[at].0[used], want.0[used], "four, {parts} parts");
                }
            }
        }
    }
    on_every_path!(check);
}
