//! The initialisation against its formulas, written down here a second time, and against what orthogonal means.

use std::time::Instant;

use wkv7_core::Ranks;
use wkv7_train::{Layout, NewModel, default_ranks, initialise};

fn small() -> NewModel {
    let ranks = Some(Ranks { decay: 8, rate: 12, value: 6, gate: 20 });
    NewModel { layers: 3, channels: 35, head_size: 7, vocab: 41, ffn: Some(50), ranks }
}

/// The sizes of the smallest World model.
fn world(layers: usize, vocab: usize) -> NewModel {
    NewModel { layers, channels: 768, head_size: 64, vocab, ffn: None, ranks: None }
}

struct Made {
    layout: Layout,
    parameters: Vec<f32>,
}

impl Made {
    fn new(model: &NewModel, seed: u64) -> Self {
        let layout = model.layout().expect("a model");
        let parameters = initialise(&layout, seed).expect("fits");
        Self { layout, parameters }
    }

    fn get(&self, name: &str) -> (&[f32], Vec<usize>) {
        let entry = self.layout.get(name).unwrap_or_else(|| panic!("no `{name}`"));
        (&self.parameters[entry.range.clone()], entry.shape.clone())
    }

    /// Every tensor that is a formula, to the bit.
    fn check_formulas(&self) {
        let config = self.layout.config();
        let (l_count, c, head) = (config.layers as f64, config.channels as f64, config.head_size as f64);
        for layer in 0..config.layers {
            let l = layer as f64;
            let ratio0 = if l_count == 1.0 { 0.0 } else { l / (l_count - 1.0) };
            let ratio1 = 1.0 - l / l_count;
            let is = |leaf: &str, want: &dyn Fn(f64) -> f64| {
                let (values, _) = self.get(&format!("blocks.{layer}.{leaf}"));
                for (n, &value) in values.iter().enumerate() {
                    let want = want(n as f64) as f32;
                    assert_eq!(value.to_bits(), want.to_bits(), "{layer} {leaf} {n}: {value} for {want}");
                }
            };
            let lin = |n: f64| n / (c - 1.0) - 0.5;
            let zz = |n: f64| {
                let u = ((n % head) - (head - 1.0) / 2.0) / ((head - 1.0) / 2.0);
                u * u.abs()
            };
            for (leaf, power) in
                [("x_r", 0.2), ("x_w", 0.9), ("x_k", 0.7), ("x_v", 0.7), ("x_a", 0.9), ("x_g", 0.2)]
            {
                is(&format!("att.{leaf}"), &|n| 1.0 - (n / c).powf(power * ratio1));
            }
            is("ffn.x_k", &|n| 1.0 - (n / c).powf(ratio1.powi(4)));
            is("att.w0", &|n| -6.0 + 6.0 * (n / (c - 1.0)).powf(1.0 + ratio0.powf(0.3)) + 0.5 + zz(n) * 2.5);
            is("att.a0", &|n| -0.19 + zz(n) * 0.3 + lin(n) * 0.4);
            is("att.v0", &|n| 0.73 - lin(n) * 0.4);
            is("att.k_k", &|n| 0.71 - lin(n) * 0.1);
            is("att.k_a", &|_| 1.02);
            is("att.r_k", &|_| -0.04);
            is("att.ln_x.weight", &|_| ((1.0 + l) / l_count).powf(0.7));
            for leaf in ["ln1.weight", "ln2.weight"] {
                is(leaf, &|_| 1.0);
            }
            for leaf in [
                "ln1.bias",
                "ln2.bias",
                "att.ln_x.bias",
                "att.w1",
                "att.a1",
                "att.v1",
                "att.g1",
                "att.output.weight",
                "ffn.value.weight",
            ] {
                is(leaf, &|_| 0.0);
            }
        }
        for (name, want) in [
            ("blocks.0.ln0.weight", 1.0),
            ("blocks.0.ln0.bias", 0.0),
            ("ln_out.weight", 1.0),
            ("ln_out.bias", 0.0),
        ] {
            assert!(self.get(name).0.iter().all(|&x| x == want), "{name}");
        }
    }

    /// Rows or columns, whichever are fewer, are orthogonal and of length `gain`, to 1e-5 of its square.
    fn check_orthogonal(&self, name: &str, gain: f64) {
        let (values, shape) = self.get(name);
        let (rows, columns) = (shape[0], shape[1]);
        let few = rows.min(columns);
        // The few, one after another.
        let vectors: Vec<Vec<f64>> = (0..few)
            .map(|n| {
                if rows < columns {
                    values[n * columns..][..columns].iter().map(|&x| f64::from(x)).collect()
                } else {
                    values.iter().skip(n).step_by(columns).map(|&x| f64::from(x)).collect()
                }
            })
            .collect();
        let mut worst = 0.0f64;
        // Every pair where they are few, neighbours and a spread of pairs where they are many.
        let stride = (few / 64).max(1);
        for (i, a) in vectors.iter().enumerate() {
            for (j, b) in vectors.iter().enumerate().skip(i) {
                if j - i > 1 && (i + 7 * j) % stride != 0 {
                    continue;
                }
                let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / (gain * gain);
                worst = worst.max((product - if i == j { 1.0 } else { 0.0 }).abs());
            }
        }
        assert!(worst < 1e-5, "{name}: {worst:e}");
    }

    fn check_matrices(&self) {
        let config = self.layout.config();
        let (values, _) = self.get("emb.weight");
        let (low, high) = values.iter().fold((0.0f32, 0.0f32), |(low, high), &x| (low.min(x), high.max(x)));
        assert!((-1e-4..-9e-5).contains(&low) && (9e-5..=1e-4).contains(&high), "{low} to {high}");
        let square: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / values.len() as f64;
        // The variance of a uniform number, to five standard errors.
        let error = 5.0 * (4.0 / 45.0 / values.len() as f64).sqrt() * 1e-8;
        assert!((square - 1e-8 / 3.0).abs() < error, "{square:e}");
        let (v, c) = (config.vocab as f64, config.channels as f64);
        self.check_orthogonal("head.weight", if v > c { 0.5 * (v / c).sqrt() } else { 0.5 });
        for layer in 0..config.layers {
            let check = |leaf: &str, gain| self.check_orthogonal(&format!("blocks.{layer}.{leaf}"), gain);
            check("att.receptance.weight", 1.0);
            check("att.value.weight", 1.0);
            check("att.key.weight", 0.1);
            check("ffn.key.weight", 1.0);
            for leaf in ["att.w2", "att.a2", "att.v2", "att.g2"] {
                check(leaf, 0.1);
            }
        }
    }
}

#[test]
fn a_small_model() {
    let made = Made::new(&small(), 1);
    made.check_formulas();
    made.check_matrices();
}

#[test]
fn one_layer_is_the_first_of_many() {
    let made = Made::new(&NewModel { layers: 1, vocab: 20, ..small() }, 1);
    made.check_formulas();
    made.check_matrices();
    assert!(made.parameters.iter().all(|x| x.is_finite()));
    let narrow = NewModel { channels: 1, head_size: 1, ffn: None, ..small() };
    assert!(Made::new(&narrow, 1).parameters.iter().all(|x| x.is_finite()));
}

#[test]
fn the_width_of_the_smallest_world_model() {
    let made = Made::new(&world(1, 1024), 7);
    made.check_formulas();
    made.check_matrices();
}

#[test]
#[ignore = "a minute of work: the whole smallest World model"]
fn the_smallest_world_model() {
    let started = Instant::now();
    let made = Made::new(&world(12, 65536), 7);
    println!("{} parameters in {:.1?}", made.layout.parameters(), started.elapsed());
    made.check_formulas();
    made.check_matrices();
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let first = Made::new(&small(), 1).parameters;
    let bits = |parameters: &[f32]| parameters.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let again = pool.install(|| Made::new(&small(), 1)).parameters;
        assert_eq!(bits(&again), bits(&first), "{threads} threads");
    }
    let [one, two] = [1, 2].map(|seed| Made::new(&small(), seed));
    assert_ne!(one.get("head.weight").0, two.get("head.weight").0);
    // A tensor does not depend on the others.
    let wider = Made::new(&NewModel { vocab: 97, ..small() }, 1);
    let name = "blocks.2.att.key.weight";
    assert_eq!(wider.get(name).0, one.get(name).0);
}

/// FNV-1a over all bits of a small model: another machine, or a later version, that makes other numbers fails here.
#[test]
fn the_bits_are_those_recorded() {
    let hash = Made::new(&small(), 1)
        .parameters
        .iter()
        .flat_map(|x| x.to_bits().to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    assert_eq!(hash, 0xa969_8051_f37b_78e6, "{hash:#x}");
}

#[test]
fn low_rank_widths_of_known_models() {
    let of = |channels| {
        let Ranks { decay, rate, value, gate } = default_ranks(channels);
        (decay, rate, value, gate)
    };
    assert_eq!(of(64), (32, 32, 32, 32));
    assert_eq!(of(768), (64, 64, 32, 128));
    assert_eq!(of(2048), (128, 128, 64, 224));
    assert_eq!(of(4096), (160, 160, 96, 320));
}

#[test]
fn sizes_that_make_no_model_are_refused() {
    for model in [
        NewModel { layers: 0, ..small() },
        NewModel { layers: usize::MAX, ..small() },
        NewModel { channels: 36, ..small() },
        NewModel { head_size: 0, ..small() },
        NewModel { channels: 0, ..small() },
        NewModel { channels: usize::MAX - 1, head_size: 1, ffn: None, ..small() },
        NewModel { ffn: Some(0), ..small() },
        NewModel { vocab: 0, ..small() },
        NewModel { vocab: usize::MAX / 2, ..small() },
        NewModel { ranks: Some(Ranks::default()), ..small() },
    ] {
        assert!(model.layout().is_err(), "{model:?}");
    }
}
