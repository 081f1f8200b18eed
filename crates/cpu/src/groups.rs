//! Numbers in 8 bits, 32 to a scale.

use crate::arch::{GROUP, Isa};
use crate::code_tiles::GroupCodes;

/// Groups whose sums are taken together: rows are filled up to whole ones.
pub(crate) const EIGHT: usize = 8;

/// Groups of `n` numbers, filled up to eights.
pub(crate) fn groups(n: usize) -> usize {
    n.div_ceil(GROUP).next_multiple_of(EIGHT)
}

/// What numbers that share a scale are multiplied with to become codes, and codes to become numbers again.
pub(crate) struct Scale {
    pub(crate) inverse: f32,
    pub(crate) scale: f32,
}

impl Scale {
    /// Of numbers whose largest magnitude is given; NaN where that is no number, so that it shows.
    #[inline(always)]
    pub(crate) fn of(largest: f32) -> Self {
        // The largest number below which codes are zero: far below anything that matters beside others, and as far from
        // where its inverse overflows.
        const SMALLEST: f32 = 1e-30;
        let inverse = if largest > SMALLEST { 127.0 / largest } else { 0.0 };
        let scale = if !largest.is_finite() {
            f32::NAN
        } else if inverse > 0.0 {
            largest * (1.0 / 127.0)
        } else {
            0.0
        };
        Self { inverse, scale }
    }
}

/// A token's group of 32 numbers in 8 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) codes: GroupCodes,
    pub(crate) scale: f32,
    /// Of the codes.
    pub(crate) sum: i32,
}

impl Group {
    const EMPTY: Self = Self { codes: GroupCodes([0; GROUP]), scale: 0.0, sum: 0 };

    /// One with an infinity or NaN gets a NaN for its scale, so that it shows.
    #[inline(always)]
    fn of<I: Isa>(isa: I, x: &[f32; GROUP]) -> Self {
        let Scale { inverse, scale } = Scale::of(isa.largest(x));
        let mut codes = GroupCodes([0; GROUP]);
        let found = isa.round(x, inverse, &mut codes.0);
        // What is no number has no code, and sums with it may be anything.
        Self { codes, scale, sum: if scale.is_nan() { 0 } else { found[0] + found[1] } }
    }

    /// What a shift of the matrix is multiplied with.
    #[inline(always)]
    pub(crate) fn shift(&self) -> f32 {
        self.scale * self.sum as f32
    }
}

/// Hands all groups of a vector on, with empty ones up to eights.
#[inline(always)]
pub(crate) fn quantize<I: Isa>(isa: I, x: &[f32], mut put: impl FnMut(usize, Group)) {
    let (whole, tail) = x.as_chunks::<GROUP>();
    for (at, x) in whole.iter().enumerate() {
        put(at, Group::of(isa, x));
    }
    let mut used = whole.len();
    if !tail.is_empty() {
        let mut last = [0.0; GROUP];
        last[..tail.len()].copy_from_slice(tail);
        put(used, Group::of(isa, &last));
        used += 1;
    }
    for at in used..groups(x.len()) {
        put(at, Group::EMPTY);
    }
}
