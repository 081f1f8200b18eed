//! Element types: plain numbers and blocks that share a scale.

use std::fmt;
use std::str::FromStr;

/// How the numbers of a tensor are stored. Layouts of the block types: [`crate::blocks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Dtype {
    /// IEEE double.
    F64,
    /// IEEE single.
    F32,
    /// IEEE half.
    F16,
    /// The upper half of an IEEE single.
    BF16,
    /// 32 numbers: f16 scale, signed bytes.
    Q8_0,
    /// 32 numbers: f16 scale, 4 bits around 8.
    Q4_0,
    /// 32 numbers: f16 scale and minimum, 4 bits.
    Q4_1,
    /// 32 numbers: f16 scale, 5 bits around 16.
    Q5_0,
    /// 32 numbers: f16 scale and minimum, 5 bits.
    Q5_1,
    /// 256 numbers: 2 bits, scale and minimum per 16.
    Q2K,
    /// 256 numbers: 3 bits, scale per 16.
    Q3K,
    /// 256 numbers: 4 bits, scale and minimum per 32.
    Q4K,
    /// 256 numbers: 5 bits, scale and minimum per 32.
    Q5K,
    /// 256 numbers: 6 bits, scale per 16.
    Q6K,
    /// 32 numbers: f16 scale, 4-bit index into a fixed table.
    Iq4Nl,
    /// 256 numbers: 4-bit index into a fixed table, scale per 32.
    Iq4Xs,
}

impl Dtype {
    /// Every type, plain ones first.
    pub const ALL: [Self; 16] = [
        Self::F64,
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q8_0,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Iq4Nl,
        Self::Iq4Xs,
    ];

    /// Numbers per block; 1 for plain types.
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::F64 | Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q8_0 | Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Iq4Nl => 32,
            Self::Q2K | Self::Q3K | Self::Q4K | Self::Q5K | Self::Q6K | Self::Iq4Xs => 256,
        }
    }

    /// Bytes per block; for plain types, bytes per number.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q8_0 => 34,
            Self::Q4_0 | Self::Iq4Nl => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q2K => 84,
            Self::Q3K => 110,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
            Self::Iq4Xs => 136,
        }
    }

    /// Whether numbers share scales in blocks, so that a row must be whole blocks.
    #[must_use]
    pub const fn is_block(self) -> bool {
        self.block_len() > 1
    }

    /// Bytes of a row of `columns` numbers; `None` where the row is not whole blocks or the count overflows.
    #[must_use]
    pub const fn row_bytes(self, columns: usize) -> Option<usize> {
        if !columns.is_multiple_of(self.block_len()) {
            return None;
        }
        (columns / self.block_len()).checked_mul(self.block_bytes())
    }

    /// The name used in files, messages and flags: `F16`, `Q4_K`, `IQ4_NL`, ...
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::Q8_0 => "Q8_0",
            Self::Q4_0 => "Q4_0",
            Self::Q4_1 => "Q4_1",
            Self::Q5_0 => "Q5_0",
            Self::Q5_1 => "Q5_1",
            Self::Q2K => "Q2_K",
            Self::Q3K => "Q3_K",
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
            Self::Iq4Nl => "IQ4_NL",
            Self::Iq4Xs => "IQ4_XS",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no element type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no element type; known: {known}", known = Dtype::ALL.map(Dtype::name).join(" "))]
pub struct UnknownDtype(pub String);

impl FromStr for Dtype {
    type Err = UnknownDtype;

    /// Case does not matter: `q4_k` is `Q4_K`.
    fn from_str(text: &str) -> Result<Self, UnknownDtype> {
        Self::ALL
            .into_iter()
            .find(|dtype| dtype.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownDtype(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_in_any_case() {
        for dtype in Dtype::ALL {
            assert_eq!(dtype.name().to_lowercase().parse(), Ok(dtype));
        }
        let error = "q9".parse::<Dtype>().expect_err("no such type").to_string();
        assert!(error.contains("`q9`") && error.contains("Q4_K"), "{error}");
    }

    #[test]
    fn row_bytes_refuses_partial_blocks_and_overflow() {
        assert_eq!(Dtype::Q4_0.row_bytes(64), Some(36));
        assert_eq!(Dtype::Q4_0.row_bytes(48), None);
        assert_eq!(Dtype::F64.row_bytes(usize::MAX), None);
    }
}
