//! Lines from a person or a pipe.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};

use crate::terminal;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end.
    Text(String),
    /// Ctrl-C at the prompt.
    Interrupt,
    /// No more: Ctrl-D, or the end of a file.
    End,
}

/// Where lines come from.
pub enum Input {
    /// A terminal, with editing and history.
    Editor { editor: Box<DefaultEditor>, history: Option<PathBuf> },
    /// Anything else: one turn a line.
    Pipe,
}

impl Input {
    /// Editing where a person types, with the history kept in `history` as far as it can be.
    pub fn open(history: Option<PathBuf>) -> anyhow::Result<Self> {
        if !terminal::stdin_is_terminal() {
            return Ok(Self::Pipe);
        }
        let config = Config::builder().max_history_size(1000)?.auto_add_history(true).build();
        let mut editor = Box::new(DefaultEditor::with_config(config).context("cannot edit lines here")?);
        if let Some(path) = &history {
            let _ = editor.load_history(path); // none yet
        }
        Ok(Self::Editor { editor, history })
    }

    /// Whether a person types.
    pub fn is_editor(&self) -> bool {
        matches!(self, Self::Editor { .. })
    }

    /// The next line; `prompt` is for a person only.
    pub fn next(&mut self, prompt: &str) -> anyhow::Result<Line> {
        match self {
            Self::Editor { editor, .. } => match editor.readline(prompt) {
                Ok(line) => Ok(Line::Text(line)),
                Err(ReadlineError::Interrupted) => Ok(Line::Interrupt),
                Err(ReadlineError::Eof) => Ok(Line::End),
                Err(error) => Err(error).context("cannot read a line"),
            },
            Self::Pipe => {
                let mut line = Vec::new();
                let read = std::io::stdin().lock().read_until(b'\n', &mut line);
                if read.context("cannot read standard input")? == 0 {
                    return Ok(Line::End);
                }
                let line = String::from_utf8(line).context("expected UTF-8 text on standard input")?;
                Ok(Line::Text(line.trim_end_matches(['\n', '\r']).to_owned()))
            }
        }
    }

    /// Writes the history, if it can be written.
    pub fn close(self) {
        if let Self::Editor { mut editor, history: Some(path) } = self {
            let _ = path.parent().map(std::fs::create_dir_all);
            let _ = editor.save_history(&path);
        }
    }
}

/// Where the history is kept unless told otherwise: the user's data folder.
pub fn usual_history() -> Option<PathBuf> {
    history_by(|name| std::env::var(name).ok())
}

fn history_by(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| Path::new(value).is_absolute());
    let data = set("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| set("HOME").map(|home| Path::new(&home).join(".local/share")));
    let data = data.or_else(|| set("APPDATA").map(PathBuf::from));
    data.map(|folder| folder.join("wkv7").join("history"))
}

#[cfg(test)]
mod tests {
    use super::history_by;

    #[test]
    fn the_history_lies_in_the_users_data_folder() {
        let with = |pairs: &'static [(&str, &str)]| {
            history_by(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(with(&[("HOME", "/home/a")]), Some("/home/a/.local/share/wkv7/history".into()));
        assert_eq!(with(&[("HOME", "/home/a"), ("XDG_DATA_HOME", "/d")]), Some("/d/wkv7/history".into()));
        assert_eq!(with(&[("XDG_DATA_HOME", "relative")]), None);
    }
}
