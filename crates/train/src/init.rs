//! A new model: sizes chosen by the user.

use wkv7_core::Ranks;

/// The low-rank widths that the official trainer gives a model of `channels` (since July 2025):
/// a multiple of 32 near `2.5 sqrt(channels)` for decay and rate, `1.7` for the value residual, `5` for the gate.
#[must_use]
pub fn default_ranks(channels: usize) -> Ranks {
    let width = |factor: f64| {
        let multiples = (factor * (channels as f64).sqrt() / 32.0).round_ties_even();
        32 * (multiples as usize).max(1)
    };
    Ranks { decay: width(2.5), rate: width(2.5), value: width(1.7), gate: width(5.0) }
}
