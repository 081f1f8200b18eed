//! A small model with every kind of tensor, and what turns it into the other namings.

/// A tensor to be written: name, row-major shape, numbers.
#[derive(Debug, Clone)]
pub struct Toy {
    /// Name as written.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// The numbers, row by row.
    pub values: Vec<f32>,
}

/// Layers.
pub const LAYERS: usize = 2;
/// Model width.
pub const CHANNELS: usize = 8;
/// Heads.
pub const HEADS: usize = 2;
/// Channels of a head.
pub const HEAD_SIZE: usize = 4;
/// Hidden units of the channel mix.
pub const FFN: usize = 12;
/// Token ids.
pub const VOCAB: usize = 10;

/// Numbers that f16 and bf16 hold exactly, different for every tensor.
fn tensor(name: &str, shape: &[usize]) -> Toy {
    let seed = name.bytes().fold(7u32, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let count = shape.iter().product::<usize>() as u32;
    let values =
        (0..count).map(|n| (seed.wrapping_add(n.wrapping_mul(37)) % 127) as f32 / 64.0 - 1.0).collect();
    Toy { name: name.to_owned(), shape: shape.to_vec(), values }
}

/// The model under official names, in official shapes.
pub fn model() -> Vec<Toy> {
    let (c, f) = (CHANNELS, FFN);
    let mut tensors = vec![tensor("emb.weight", &[VOCAB, c]), tensor("head.weight", &[VOCAB, c])];
    for name in ["ln_out", "blocks.0.ln0"] {
        tensors.extend(["weight", "bias"].map(|part| tensor(&format!("{name}.{part}"), &[c])));
    }
    for layer in 0..LAYERS {
        let mut add =
            |leaf: &str, shape: &[usize]| tensors.push(tensor(&format!("blocks.{layer}.{leaf}"), shape));
        for norm in ["ln1", "ln2", "att.ln_x"] {
            add(&format!("{norm}.weight"), &[c]);
            add(&format!("{norm}.bias"), &[c]);
        }
        for leaf in ["x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "k_k", "k_a", "w0", "a0"] {
            add(&format!("att.{leaf}"), &[1, 1, c]);
        }
        for (net, rank) in [("w", 2), ("a", 3), ("g", 4)] {
            add(&format!("att.{net}1"), &[c, rank]);
            add(&format!("att.{net}2"), &[rank, c]);
        }
        if layer > 0 {
            add("att.v0", &[1, 1, c]);
            add("att.v1", &[c, 5]);
            add("att.v2", &[5, c]);
        }
        add("att.r_k", &[HEADS, HEAD_SIZE]);
        for leaf in ["receptance", "key", "value", "output"] {
            add(&format!("att.{leaf}.weight"), &[c, c]);
        }
        add("ffn.x_k", &[1, 1, c]);
        add("ffn.key.weight", &[f, c]);
        add("ffn.value.weight", &[c, f]);
    }
    tensors
}

/// Whether the foreign formats store the tensor of this official name transposed.
pub fn is_thin(name: &str) -> bool {
    let leaf = name.rsplit('.').next().unwrap_or("");
    matches!(leaf, "w1" | "w2" | "a1" | "a2" | "v1" | "v2" | "g1" | "g2")
}

/// The transposed matrix.
pub fn turned(toy: &Toy) -> Toy {
    let &[rows, columns] = toy.shape.as_slice() else { panic!("{} is no matrix", toy.name) };
    let values = (0..rows * columns).map(|n| toy.values[(n % rows) * columns + n / rows]).collect();
    Toy { name: toy.name.clone(), shape: vec![columns, rows], values }
}

/// The model with its thin matrices transposed.
pub fn thin_turned() -> Vec<Toy> {
    model().into_iter().map(|toy| if is_thin(&toy.name) { turned(&toy) } else { toy }).collect()
}

/// The model under Hugging Face names; `fused` stacks the six token shifts as older fla does.
pub fn hugging_face(fused: bool) -> Vec<Toy> {
    let mut theirs: Vec<Toy> = Vec::new();
    for mut toy in thin_turned() {
        let (head, leaf) = toy.name.rsplit_once(".att.").unwrap_or((&toy.name, ""));
        if fused && leaf.starts_with("x_") {
            let name = head.replace("blocks.", "model.layers.") + ".attn.x_x";
            match theirs.iter_mut().find(|toy| toy.name == name) {
                Some(stacked) => stacked.values.extend(&toy.values),
                None => theirs.push(Toy { name, shape: vec![6, CHANNELS], values: toy.values }),
            }
            continue;
        }
        toy.name = hugging_face_name(&toy.name);
        theirs.push(toy);
    }
    theirs
}

fn hugging_face_name(name: &str) -> String {
    let low_rank = |net: &str, place: &str| match place {
        "0" => format!(".attn.{net}_lora.lora.2.bias"),
        "1" => format!(".attn.{net}_lora.lora.0.weight"),
        _ => format!(".attn.{net}_lora.lora.2.weight"),
    };
    let mut name = name
        .replace("emb.weight", "model.embeddings.weight")
        .replace("head.weight", "lm_head.weight")
        .replace("ln_out", "model.norm")
        .replace("blocks.", "model.layers.")
        .replace(".ln0.", ".pre_norm.")
        .replace(".ln1.", ".attn_norm.")
        .replace(".ln2.", ".ffn_norm.");
    for net in ["w", "a", "v", "g"] {
        for place in ["0", "1", "2"] {
            if let Some(head) = name.strip_suffix(&format!(".att.{net}{place}")) {
                name = head.to_owned() + &low_rank(net, place);
            }
        }
    }
    for (ours, theirs) in [("receptance", "r"), ("key", "k"), ("value", "v"), ("output", "o")] {
        name = name.replace(&format!(".att.{ours}."), &format!(".attn.{theirs}_proj."));
    }
    name.replace(".att.ln_x.", ".attn.g_norm.").replace(".att.", ".attn.")
}

/// The numbers as f32 bytes.
pub fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}
