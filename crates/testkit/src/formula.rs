//! A model whose weights are a rule, so that golden data need not store them.
//!
//! `tests/golden/make.py` has the same rule and records what the model gives.

use wkv7_core::{Recipe, Tensor, Tensors, Weights};

use crate::Random;
use crate::random::fnv1a;

const LAYERS: usize = 3;
const HEADS: usize = 2;
const HEAD_SIZE: usize = 64;
const CHANNELS: usize = HEADS * HEAD_SIZE;
const FFN: usize = 512;
const VOCAB: usize = 32;

/// The model: number `i` of tensor `name` is drawn evenly from the tensor's range by output `i + 1` of
/// splitmix64 seeded with the FNV-1a hash of `name`, and rounded to f32.
///
/// # Errors
/// None in practice; the constructors of tensors and weights have them.
pub fn weights() -> Result<Weights, wkv7_core::Error> {
    let mut tensors = Tensors::new();
    for (name, shape) in shapes() {
        let (low, high) = range(&name);
        let mut random = Random::new(fnv1a(&name));
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| random.between(low, high) as f32).collect();
        let tensor = Tensor::from_f32(&name, &shape, &values)?;
        tensors.insert(name, tensor)?;
    }
    Weights::new(tensors, Recipe::default())
}

/// Every tensor of an official checkpoint, also those that the first layer does not use.
fn shapes() -> Vec<(String, Vec<usize>)> {
    let c = CHANNELS;
    let mut shapes = vec![
        ("emb.weight".to_owned(), vec![VOCAB, c]),
        ("blocks.0.ln0.weight".to_owned(), vec![c]),
        ("blocks.0.ln0.bias".to_owned(), vec![c]),
        ("ln_out.weight".to_owned(), vec![c]),
        ("ln_out.bias".to_owned(), vec![c]),
        ("head.weight".to_owned(), vec![VOCAB, c]),
    ];
    for layer in 0..LAYERS {
        let mut add = |name: String, shape: &[usize]| {
            shapes.push((format!("blocks.{layer}.{name}"), shape.to_vec()));
        };
        for norm in ["ln1", "ln2", "att.ln_x"] {
            add(format!("{norm}.weight"), &[c]);
            add(format!("{norm}.bias"), &[c]);
        }
        for vector in ["x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "v0", "k_k", "k_a"] {
            add(format!("att.{vector}"), &[1, 1, c]);
        }
        for (net, rank) in [("w", 32), ("a", 16), ("v", 8), ("g", 24)] {
            add(format!("att.{net}1"), &[c, rank]);
            add(format!("att.{net}2"), &[rank, c]);
        }
        add("att.r_k".to_owned(), &[HEADS, HEAD_SIZE]);
        for matrix in ["receptance", "key", "value", "output"] {
            add(format!("att.{matrix}.weight"), &[c, c]);
        }
        add("ffn.x_k".to_owned(), &[1, 1, c]);
        add("ffn.key.weight".to_owned(), &[FFN, c]);
        add("ffn.value.weight".to_owned(), &[c, FFN]);
    }
    shapes
}

/// Where the numbers of a tensor lie.
fn range(name: &str) -> (f64, f64) {
    let mut parts = name.rsplit('.');
    let (leaf, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match leaf {
        "bias" => (-0.1, 0.1),
        "weight" if kind.starts_with("ln") => (0.8, 1.2),
        "weight" if kind == "emb" => (-1.0, 1.0),
        "weight" if name.ends_with("ffn.value.weight") => (-0.08, 0.08),
        "weight" => (-0.15, 0.15),
        "w0" => (-3.0, 3.0),
        "a0" | "v0" => (-1.0, 1.0),
        "k_k" | "k_a" => (0.5, 1.5),
        "r_k" => (-0.3, 0.3),
        _ if leaf.starts_with("x_") => (0.0, 1.0),
        _ if leaf.ends_with('1') => (-0.2, 0.2),
        _ => (-0.3, 0.3),
    }
}

#[cfg(test)]
mod tests {
    use wkv7_core::{Backend as _, LoadOptions, Reference};

    use super::*;
    use crate::play;

    /// Figures that independent implementations in f64 gave for this model, which make.py checks too.
    #[test]
    fn the_reference_gives_recorded_numbers() {
        let tokens = [3, 1, 4, 1, 5, 9, 2, 6, 5, 31, 0];
        let weights = weights().expect("consistent");
        let mut model = Reference.load(&weights, &LoadOptions::default()).expect("loads");
        let played = play(&mut *model, &tokens, 4).expect("plays");
        let close = |got: &[f32], want: &[f64]| {
            for (&got, want) in got.iter().zip(want) {
                assert!((f64::from(got) - want).abs() < 2e-6 * want.abs().max(1.0), "{got} for {want}");
            }
        };
        close(&played.logits[..4], &[0.578759233350, 2.242166754183, 0.790159542288, -0.884661043516]);
        close(&played.logits[10 * VOCAB..][..3], &[-0.536570677029, 2.272917877852, 0.858093671346]);
        close(&played.logits[10 * VOCAB + 3..][..3], &[0.423233125757, 0.169035344727, -0.525098275366]);
        let memory = &played.state.wkv[2 * CHANNELS * HEAD_SIZE..];
        close(&memory[HEAD_SIZE * HEAD_SIZE + 3 * HEAD_SIZE + 5..], &[0.478453207784, 0.046327530470]);
        let squares: f64 = memory.iter().map(|&x| f64::from(x).powi(2)).sum();
        assert!((squares / 2643.683197250816 - 1.0).abs() < 1e-6, "{squares}");
        close(&played.state.att_shift[2 * CHANNELS..], &[0.651350231380, -2.073203468348]);
        close(&played.state.ffn_shift[2 * CHANNELS..], &[0.655859203918, -1.366619006307]);
        let best = |row: &[f32]| (0..VOCAB).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        let best: Vec<usize> = played.logits.chunks_exact(VOCAB).filter_map(best).collect();
        assert_eq!(best, [1, 1, 23, 22, 16, 25, 10, 22, 24, 16, 1]);
    }
}
