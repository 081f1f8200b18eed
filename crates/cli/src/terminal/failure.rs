//! How a command ends: one line on standard error, and the exit code.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind;

use super::interrupt;

/// Bad input, or something that failed on the way.
const FAILED: u8 = 1;
/// A command line that makes no sense.
const USAGE: u8 = 2;
/// Stopped by Ctrl-C: 128 plus the number of SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;

/// The exit code of a finished command; says on one line what went wrong.
pub fn report(result: &anyhow::Result<()>) -> ExitCode {
    if interrupt::asked() {
        super::wipe_echo();
        return INTERRUPTED.into();
    }
    match result {
        Err(error) if !is_closed_pipe(error) => {
            super::note(format_args!("error: {}", one_line(error)));
            FAILED.into()
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Prints what `clap` has to say: help and version as they are, an error on one line.
pub fn usage(error: &clap::Error, command: &clap::Command) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print(); // a closed pipe is not an error
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            USAGE.into()
        }
        _ => {
            let command = command_in(command, std::env::args_os().skip(1));
            super::note(format_args!("{}; try `{command} --help`", usage_line(error)));
            USAGE.into()
        }
    }
}

/// `error: what is wrong (tip)`.
fn usage_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n");
    let mut line = paragraphs.next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    for tip in paragraphs.flat_map(str::lines).filter_map(|line| line.trim().strip_prefix("tip: ")) {
        line.push_str(&format!(" ({tip})"));
    }
    printable(&line)
}

/// The words of the command that `arguments` ask for: `wkv7 eval lambada`.
fn command_in(root: &clap::Command, arguments: impl Iterator<Item = OsString>) -> String {
    let (mut command, mut words) = (root, root.get_name().to_owned());
    for argument in arguments {
        if let Some(inner) = command.find_subcommand(&argument) {
            words = format!("{words} {}", inner.get_name());
            command = inner;
        }
    }
    words
}

/// Whether the reader of our output left, which is its good right.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
            || cause
                .downcast_ref::<serde_json::Error>()
                .is_some_and(|error| error.io_error_kind() == Some(io::ErrorKind::BrokenPipe))
    })
}

/// An error and its causes, each thing said once, safe to show on a terminal.
pub fn one_line(error: &anyhow::Error) -> String {
    printable(&wkv7::story(error.as_ref()))
}

/// `text` with what steers a terminal escaped: control characters, and those that change the direction of
/// text. A file must not do so through its own name, contents or error message.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            safe.extend(c.escape_default())
        } else {
            safe.push(c)
        }
        safe
    })
}

/// Leaves at once, with nothing left on the terminal.
pub fn leave() -> ! {
    super::progress::clear();
    if super::stderr_is_terminal() {
        super::note(""); // behind the echoed ^C, and perhaps half a line of text
    }
    let _ = io::stderr().lock().flush();
    std::process::exit(INTERRUPTED.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_chain_is_one_line_and_repeats_nothing() {
        let inner = io::Error::other("disk\nfull");
        let error =
            Err::<(), _>(inner).context("a.st: disk\nfull").context("cannot write").expect_err("error");
        assert_eq!(one_line(&error), "cannot write: a.st: disk full");
    }

    #[test]
    fn help_is_offered_for_the_command_at_hand() {
        use clap::CommandFactory as _;
        let root = crate::command::Cli::command();
        let line = |words: &str| command_in(&root, words.split(' ').map(OsString::from));
        assert_eq!(line("eval lambada m --file x"), "wkv7 eval lambada");
        assert_eq!(line("--nonsense"), "wkv7");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a\u{1b}[31mé\u{202e}"), "a\\u{1b}[31mé\\u{202e}");
    }
}
