//! What is trained on, and what is held out.

/// One of the two parts that share nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    Train,
    HeldOut,
}

impl Split {
    /// One in so many is held out.
    const ONE_IN: u64 = 10;

    /// Whether what has this hash belongs to this part.
    pub fn holds(self, hash: u64) -> bool {
        hash.is_multiple_of(Self::ONE_IN) == (self == Self::HeldOut)
    }
}
