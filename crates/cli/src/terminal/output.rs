//! Standard output and files: whole lines, whole files, or nothing.

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

/// Writes `bytes` to standard output at once.
pub fn print(bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes.as_ref()).and_then(|()| out.flush());
    written.map_err(|error| io::Error::new(error.kind(), format!("cannot write to standard output: {error}")))
}

/// Writes `value` to standard output as one line of JSON.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(print(harmless(&serde_json::to_string(value)?) + "\n")?)
}

/// All of standard input, bytes as they are.
pub fn read_stdin() -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    Ok(bytes)
}

/// All of the file at `path`, or of standard input where it is `-`.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        return read_stdin();
    }
    std::fs::read(path).with_context(|| path.display().to_string())
}

/// The text at `path` (`-`: standard input), which must be UTF-8.
pub fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes = read(path)?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        anyhow::anyhow!("{}: expected UTF-8 text, byte {offset} is not", path.display())
    })
}

/// `json` with the control characters that JSON lets stand, but a terminal obeys, as escapes.
fn harmless(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut safe, c| {
        if c.is_control() {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)))
        } else {
            safe.push(c)
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn json_steers_no_terminal() {
        let text = "a\u{1b}[31m\u{7f}\u{9b}2Jé";
        let json = super::harmless(&serde_json::to_string(text).expect("text"));
        assert!(!json.chars().any(char::is_control), "{json:?}");
        assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
    }
}
