//! How a file stores the thin matrices of the low-rank nets.

use wkv7_core::{Bytes, Tensor, Tensors};

use crate::error::Problem;

/// Orientation of the thin matrices in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Orientation {
    /// `w1 [channels, rank]`, `w2 [rank, channels]`.
    Official,
    /// `w1 [rank, channels]`, `w2 [channels, rank]`: used as `W x`, like the large matrices.
    Transposed,
}

/// Which side of a thin matrix is as long as the model is wide; `None` for any other tensor.
#[derive(Clone, Copy)]
enum Long {
    Rows,    // w1 a1 v1 g1
    Columns, // w2 a2 v2 g2
}

fn thin(name: &str) -> Option<Long> {
    let leaf = name.strip_prefix("blocks.")?.split_once('.')?.1;
    match leaf {
        "att.w1" | "att.a1" | "att.v1" | "att.g1" => Some(Long::Rows),
        "att.w2" | "att.a2" | "att.v2" | "att.g2" => Some(Long::Columns),
        _ => None,
    }
}

/// Compares each thin matrix with the width of the model. The ones that tell decide for all; `usual` where
/// none tells (every rank equals the width).
pub(crate) fn decide(tensors: &Tensors, usual: Orientation) -> Result<Orientation, Problem> {
    let Some(&[_, channels]) = tensors.get("emb.weight").map(Tensor::shape) else { return Ok(usual) };
    let mut decided: Option<(Orientation, &str)> = None;
    for (name, tensor) in tensors.iter() {
        let (Some(long), &[rows, columns]) = (thin(name), tensor.shape()) else { continue };
        let orientation = match (rows == channels, columns == channels, long) {
            (true, false, Long::Rows) | (false, true, Long::Columns) => Orientation::Official,
            (true, false, Long::Columns) | (false, true, Long::Rows) => Orientation::Transposed,
            _ => continue, // square tells nothing; neither side fitting is found when shapes are checked
        };
        match decided {
            None => decided = Some((orientation, name)),
            Some((first, other)) if first != orientation => {
                let what = format!(
                    "thin matrices in two orientations, expected one: `{other}` and `{name}` disagree \
                     about which side is {channels} channels long"
                );
                return Err(Problem::NotACheckpoint(what));
            }
            Some(_) => {}
        }
    }
    Ok(decided.map_or(usual, |(orientation, _)| orientation))
}

/// Turns every thin matrix, as views; tuned states too where `states` says so, as copies.
pub(crate) fn turn(tensors: Tensors, states: bool) -> Result<Tensors, Problem> {
    let mut turned = Tensors::new();
    for (name, tensor) in tensors.iter() {
        let tensor = if thin(name).is_some() {
            tensor.clone().transposed()
        } else if states && name.ends_with(".att.time_state") {
            turned_state(name, tensor)?
        } else {
            tensor.clone()
        };
        turned.insert(name, tensor)?;
    }
    Ok(turned)
}

/// A tuned state `[heads * head_size, head_size]` with value and key exchanged within each head.
fn turned_state(name: &str, tensor: &Tensor) -> Result<Tensor, Problem> {
    let size = tensor.dtype().block_bytes();
    let n = tensor.stored_columns();
    let head_bytes = n.saturating_mul(n).saturating_mul(size);
    if tensor.dtype().is_block() || !tensor.bytes().len().is_multiple_of(head_bytes) {
        return Ok(tensor.clone()); // not heads of squares: refused where shapes are checked
    }
    let mut bytes = Vec::with_capacity(tensor.bytes().len());
    for head in tensor.bytes().as_slice().chunks_exact(head_bytes) {
        for (row, column) in (0..n).flat_map(|row| (0..n).map(move |column| (row, column))) {
            let at = (column * n + row) * size;
            bytes.extend_from_slice(&head[at..at + size]);
        }
    }
    Ok(Tensor::new(name, tensor.dtype(), tensor.shape(), Bytes::from(bytes))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors(shapes: &[(&str, [usize; 2])]) -> Tensors {
        let mut tensors = Tensors::new();
        for &(name, shape) in shapes {
            let values: Vec<f32> = (0..shape[0] * shape[1]).map(|n| n as f32).collect();
            let tensor = Tensor::from_f32(name, &shape, &values).expect("valid");
            tensors.insert(name, tensor).expect("unique");
        }
        tensors
    }

    #[test]
    fn the_matrices_that_tell_decide() {
        let emb = ("emb.weight", [10, 8]);
        let decided = |shapes: &[(&str, [usize; 2])]| decide(&tensors(shapes), Orientation::Official);
        let official = [emb, ("blocks.0.att.w1", [8, 2]), ("blocks.0.att.w2", [2, 8])];
        assert_eq!(decided(&official).expect("consistent"), Orientation::Official);
        let turned = [emb, ("blocks.0.att.w1", [8, 8]), ("blocks.1.att.g2", [8, 2])];
        assert_eq!(decided(&turned).expect("consistent"), Orientation::Transposed);
        let square = [emb, ("blocks.0.att.w1", [8, 8])];
        assert_eq!(decided(&square).expect("consistent"), Orientation::Official);
        let mixed = [emb, ("blocks.0.att.w1", [8, 2]), ("blocks.0.att.w2", [8, 2])];
        let error = decided(&mixed).expect_err("mixed").to_string();
        assert!(error.contains("`blocks.0.att.w1`") && error.contains("`blocks.0.att.w2`"), "{error}");
    }

    #[test]
    fn states_turn_within_each_head() {
        let name = "blocks.0.att.time_state";
        let turned = turn(tensors(&[(name, [4, 2])]), true).expect("whole heads");
        let values = turned.get(name).expect("kept").to_f32();
        assert_eq!(values, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    }
}
