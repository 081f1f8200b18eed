//! What a `tokenizer.json` must not hold: the library panics on it, or allocates what the file claims.
//!
//! The library reads such files with assertions in a few places. They are looked for before it sees the file, so that
//! a file from a stranger ends in an error and not in the end of the process.

use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// The parts in which something can be wrong; the vocabulary is not kept.
#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    decoder: Value,
}

/// Checks that the library can be given this text.
///
/// # Errors
/// Text that is no JSON or nested too deeply, and the first part that the library does not survive.
pub(crate) fn check(text: &[u8]) -> Result<(), Error> {
    let refused = |what: String| Err(Error::Json(what));
    let parts: Parts = match serde_json::from_slice(text) {
        Ok(parts) => parts,
        Err(error) => return refused(error.to_string()),
    };
    for part in [&parts.normalizer, &parts.pre_tokenizer, &parts.decoder] {
        if any(part, &|key, value| key == "precompiled_charsmap" || (key == "type" && value == "Precompiled"))
        {
            return refused(
                "a `Precompiled` normalizer, which is not read; expected rules in plain text".into(),
            );
        }
    }
    if any(&parts.pre_tokenizer, &|key, value| key == "length" && value.as_u64() == Some(0)) {
        return refused("a pre-tokenizer that cuts pieces of length 0, expected at least 1".into());
    }
    if any(&parts.decoder, &|key, value| key == "stop" && value.as_u64() != Some(0)) {
        return refused("a decoder that strips the end of tokens, expected `stop` to be 0".into());
    }
    Ok(())
}

/// Whether any entry of any object in `value` is `wrong`. No deeper than the JSON reader went, which is 128 levels.
fn any(value: &Value, wrong: &impl Fn(&str, &Value) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| any(item, wrong)),
        Value::Object(entries) => entries.iter().any(|(key, value)| wrong(key, value) || any(value, wrong)),
        _ => false,
    }
}
