//! Numbers on the command line: an error says what was expected.

use std::ops::RangeBounds;
use std::str::FromStr;

/// A number of things, none included.
pub fn any_count<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| "expected a whole number from 0".to_owned())
}

/// A number of things, at least one.
pub fn some_count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}

/// Any number from 0.
pub fn from_zero(text: &str) -> Result<f32, String> {
    number(text, 0.0..=f32::MAX, "a number from 0")
}

/// A part of one, none and all included.
pub fn part(text: &str) -> Result<f32, String> {
    number(text, 0.0..=1.0, "a number from 0 to 1")
}

/// A part of one that is not none.
pub fn some_part(text: &str) -> Result<f32, String> {
    number(text, f32::MIN_POSITIVE..=1.0, "a number above 0, at most 1")
}

/// Any number.
pub fn finite(text: &str) -> Result<f32, String> {
    number(text, f32::MIN..=f32::MAX, "a number")
}

/// A number that `allowed` contains, which not-a-number never is.
fn number(text: &str, allowed: impl RangeBounds<f32>, wanted: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| allowed.contains(number));
    number.ok_or_else(|| format!("expected {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_kept() {
        assert_eq!(
            (any_count("0"), some_count("1"), part("1"), finite("-0.5")),
            (Ok(0_usize), Ok(1), Ok(1.0), Ok(-0.5))
        );
        assert!(any_count::<usize>("-1").is_err() && some_count("0").is_err() && some_part("0").is_err());
        for text in ["nan", "inf", "-1e39", "x", ""] {
            assert!(from_zero(text).is_err() && part(text).is_err() && finite(text).is_err(), "{text}");
        }
    }
}
