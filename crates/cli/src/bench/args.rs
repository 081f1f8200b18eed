//! Lists of counts on the command line.

use std::str::FromStr;

use super::soak;
use crate::args::parse_threads;

/// More than any machine has use for; a larger number is a slip.
const MOST: usize = 1 << 20;

/// Counts, each at least one and named once; there may be none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts(pub Vec<usize>);

/// Numbers of threads, at least one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadCounts(pub Vec<usize>);

impl FromStr for Counts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(Vec::new()));
        }
        list(text, |word| word.parse().ok().filter(|count| (1..=MOST).contains(count)))
            .map(Self)
            .ok_or_else(|| format!("expected whole numbers from 1 to {MOST}, as in 1,2,4"))
    }
}

impl FromStr for ThreadCounts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        list(text, |word| parse_threads(word).ok())
            .map(Self)
            .ok_or_else(|| "expected numbers of threads from 1 to 4096, as in 1,2,4".to_owned())
    }
}

impl Default for ThreadCounts {
    /// One, and one per core.
    fn default() -> Self {
        let cores = super::machine::cores();
        Self(if cores > 1 { vec![1, cores] } else { vec![1] })
    }
}

/// The numbers between the commas, without repetitions.
fn list(text: &str, parse: impl Fn(&str) -> Option<usize>) -> Option<Vec<usize>> {
    text.split(',').map(|word| parse(word.trim())).try_fold(Vec::new(), |mut all, count| {
        let count = count?;
        if !all.contains(&count) {
            all.push(count);
        }
        Some(all)
    })
}

/// Tokens of a soak: at least the first and the last thousand.
pub fn soak_tokens(text: &str) -> Result<usize, String> {
    let least = 2 * soak::PART;
    let tokens = text.parse().ok().filter(|tokens| *tokens >= least);
    tokens.ok_or_else(|| format!("expected a number of tokens from {least}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_each_count_once() {
        assert_eq!("4, 1,4".parse(), Ok(Counts(vec![4, 1])));
        assert_eq!("".parse(), Ok(Counts(Vec::new())));
        assert_eq!("2,1".parse(), Ok(ThreadCounts(vec![2, 1])));
        for text in ["0", "1,", "x", "1;2", "-1", "99999999"] {
            assert!(text.parse::<Counts>().is_err() && text.parse::<ThreadCounts>().is_err(), "{text}");
        }
        assert!("".parse::<ThreadCounts>().is_err());
        assert!(soak_tokens("1999").is_err() && soak_tokens("2000") == Ok(2000));
    }
}
