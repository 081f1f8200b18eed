//! What is done for four rows at a time against what is done row by row.

use half::f16;
use wkv7_testkit::Random;

use super::tests::on_every_path;
use super::*;

fn byte(random: &mut Random) -> u8 {
    random.below(256) as u8
}

/// An f16 number of either sign, at times zero, subnormal or as large as they come.
fn factor(random: &mut Random) -> [u8; 2] {
    let numbers = [0.0, 6e-8, -6e-8, 65504.0, random.between(-2.0, 2.0), random.between(-0.01, 0.01)];
    f16::from_f64(numbers[random.below(numbers.len())]).to_le_bytes()
}

#[test]
fn four_rows_of_nibbles_are_what_each_is() {
    fn check<I: Isa>(isa: I) {
        let mut random = Random::new(5);
        for round in 0..50 {
            let extreme = round == 0;
            let spans: [[[u8; 18]; EIGHT]; 4] = std::array::from_fn(|_| {
                std::array::from_fn(|_| {
                    let mut block: [u8; 18] =
                        std::array::from_fn(|_| if extreme { 0xff } else { byte(&mut random) });
                    block[..2].copy_from_slice(&factor(&mut random));
                    block
                })
            });
            let x: [GroupCodes; EIGHT] = std::array::from_fn(|_| {
                GroupCodes(std::array::from_fn(|_| {
                    if extreme { -127 } else { (byte(&mut random) as i8).max(-127) }
                }))
            });
            let scales: [f32; EIGHT] = std::array::from_fn(|_| random.between(0.0, 3.0) as f32);
            let counts = x.map(|group| group.0.into_iter().map(i32::from).sum());
            let before: [[f32; LANES]; 2] =
                std::array::from_fn(|_| std::array::from_fn(|_| random.between(-9.0, 9.0) as f32));
            let spans = [&spans[0], &spans[1], &spans[2], &spans[3]];
            let found = isa.run(
                #[inline(always)]
                || {
                    let sums = [isa.load(&before[0]), isa.load(&before[1])];
                    let sums = isa.add_four_nibbles(spans, &x, &scales, &counts, sums);
                    let mut found = [[0.0; LANES]; 2];
                    isa.store(sums[0], &mut found[0]);
                    isa.store(sums[1], &mut found[1]);
                    found
                },
            );
            for (row, span) in spans.into_iter().enumerate() {
                for (group, block) in span.iter().enumerate() {
                    let products = (0..GROUP).map(|n| {
                        let code = block[2 + n % 16] >> (4 * (n / 16)) & 15;
                        (i32::from(code) - 8) * i32::from(x[group].0[n])
                    });
                    let (total, at) = (products.sum::<i32>() as f32, 4 * (group % 4) + row);
                    let scaled = total * f16::from_le_bytes([block[0], block[1]]).to_f32();
                    let want = isa.mul_add(scaled, scales[group], before[group / 4][at]);
                    assert_eq!(found[group / 4][at], want, "row {row}, group {group}");
                }
            }
        }
    }
    on_every_path!(check);
}

#[test]
fn four_headers_are_what_each_is() {
    fn check<I: Isa>(isa: I) {
        let mut random = Random::new(6);
        for _ in 0..50 {
            let blocks: [[u8; 16]; HEADERS] = std::array::from_fn(|_| {
                let mut block = std::array::from_fn(|_| byte(&mut random));
                block[..2].copy_from_slice(&factor(&mut random));
                block[2..4].copy_from_slice(&factor(&mut random));
                block
            });
            let parts: [[i32; 8]; HEADERS] =
                std::array::from_fn(|_| std::array::from_fn(|_| random.below(1 << 20) as i32 - (1 << 19)));
            let words: [[i16; 2]; 4] =
                std::array::from_fn(|_| std::array::from_fn(|_| random.below(8129) as i16 - 4064));
            let (scale, before) = (random.between(0.0, 2.0) as f32, [1.0, -2.0, 0.5, 3e5]);
            isa.run(
                #[inline(always)]
                || {
                    let headers = isa.headers([&blocks[0], &blocks[1], &blocks[2], &blocks[3]]);
                    let mut found = before;
                    let totals = [
                        isa.load_ints(&parts[0]),
                        isa.load_ints(&parts[1]),
                        isa.load_ints(&parts[2]),
                        isa.load_ints(&parts[3]),
                    ];
                    isa.add_under_headers(&headers, totals, &words, scale, &mut found);
                    for n in 0..HEADERS {
                        let [scales, minima] = wholes_of_k(&blocks[n]);
                        let block = &blocks[n];
                        let [factor, of_minima] = [[block[0], block[1]], [block[2], block[3]]]
                            .map(|bytes| f16::from_le_bytes(bytes).to_f32());
                        let [whole, dot] = isa.sum_and_dot(isa.load_ints(&parts[n]), minima, &words);
                        let each = isa.mul_add(-of_minima, dot, factor * whole);
                        assert_eq!(found[n], isa.mul_add(scale, each, before[n]), "block {n}");
                        let (codes, x) = (isa.bytes(&[7; GROUP]), isa.signed_bytes(&[3; GROUP]));
                        for group in 0..8 {
                            let [own, alone] =
                                [isa.scales_of_header(&headers, n), isa.scales_of_groups(scales)].map(
                                    |scales| {
                                        let mut sums = [0.0; 8];
                                        let dot = isa.dot_scaled(codes, x, scales, group);
                                        isa.store_eight(isa.ints_to_eight(isa.totals([dot; 8])), &mut sums);
                                        sums[0]
                                    },
                                );
                            let want = 21 * 32 * i32::from(scales.to_le_bytes()[group]);
                            assert_eq!([own, alone], [want as f32; 2], "block {n}, group {group}");
                        }
                    }
                },
            );
        }
    }
    on_every_path!(check);
}
