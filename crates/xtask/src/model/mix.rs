//! How much of each sort a corpus has.

use anyhow::Result;

use super::library::{Library, Sort};
use super::rng::Rng;
use super::split::Split;

/// The sorts of a corpus and the parts of its bytes that they have.
pub type Mix = &'static [(Sort, usize)];

/// What the model is trained on.
pub const MAIN: Mix =
    &[(Sort::Story, 70), (Sort::Question, 9), (Sort::Fact, 6), (Sort::Arithmetic, 10), (Sort::Tracking, 5)];
/// What a state is tuned on.
pub const OTHER: Mix = &[(Sort::Other, 1)];

/// Draws texts until they have `bytes` bytes, and hands each to `take`. The sort that is furthest behind its part comes
/// next, so that any stretch of the corpus has nearly the same mixture.
///
/// # Errors
/// Those of the library and of `take`.
pub fn draw(
    library: &Library,
    mix: Mix,
    split: Split,
    bytes: u64,
    rng: &mut Rng,
    mut take: impl FnMut(Sort, &str) -> Result<()>,
) -> Result<()> {
    let whole: f64 = mix.iter().map(|&(_, part)| part as f64).sum();
    let mut made = vec![0u64; mix.len()];
    let mut total = 0;
    while total < bytes {
        let behind = |at: &usize| mix[*at].1 as f64 / whole * total as f64 - made[*at] as f64;
        let next = (0..mix.len()).max_by(|one, two| behind(one).total_cmp(&behind(two))).unwrap_or(0);
        let text = library.text(mix[next].0, split, rng)?;
        take(mix[next].0, &text)?;
        made[next] += text.len() as u64;
        total += text.len() as u64;
    }
    Ok(())
}
