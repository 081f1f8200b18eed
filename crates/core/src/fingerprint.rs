//! The identity of a set of weights: equal for the same numbers in any file format.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::weights::is_unused;
use crate::{Config, Tensor, Tensors};

/// 128 bits that identify a model's weights, shown as 32 hexadecimal digits.
///
/// It is computed from every tensor's name and shape and from a sample of its numbers as f32 (whole
/// vectors, two stretches of each matrix), so it costs milliseconds for any size, is the same for a
/// `.pth` and a safetensors file of one model, and differs after rounding to another element type.
/// It tells honest models apart; it is not a signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

/// Matrices above this many numbers are sampled, smaller tensors are read whole.
const WHOLE: usize = 16_384;
/// Numbers read at each of the sampled rows.
const STRETCH: usize = 16;

/// The fingerprint of `tensors`.
#[must_use]
pub(crate) fn of(tensors: &Tensors, config: &Config) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(b"wkv7 fingerprint 1");
    hash.update(config.recipe.layer_norm_eps.to_le_bytes());
    hash.update(config.recipe.group_norm_eps.to_le_bytes());
    // Only where it is unusual: models without it keep the identity they have always had.
    if config.recipe.rate_range != 1.0 {
        hash.update(b"rate range");
        hash.update(config.recipe.rate_range.to_le_bytes());
    }
    for (name, tensor) in tensors.iter() {
        // Not every format carries these, and the model does not read them.
        if is_unused(name) || name.ends_with(".time_state") {
            continue;
        }
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update((tensor.rows() as u64).to_le_bytes());
        hash.update((tensor.columns() as u64).to_le_bytes());
        for value in sample(tensor) {
            hash.update(value.to_le_bytes());
        }
    }
    let digest = hash.finalize();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    Fingerprint(short)
}

/// Numbers at places that depend on the logical shape alone: the heads of two rows.
fn sample(tensor: &Tensor) -> Vec<f32> {
    let (rows, columns) = (tensor.rows(), tensor.columns());
    if tensor.len() <= WHOLE || rows == 1 {
        return tensor.detached().to_f32();
    }
    let places = [rows / 3, rows - rows / 3 - 1];
    places.into_iter().flat_map(|row| tensor.peek(row, columns.min(STRETCH))).collect()
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Text that is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fingerprint (32 hexadecimal digits)")]
pub struct NotAFingerprint(pub String);

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let wrong = || NotAFingerprint(text.to_owned());
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 16];
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        let fingerprint = Fingerprint([0xab; 16]);
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        assert!("xyz".parse::<Fingerprint>().is_err());
        assert!("é".repeat(16).parse::<Fingerprint>().is_err());
    }

    #[test]
    fn orientation_in_the_file_does_not_matter() {
        let (rows, columns) = (200, 100);
        let values: Vec<f32> = (0..rows * columns).map(|n| n as f32).collect();
        let turned: Vec<f32> = (0..rows * columns).map(|n| values[(n % rows) * columns + n / rows]).collect();
        let by_rows = Tensor::from_f32("m", &[rows, columns], &values).expect("valid");
        let by_columns = Tensor::from_f32("m", &[columns, rows], &turned).expect("valid").transposed();
        assert_eq!(by_rows.to_f32(), by_columns.to_f32());
        assert_eq!(sample(&by_rows), sample(&by_columns));
        assert_eq!(sample(&by_rows).len(), 32);
    }
}
