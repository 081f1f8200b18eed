//! Token ids on the command line, in files and on standard input.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, bail};

use crate::terminal::output;

/// Where ids come from: `34,105,110`, or `@FILE` (`@-`: standard input).
#[derive(Debug, Clone)]
pub enum TokenList {
    /// The ids themselves.
    Ids(Vec<u32>),
    /// A file with ids.
    File(String),
}

impl FromStr for TokenList {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text.strip_prefix('@') {
            Some(file) => Ok(Self::File(file.to_owned())),
            None => parse_ids(text).map(Self::Ids),
        }
    }
}

impl TokenList {
    /// The ids, at least one.
    pub fn read(&self) -> anyhow::Result<Vec<u32>> {
        let (ids, from) = match self {
            Self::Ids(ids) => (ids.clone(), "--tokens".to_owned()),
            Self::File(file) => {
                let text = output::read_text(Path::new(file)).context("--tokens")?;
                (parse_ids(&text).with_context(|| format!("--tokens @{file}"))?, format!("--tokens @{file}"))
            }
        };
        if ids.is_empty() {
            bail!("{from}: expected at least one token id, found none");
        }
        Ok(ids)
    }
}

/// Ids separated by commas or white space, a JSON array of them, or an object with such an array under `ids`.
pub fn parse_ids(text: &str) -> anyhow::Result<Vec<u32>> {
    #[derive(serde::Deserialize)]
    struct Ids {
        ids: Vec<u32>,
    }
    let text = text.trim();
    if text.starts_with('[') {
        return serde_json::from_str(text).context("expected a JSON array of token ids");
    }
    if text.starts_with('{') {
        let Ids { ids } = serde_json::from_str(text).context("expected a JSON object {\"ids\": [...]}")?;
        return Ok(ids);
    }
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    words.map(|word| word.parse().ok().with_context(|| format!("`{word}` is no token id"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_in_many_clothes() {
        for text in
            ["34,105,110", "34 105\n110\n", " 34, 105,\t110", "[34, 105, 110]", r#"{"ids": [34,105,110]}"#]
        {
            assert_eq!(parse_ids(text).expect(text), [34, 105, 110], "{text}");
        }
        for text in ["34,x", "-1", "4294967296", "[1.5]", "{}"] {
            assert!(parse_ids(text).is_err(), "{text}");
        }
    }
}
