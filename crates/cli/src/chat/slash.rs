//! Commands inside a chat.

use std::path::PathBuf;
use std::str::FromStr;

/// A line that begins with a slash.
#[derive(Debug, PartialEq, Eq)]
pub enum Slash {
    /// Forget everything.
    Reset,
    /// Write the state to a file.
    Save(PathBuf),
    /// Continue from a state file.
    Load(PathBuf),
    /// Take back the last turn.
    Undo,
    /// Begin anew with these instructions.
    System(String),
    /// Show the commands.
    Help,
}

/// The commands, for people.
pub const HELP: &str = "\
/reset          forget the conversation
/undo           take back the last turn
/save FILE      save the state to a file
/load FILE      continue from a saved state
/system [TEXT]  begin anew with these instructions, or without any
/help           show this
/quit           leave (also Ctrl-D, or Ctrl-C twice)
Ctrl-C stops an answer. A line that shall begin with a slash begins with two.";

impl FromStr for Slash {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let file = || {
            if rest.is_empty() { Err(format!("{word} needs a file name")) } else { Ok(PathBuf::from(rest)) }
        };
        let alone = |slash| {
            if rest.is_empty() { Ok(slash) } else { Err(format!("{word} takes nothing, found `{rest}`")) }
        };
        match word {
            "/reset" => alone(Self::Reset),
            "/save" => file().map(Self::Save),
            "/load" => file().map(Self::Load),
            "/undo" => alone(Self::Undo),
            "/system" => Ok(Self::System(rest.to_owned())),
            "/help" | "/?" => alone(Self::Help),
            _ => Err(format!("no command `{word}`; /help shows them all")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_understood() {
        assert_eq!("/save  a b.state ".parse(), Ok(Slash::Save("a b.state".into())));
        assert_eq!("/system Be brief.".parse(), Ok(Slash::System("Be brief.".to_owned())));
        assert_eq!("/undo".parse(), Ok(Slash::Undo));
        for line in ["/save", "/undo twice", "/frobnicate"] {
            assert!(line.parse::<Slash>().is_err(), "{line}");
        }
    }
}
