//! Comparison by a norm, judged by tolerances that are named after their causes.

use std::fmt;

use wkv7_core::{Config, State};

/// How far numbers may lie from what is wanted, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// The cause, in words for messages.
    pub cause: &'static str,
    /// Largest relative L2 distance: `|got - want| / |want|`.
    pub relative: f64,
    /// Largest distance of a single number, relative to the largest number wanted.
    pub largest: f64,
}

impl Tolerance {
    /// No difference at all.
    pub const EXACT: Self = Self { cause: "nothing is computed", relative: 0.0, largest: 0.0 };
    /// The same weights, f32 activations, sums in another order: 2e-6 measured in the worst case.
    pub const F32_ROUNDING: Self = Self { cause: "f32 rounding", relative: 1e-5, largest: 2e-5 };
    /// Weights rounded to F16, eleven significant bits: 7e-4 measured on logits of a random model.
    pub const F16_WEIGHTS: Self = Self { cause: "weights rounded to F16", relative: 1.5e-3, largest: 3e-3 };
    /// Weights rounded to BF16, eight significant bits: 6e-3 measured likewise.
    pub const BF16_WEIGHTS: Self =
        Self { cause: "weights rounded to BF16", relative: 1.2e-2, largest: 2.5e-2 };
    /// Products of block types with activations in 8 bits, 32 or 256 to a scale, through all layers: of random models 4.0e-2
    /// measured at the worst token or head, 5.1e-2 at its worst number; 1.2e-2 over all tokens.
    pub const Q8_ACTIVATIONS: Self = Self { cause: "activations in 8 bits", relative: 5e-2, largest: 7e-2 };
    /// Products of bf16 matrices with activations rounded to bf16, through all layers: of random models 5.6e-3 measured at
    /// the worst token or head.
    pub const BF16_ACTIVATIONS: Self =
        Self { cause: "activations rounded to bf16", relative: 8e-3, largest: 1.2e-2 };
    /// Products of bf16 matrices with activations in two bf16 parts, through all layers: of random models 1.4e-5 measured at
    /// the worst token.
    pub const TWO_PARTS: Self =
        Self { cause: "activations in two bf16 parts", relative: 3e-5, largest: 6e-5 };

    /// For bf16 matrices that meet activations in so many bf16 parts, or in f32.
    #[must_use]
    pub const fn of_bf16_parts(parts: Option<usize>) -> Self {
        match parts {
            None => Self::F32_ROUNDING,
            Some(1) => Self::BF16_ACTIVATIONS,
            Some(_) => Self::TWO_PARTS,
        }
    }
}

/// The distance between two lists of numbers at one place.
#[derive(Debug, Clone)]
pub struct Comparison {
    place: String,
    relative: f64,
    largest: f64,
    broken: Option<String>,
}

/// Compares `got` with `want` at `place`, which names them in messages.
///
/// Where everything wanted is zero, the norm of what was got stands for its relative distance. A number that
/// is not finite is a failure under any tolerance, on either side.
#[must_use]
pub fn close(place: impl Into<String>, got: &[f32], want: &[f32]) -> Comparison {
    let place = place.into();
    let broken = |what: String| Comparison {
        place: place.clone(),
        relative: f64::INFINITY,
        largest: f64::INFINITY,
        broken: Some(what),
    };
    if got.len() != want.len() {
        return broken(format!("{} numbers, expected {}", got.len(), want.len()));
    }
    if let Some(at) = want.iter().position(|x| !x.is_finite()) {
        return broken(format!("number {at} of those wanted is {}", want[at]));
    }
    if let Some(at) = got.iter().position(|x| !x.is_finite()) {
        return broken(format!("number {at} is {}, expected {}", got[at], want[at]));
    }
    let (mut distance, mut norm) = (0f64, 0f64); // squares
    let (mut farthest, mut top) = (0f64, 0f64);
    for (&got, &want) in got.iter().zip(want) {
        let (difference, want) = ((f64::from(got) - f64::from(want)).abs(), f64::from(want).abs());
        distance += difference * difference;
        norm += want * want;
        farthest = farthest.max(difference);
        top = top.max(want);
    }
    let over = |a: f64, b: f64| if b > 0.0 { a / b } else { a };
    Comparison {
        place,
        relative: over(distance.sqrt(), norm.sqrt()),
        largest: over(farthest, top),
        broken: None,
    }
}

impl Comparison {
    /// The relative L2 distance; infinite where the lists cannot be compared.
    #[must_use]
    pub fn relative(&self) -> f64 {
        self.relative
    }

    /// The largest distance of a single number, relative to the largest number wanted.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.largest
    }

    /// What was compared.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Judges the distance.
    ///
    /// # Errors
    /// A [`Mismatch`] with place, distance and bound.
    pub fn check(&self, tolerance: Tolerance) -> Result<(), Mismatch> {
        let place = &self.place;
        let cause = tolerance.cause;
        if let Some(what) = &self.broken {
            return Err(Mismatch(format!("{place}: {what}")));
        }
        if self.relative > tolerance.relative {
            let (found, bound) = (self.relative, tolerance.relative);
            return Err(Mismatch(format!("{place}: relative error {found:.1e} > {bound:.0e} ({cause})")));
        }
        if self.largest > tolerance.largest {
            let (found, bound) = (self.largest, tolerance.largest);
            return Err(Mismatch(format!("{place}: largest error {found:.1e} > {bound:.0e} ({cause})")));
        }
        Ok(())
    }

    /// Judges the distance in a test.
    ///
    /// # Panics
    /// Where it is beyond the tolerance.
    #[track_caller]
    pub fn within(&self, tolerance: Tolerance) {
        if let Err(mismatch) = self.check(tolerance) {
            panic!("{mismatch}");
        }
    }
}

/// Comparisons in an order that means something: the first wrong place is where to look.
#[derive(Debug, Clone, Default)]
pub struct Comparisons {
    places: Vec<Comparison>,
}

impl Comparisons {
    /// The largest relative L2 distance of all places.
    #[must_use]
    pub fn worst(&self) -> f64 {
        self.places.iter().map(Comparison::relative).fold(0.0, f64::max)
    }

    /// Each place in order.
    #[must_use]
    pub fn places(&self) -> &[Comparison] {
        &self.places
    }

    /// Judges every place.
    ///
    /// # Errors
    /// The first [`Mismatch`] in order.
    pub fn check(&self, tolerance: Tolerance) -> Result<(), Mismatch> {
        self.places.iter().try_for_each(|place| place.check(tolerance))
    }

    /// Judges every place in a test.
    ///
    /// # Panics
    /// At the first that is beyond the tolerance.
    #[track_caller]
    pub fn within(&self, tolerance: Tolerance) {
        if let Err(mismatch) = self.check(tolerance) {
            panic!("{mismatch}");
        }
    }
}

/// Compares two states in the order in which a forward computes them: for each layer the input of the time
/// mix, the memory head by head, the input of the channel mix. The first wrong place names the wrong block.
#[must_use]
pub fn compare_states(config: &Config, got: &State, want: &State) -> Comparisons {
    for (side, state) in [("found", got), ("wanted", want)] {
        if let Err(error) = state.check(config) {
            let broken = Some(format!("the {side} one is of another model: {error}"));
            let infinite = f64::INFINITY;
            let place = "state".to_owned();
            return Comparisons {
                places: vec![Comparison { place, relative: infinite, largest: infinite, broken }],
            };
        }
    }
    let (c, square) = (config.channels, config.head_size * config.head_size);
    let mut places = Vec::new();
    for layer in 0..config.layers {
        let of = layer * c..(layer + 1) * c;
        let place = format!("layer {layer}, att_shift");
        places.push(close(place, &got.att_shift[of.clone()], &want.att_shift[of.clone()]));
        for head in 0..config.heads {
            let start = (layer * config.heads + head) * square;
            let memory = start..start + square;
            let place = format!("layer {layer}, wkv, head {head}");
            places.push(close(place, &got.wkv[memory.clone()], &want.wkv[memory]));
        }
        let place = format!("layer {layer}, ffn_shift");
        places.push(close(place, &got.ffn_shift[of.clone()], &want.ffn_shift[of]));
    }
    Comparisons { places }
}

/// Compares logits `[tokens, vocab]` token by token.
#[must_use]
pub fn compare_logits(vocab: usize, got: &[f32], want: &[f32]) -> Comparisons {
    if got.len() != want.len() || !got.len().is_multiple_of(vocab.max(1)) {
        return Comparisons { places: vec![close("logits", got, want)] };
    }
    let rows = got.chunks_exact(vocab).zip(want.chunks_exact(vocab)).enumerate();
    Comparisons {
        places: rows.map(|(n, (got, want))| close(format!("logits, token {n}"), got, want)).collect(),
    }
}

/// Where numbers differ too much, and by how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch(pub String);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TinyModel;

    #[test]
    fn errors_do_not_cancel() {
        let comparison = close("x", &[1.1, 0.9], &[1.0, 1.0]);
        assert!((comparison.relative() - 0.1).abs() < 1e-6 && (comparison.largest() - 0.1).abs() < 1e-6);
        let error = comparison.check(Tolerance::F32_ROUNDING).expect_err("ten percent").to_string();
        assert_eq!(error, "x: relative error 1.0e-1 > 1e-5 (f32 rounding)");
    }

    #[test]
    fn one_wrong_number_among_many_shows() {
        let want = vec![1.0; 1_000_000];
        let mut got = want.clone();
        got[77] = 1.001;
        let comparison = close("x", &got, &want);
        assert!(comparison.relative() < 1e-5);
        assert!(comparison.check(Tolerance::F32_ROUNDING).is_err());
    }

    #[test]
    fn nan_is_never_close() {
        let loose = Tolerance { cause: "anything goes", relative: f64::INFINITY, largest: f64::INFINITY };
        let error = close("x", &[1.0, f32::NAN], &[1.0, 2.0]).check(loose).expect_err("NaN").to_string();
        assert_eq!(error, "x: number 1 is NaN, expected 2");
        assert!(close("x", &[1.0], &[f32::NAN]).check(loose).is_err());
        assert!(close("x", &[f32::INFINITY], &[1.0]).check(loose).is_err());
        assert!(close("x", &[1.0], &[1.0, 1.0]).check(loose).is_err());
    }

    #[test]
    fn zeros_are_compared_absolutely() {
        assert_eq!(close("x", &[0.0; 3], &[0.0; 3]).relative(), 0.0);
        assert!((close("x", &[3.0, 4.0], &[0.0; 2]).relative() - 5.0).abs() < 1e-12);
        close("x", &[], &[]).within(Tolerance::EXACT);
    }

    #[test]
    fn the_first_wrong_place_is_named() {
        let weights = TinyModel::default().weights();
        let config = weights.config();
        let want = State { wkv: vec![1.0; 2 * 64 * 32], ..State::zeros(config) };
        let mut got = want.clone();
        got.wkv[3 * 32 * 32 + 5] = 2.0; // layer 1, head 1
        got.ffn_shift[127] = 1.0;
        let error = compare_states(config, &got, &want).check(Tolerance::F32_ROUNDING).expect_err("wrong");
        assert!(error.0.starts_with("layer 1, wkv, head 1: relative error "), "{error}");
        got.wkv.pop();
        let error = compare_states(config, &got, &want).check(Tolerance::F32_ROUNDING).expect_err("short");
        assert!(error.0.contains("`wkv`"), "{error}");
    }
}
