//! The optimizer against its recipe in f64, and what it must leave alone.

use super::*;
use crate::{NewModel, Random, initialise};

fn layout() -> Layout {
    let model = NewModel { layers: 2, channels: 24, head_size: 8, vocab: 701, ffn: None, ranks: None };
    model.layout().expect("a model")
}

fn gradients(layout: &Layout, step: u64) -> Vec<f32> {
    let mut gradients = layout.zeros();
    for entry in layout.entries() {
        let mut random = Random::part(step, &entry.name, 0);
        gradients[entry.range.clone()].iter_mut().for_each(|g| *g = random.normal() as f32 * 1e-3);
    }
    gradients
}

/// The recipe in f64, number by number.
fn oracle(layout: &Layout, parameters: &[f32], adam: &AdamW, rate: f64, steps: u64) -> Vec<f64> {
    let mut all: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
    let (mut m, mut v) = (vec![0.0; all.len()], vec![0.0; all.len()]);
    for step in 1..=steps {
        let mut g: Vec<f64> = gradients(layout, step).iter().map(|&g| f64::from(g)).collect();
        let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
        let scale = if norm > adam.max_norm { adam.max_norm / (norm + 1e-6) } else { 1.0 };
        g.iter_mut().for_each(|g| *g *= scale);
        for entry in layout.entries() {
            let rate = if entry.name.contains("att.w0") { 2.0 * rate } else { rate };
            let matrix = entry.shape.iter().filter(|&&n| n != 1).count() >= 2;
            let decay = if matrix && entry.name.contains(".weight") { adam.weight_decay } else { 0.0 };
            for i in entry.range.clone() {
                m[i] = adam.betas.0 * m[i] + (1.0 - adam.betas.0) * g[i];
                v[i] = adam.betas.1 * v[i] + (1.0 - adam.betas.1) * g[i] * g[i];
                let first = m[i] / (1.0 - adam.betas.0.powi(step as i32));
                let second = v[i] / (1.0 - adam.betas.1.powi(step as i32));
                all[i] -= rate * decay * all[i];
                all[i] -= rate * first / (second.sqrt() + f64::from(adam.eps));
            }
        }
    }
    all
}

#[test]
fn follows_the_recipe() {
    let layout = layout();
    let trained = Trained::all(&layout);
    for (weight_decay, max_norm) in [(0.0, f64::INFINITY), (0.1, 0.05)] {
        let adam = AdamW { weight_decay, max_norm, ..AdamW::default() };
        let start = initialise(&layout, 1).expect("fits");
        let (mut parameters, mut moments) = (start.clone(), Moments::new(&layout));
        for step in 1..=5 {
            let mut gradients = gradients(&layout, step);
            let taken = adam.step(&trained, 1e-3, &mut parameters, &mut gradients, &mut moments);
            let taken = taken.expect("lengths fit");
            assert_eq!((taken.clipped, taken.skipped), (max_norm < 1.0, false));
            assert!(taken.norm > 0.05 && taken.norm < 1.0, "{taken:?}");
        }
        let want = oracle(&layout, &start, &adam, 1e-3, 5);
        let worst = parameters.iter().zip(&want).map(|(p, w)| (f64::from(*p) - w).abs()).fold(0.0, f64::max);
        // Five steps of a thousandth each, and parameters up to 6 whose last bit is 5e-7.
        assert!(worst < 2e-6, "{worst:e}");
        assert_eq!(moments.steps, 5);
    }
}

#[test]
fn padding_stays_zero_and_zero_gradients_move_nothing() {
    let layout = layout();
    let trained = Trained::all(&layout);
    let adam = AdamW::default();
    let (mut parameters, mut moments) = (layout.zeros(), Moments::new(&layout));
    adam.step(&trained, 1.0, &mut parameters, &mut gradients(&layout, 1), &mut moments).expect("fits");
    for pair in layout.entries().windows(2) {
        assert!(parameters[pair[0].range.end..pair[1].range.start].iter().all(|&p| p == 0.0));
    }
    let start = initialise(&layout, 1).expect("fits");
    let (mut parameters, mut moments) = (start.clone(), Moments::new(&layout));
    let taken = adam.step(&trained, 1.0, &mut parameters, &mut layout.zeros(), &mut moments).expect("fits");
    assert_eq!((parameters, taken.norm), (start, 0.0));
}

#[test]
fn tiny_gradients_move_like_large_ones() {
    let layout = layout();
    let trained = Trained::all(&layout);
    let moved = |size: f32| {
        let mut parameters = layout.zeros();
        let adam = AdamW { max_norm: f64::INFINITY, ..AdamW::default() };
        let gradients = vec![size; layout.len()];
        let moments = &mut Moments::new(&layout);
        adam.apply(&trained, 1e-3, &mut parameters, &gradients, moments).expect("fits");
        parameters[0]
    };
    assert!((moved(1.0) + 1e-3).abs() < 1e-9 && (moved(1e-15) + 1e-3).abs() < 3e-6, "{}", moved(1e-15));
}

#[test]
fn faded_moments_are_zero() {
    let layout = layout();
    let mut moments = Moments::new(&layout);
    moments.first.fill(-1e-38);
    moments.second.fill(1.18e-38);
    let (mut parameters, gradients) = (layout.zeros(), layout.zeros());
    AdamW::default()
        .apply(&Trained::all(&layout), 1.0, &mut parameters, &gradients, &mut moments)
        .expect("fits");
    let entry = &layout.entries()[0];
    assert!(
        moments.first[entry.range.clone()]
            .iter()
            .chain(&moments.second[entry.range.clone()])
            .all(|&m| m == 0.0)
    );
    assert!(parameters.iter().all(|&p| p == 0.0));
}

#[test]
fn what_is_frozen_stays_and_does_not_count() {
    let layout = layout();
    let trained = Trained::only(&layout, |entry| entry.name.contains(".ffn.") || entry.name == "head.weight");
    let start = initialise(&layout, 1).expect("fits");
    let mut ours = gradients(&layout, 1);
    let want: f64 = layout
        .entries()
        .iter()
        .filter(|entry| entry.name.contains(".ffn.") || entry.name == "head.weight")
        .flat_map(|entry| &ours[entry.range.clone()])
        .map(|&g| f64::from(g).powi(2))
        .sum::<f64>();
    let (mut parameters, mut moments) = (start.clone(), Moments::new(&layout));
    let adam = AdamW { weight_decay: 0.1, ..AdamW::default() };
    let taken = adam.step(&trained, 1e-2, &mut parameters, &mut ours, &mut moments).expect("fits");
    assert!((taken.norm - want.sqrt()).abs() < 1e-12);
    for entry in layout.entries() {
        let same = parameters[entry.range.clone()] == start[entry.range.clone()];
        assert_eq!(same, !entry.name.contains(".ffn.") && entry.name != "head.weight", "{}", entry.name);
    }
}

#[test]
fn broken_gradients_change_nothing_and_are_told() {
    let layout = layout();
    let trained = Trained::all(&layout);
    for broken in [f32::NAN, f32::INFINITY] {
        let start = initialise(&layout, 1).expect("fits");
        let (mut parameters, mut moments) = (start.clone(), Moments::new(&layout));
        let mut gradients = gradients(&layout, 1);
        gradients[layout.len() / 2] = broken;
        let adam = AdamW::default();
        let taken = adam.step(&trained, 1e-3, &mut parameters, &mut gradients, &mut moments).expect("fits");
        assert!(taken.skipped && !taken.clipped && !taken.norm.is_finite(), "{taken:?}");
        assert_eq!((parameters, moments), (start, Moments::new(&layout)));
    }
}

#[test]
fn threads_do_not_matter() {
    let layout = layout();
    let trained = Trained::all(&layout);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let mut parameters = initialise(&layout, 1).expect("fits");
            let mut moments = Moments::new(&layout);
            let adam = AdamW { max_norm: 0.05, weight_decay: 0.1, ..AdamW::default() };
            let gradients = &mut gradients(&layout, 1);
            let taken = adam.step(&trained, 1e-3, &mut parameters, gradients, &mut moments).expect("fits");
            (taken.norm.to_bits(), parameters.iter().map(|p| p.to_bits()).collect::<Vec<_>>())
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(5));
}

#[test]
fn wrong_lengths_are_refused() {
    let layout = layout();
    let trained = Trained::all(&layout);
    let mut moments = Moments::new(&layout);
    let adam = AdamW::default();
    let error = adam.apply(&trained, 1e-3, &mut [0.0; 3], &layout.zeros(), &mut moments);
    let error = error.expect_err("too few").to_string();
    assert!(
        error.contains("parameters hold 3 numbers") && error.contains(&layout.len().to_string()),
        "{error}"
    );
    assert!(clip(&trained, &mut [0.0; 3], 1.0).is_err() && moments.steps == 0);
}
