//! From the names and orientations of other formats to the official ones.

mod hugging_face;
mod orientation;

use wkv7_core::{Error, Tensor, Tensors};

use crate::error::{Problem, shown, steers};

pub(crate) use orientation::Orientation;

/// A tensor under the name that its file gives it.
pub(crate) type Named = (String, Tensor);

/// Whose names a file uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// `blocks.0.att.key.weight`.
    Official,
    /// `model.layers.0.attn.k_proj.weight`.
    HuggingFace,
}

/// Tensors under official names in official orientation, and how they were found.
#[derive(Debug)]
pub(crate) struct Arranged {
    /// The tensors.
    pub(crate) tensors: Tensors,
    /// Whose names the file uses.
    pub(crate) naming: Naming,
    /// How it stores its thin matrices.
    pub(crate) orientation: Orientation,
}

/// Longest tensor name that is taken; the official ones stay below 40 bytes.
const MAX_NAME: usize = 512;

/// Refuses names that could not be shown in one line.
pub(crate) fn check(name: &str) -> Result<(), Problem> {
    if name.len() > MAX_NAME {
        let what =
            format!("tensor {} has a name of {} bytes, expected at most {MAX_NAME}", shown(name), name.len());
        return Err(Problem::Unsupported(what));
    }
    if name.is_empty() || name.chars().any(steers) {
        let what = format!("tensor name {}, expected one without control characters", shown(name));
        return Err(Problem::Unsupported(what));
    }
    Ok(())
}

/// Names everything officially and turns the thin matrices.
///
/// Where no thin matrix tells the orientation by its shape, `usual` is taken. A name that is no known one
/// is kept, so that the message about it shows what the file says.
pub(crate) fn arrange(named: Vec<Named>, usual: Orientation) -> Result<Arranged, Problem> {
    let named: Vec<Named> =
        named.into_iter().map(|(name, tensor)| (stripped(&name).to_owned(), tensor)).collect();
    let naming = naming(&named);
    let usual = match naming {
        Naming::Official => usual,
        Naming::HuggingFace => Orientation::Transposed, // a torch `Linear` stores [out, in]
    };
    let mut tensors = Tensors::new();
    for (name, tensor) in named {
        let name = match naming {
            Naming::Official => name,
            Naming::HuggingFace => hugging_face::official(&name).unwrap_or(name),
        };
        match fused_shifts(&name) {
            Some(prefix) => split_shifts(&mut tensors, prefix, &name, &tensor)?,
            None => tensors.insert(name, tensor)?,
        }
    }
    let orientation = orientation::decide(&tensors, usual)?;
    let tensors = match orientation {
        Orientation::Official => tensors,
        // web-rwkv's converter, which is told by the thin matrices alone, turns tuned states along with them.
        Orientation::Transposed => orientation::turn(tensors, usual == Orientation::Official)?,
    };
    Ok(Arranged { tensors, naming, orientation })
}

/// The name without what wrappers put in front: DeepSpeed's `_forward_module.`, and `module.` or `model.`
/// where an official name follows.
fn stripped(name: &str) -> &str {
    let mut name = name;
    while let Some(rest) = name.strip_prefix("_forward_module.") {
        name = rest;
    }
    ["model.", "module."]
        .into_iter()
        .filter_map(|prefix| name.strip_prefix(prefix))
        .find(|rest| ["emb.", "blocks.", "ln_out.", "head."].iter().any(|root| rest.starts_with(root)))
        .unwrap_or(name)
}

fn naming(named: &[Named]) -> Naming {
    let foreign = named.iter().any(|(name, _)| hugging_face::official(name).is_some());
    let official = named.iter().any(|(name, _)| name.starts_with("blocks."));
    if foreign && !official { Naming::HuggingFace } else { Naming::Official }
}

/// Token shifts in the order in which fused files stack them.
const SHIFTS: [&str; 6] = ["x_r", "x_w", "x_k", "x_v", "x_a", "x_g"];

/// The prefix of a tensor that holds all six token shifts of a time mix: older fla's `x_x`, rwkv.cpp's `x_rwkvag`.
fn fused_shifts(name: &str) -> Option<&str> {
    let prefix = name.strip_suffix("x_x").or_else(|| name.strip_suffix("x_rwkvag"))?;
    (prefix.starts_with("blocks.") && prefix.ends_with(".att.")).then_some(prefix)
}

/// Six rows become six vectors over the same bytes.
fn split_shifts(tensors: &mut Tensors, prefix: &str, name: &str, fused: &Tensor) -> Result<(), Error> {
    let wrong = || Error::WrongShape {
        name: name.to_owned(),
        want: "[6, channels]".to_owned(),
        found: fused.shape().to_vec(),
    };
    if fused.rows() != SHIFTS.len() {
        return Err(wrong());
    }
    for (row, shift) in SHIFTS.into_iter().enumerate() {
        tensors.insert(format!("{prefix}{shift}"), fused.sub_row(row).ok_or_else(wrong)?)?;
    }
    Ok(())
}

/// The shape under which a tensor of more than two dimensions is kept: inner dimensions of one are dropped,
/// and a tuned state `[heads, head_size, head_size]` becomes `[heads * head_size, head_size]`.
pub(crate) fn folded_shape(name: &str, shape: &[usize]) -> Vec<usize> {
    let [first, inner @ .., last] = shape else { return shape.to_vec() };
    if let [middle] = inner
        && name.ends_with(".att.time_state")
        && let Some(rows) = first.checked_mul(*middle)
    {
        return vec![rows, *last];
    }
    let inner = inner.iter().filter(|&&n| n != 1);
    std::iter::once(first).chain(inner).chain([last]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrappers_are_stripped_only_before_official_names() {
        assert_eq!(stripped("_forward_module.blocks.0.att.r_k"), "blocks.0.att.r_k");
        assert_eq!(stripped("model.emb.weight"), "emb.weight");
        assert_eq!(stripped("module.head.weight"), "head.weight");
        assert_eq!(stripped("model.layers.0.attn.r_k"), "model.layers.0.attn.r_k");
        assert_eq!(stripped("model.norm.weight"), "model.norm.weight");
    }

    #[test]
    fn shapes_fold() {
        assert_eq!(folded_shape("blocks.0.att.time_state", &[2, 4, 4]), [8, 4]);
        assert_eq!(folded_shape("x", &[6, 1, 1, 8]), [6, 8]);
        assert_eq!(folded_shape("x", &[1, 1, 8]), [1, 8]);
        assert_eq!(folded_shape("x", &[8]), [8]);
        assert_eq!(folded_shape("x", &[2, 3, 4]), [2, 3, 4]);
        assert_eq!(folded_shape("x", &[]), [0; 0]);
    }

    #[test]
    fn names_fit_a_line() {
        assert!(check("blocks.0.att.r_k").is_ok());
        assert!(
            check("").is_err()
                && check("a\nb").is_err()
                && check("a\u{202e}b").is_err()
                && check(&"a".repeat(513)).is_err()
        );
    }
}
