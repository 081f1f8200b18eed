//! A model's text on standard output, as it comes.

use std::io;

use super::{output, stdout_is_terminal};

/// Writes pieces at once, and knows whether the line was ended.
pub struct TextOut {
    wanted: bool,
    terminal: bool,
    open_line: bool,
}

impl TextOut {
    /// Prints where `wanted`, else swallows.
    pub fn new(wanted: bool) -> Self {
        Self { wanted, terminal: stdout_is_terminal(), open_line: false }
    }

    /// The next piece. A terminal gets no control characters but the harmless: a model is not trusted to steer it.
    pub fn write(&mut self, piece: &str) -> io::Result<()> {
        if !self.wanted || piece.is_empty() {
            return Ok(());
        }
        self.open_line = !piece.ends_with('\n');
        if self.terminal {
            let harmless = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
            return output::print(piece.chars().filter(harmless).collect::<String>());
        }
        output::print(piece)
    }

    /// Ends the last line on a terminal, so that what follows begins its own; elsewhere the text stays as it is.
    pub fn end_line(&mut self) -> io::Result<()> {
        if self.wanted && self.terminal && self.open_line {
            self.open_line = false;
            return output::print("\n");
        }
        Ok(())
    }
}
