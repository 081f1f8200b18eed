//! The person's side: standard output, standard error, progress, Ctrl-C.

pub mod failure;
pub mod interrupt;
pub mod output;
pub mod progress;
pub mod table;
pub mod text;

use std::io::{IsTerminal as _, Write as _};

/// Whether a person reads standard output.
pub fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether a person reads standard error.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether a person types on standard input.
pub fn stdin_is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Wipes off the `^C` that the terminal echoed on a line of its own.
pub fn wipe_echo() {
    if stderr_is_terminal() && stdin_is_terminal() {
        let _ = console::Term::stderr().clear_line();
    }
}

/// One line on standard error; nobody there to read it is no error.
pub fn note(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
