//! Errors of reading and writing files: every one names the file.

use std::path::{Path, PathBuf};

/// What went wrong with which file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct Error {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

impl Error {
    /// `problem` of the file at `path`.
    pub fn new(path: impl Into<PathBuf>, problem: impl Into<Problem>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

/// What can be wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The tensors are not those of an RWKV-7 model, or do not fit each other.
    #[error(transparent)]
    Model(#[from] wkv7_core::Error),
    /// Not a checkpoint at all, or one of a kind that is refused; says the way out.
    #[error("{0}")]
    NotACheckpoint(String),
    /// The file breaks the rules of its own format.
    #[error("broken {format} file: {what}")]
    Broken {
        /// Name of the format.
        format: &'static str,
        /// Which part, what was expected, what was found.
        what: String,
    },
    /// A sound file with something that is not supported; says what and the way out.
    #[error("{0}")]
    Unsupported(String),
    /// The caller's progress callback asked to stop; nothing was left behind.
    #[error("cancelled")]
    Cancelled,
}

impl Problem {
    /// A rule of `format` that the file breaks.
    pub fn broken(format: &'static str, what: impl Into<String>) -> Self {
        Self::Broken { format, what: what.into() }
    }
}

/// Puts the file's name on what went wrong inside it.
pub(crate) trait InFile<T> {
    /// Names the file.
    fn in_file(self, path: &Path) -> Result<T, Error>;
}

impl<T, P: Into<Problem>> InFile<T> for Result<T, P> {
    fn in_file(self, path: &Path) -> Result<T, Error> {
        self.map_err(|problem| Error::new(path, problem))
    }
}

/// Whether `c` could break a line, steer a terminal or, by turning the direction of text, deceive its reader.
pub(crate) fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` from a file, quoted for a message: on one line, and cut where it is long.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 160; // characters; several quotes fit one message
    let mut quoted: String = text
        .chars()
        .take(LONGEST)
        .flat_map(|c| if steers(c) { c.escape_debug().collect() } else { vec![c] })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        quoted.push_str("...");
    }
    format!("`{quoted}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_steers_nothing() {
        assert_eq!(shown("a\u{1b}[2J\u{9b}\n\u{202e}é"), r"`a\u{1b}[2J\u{9b}\n\u{202e}é`");
        assert_eq!(shown(&"é".repeat(161)), format!("`{}...`", "é".repeat(160)));
    }
}
