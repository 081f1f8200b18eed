//! Constants of a model that the metadata of a safetensors file may state.

use std::collections::BTreeMap;

use wkv7_core::Recipe;

use crate::Problem;

/// The metadata key of [`Recipe::rate_range`]; a file without it means 1.
pub const RATE_RANGE: &str = "rwkv7.rate_range";

/// What the metadata must state for `recipe`: nothing for a usual one. The epsilons have no key.
#[must_use]
pub fn facts(recipe: &Recipe) -> BTreeMap<String, String> {
    let unusual = (recipe.rate_range != 1.0).then(|| (RATE_RANGE.to_owned(), recipe.rate_range.to_string()));
    unusual.into_iter().collect()
}

/// The constants that `facts` state, the others being the usual ones.
///
/// # Errors
/// [`Problem::Broken`] for a rate range that is none.
pub fn stated(facts: &BTreeMap<String, String>) -> Result<Recipe, Problem> {
    let mut recipe = Recipe::default();
    if let Some(text) = facts.get(RATE_RANGE) {
        let most = Recipe::MAX_RATE_RANGE;
        let range = text.trim().parse::<f32>().ok().filter(|range| *range > 0.0 && *range <= most);
        recipe.rate_range = range.ok_or_else(|| {
            let found: String = text.chars().take(40).collect();
            let what =
                format!("`{RATE_RANGE}`: expected a number above 0 and at most {most}, found {found:?}");
            Problem::broken("safetensors", what)
        })?;
    }
    Ok(recipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stated_is_read() {
        assert_eq!(stated(&BTreeMap::new()).expect("usual"), Recipe::default());
        assert!(facts(&Recipe::default()).is_empty());
        for rate_range in [2.0, 1.5, 0.1] {
            let recipe = Recipe { rate_range, ..Recipe::default() };
            assert_eq!(stated(&facts(&recipe)).expect("valid"), recipe);
        }
        for text in ["", "two", "0", "-1", "2.1", "NaN", "inf"] {
            let facts = BTreeMap::from([(RATE_RANGE.to_owned(), text.to_owned())]);
            let error = stated(&facts).expect_err("no range").to_string();
            assert!(error.contains("at most 2") && error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
