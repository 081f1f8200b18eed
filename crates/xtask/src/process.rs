//! Running other programs from the root of the checkout.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the checkout.
pub fn root() -> PathBuf {
    // The manifest lies two folders below the root, by the layout of the workspace.
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The folder that cargo builds into, from anywhere.
pub fn target() -> PathBuf {
    let root = root().canonicalize().unwrap_or_else(|_| root());
    root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The cargo that runs us, so that a `+toolchain` given to it also holds for what we start.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Programs of the workspace, built with the features and dependencies of `cargo test --workspace`, so that after it
/// nothing is left to compile; `cargo run --package` would build most crates once more.
#[derive(Clone, Copy)]
pub enum Built {
    /// The command.
    Wkv7,
    /// An example, by name.
    Example(&'static str),
}

impl Built {
    /// Builds it; a command that runs it.
    ///
    /// # Errors
    /// Where it does not compile.
    pub fn command(self) -> Result<Command> {
        // An example takes part in either case: without one, cargo would leave out what development dependencies ask for.
        let (example, folder, name) = match self {
            Built::Wkv7 => ("interop", "", "wkv7"),
            Built::Example(name) => (name, "examples", name),
        };
        let mut build = cargo(&["build", "--quiet", "--workspace", "--bin", "wkv7", "--example", example]);
        // For this machine, wherever it says otherwise: the program lies where it is looked for.
        run(build.env_remove("CARGO_BUILD_TARGET"))?;
        let program =
            target().join("debug").join(folder).join(name).with_extension(env::consts::EXE_EXTENSION);
        let mut command = Command::new(program);
        command.current_dir(root());
        Ok(command)
    }
}

/// A program of another toolchain, whichever cargo runs us.
pub fn rustup_run(toolchain: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", toolchain]).args(arguments);
    // Those of the toolchain that runs us.
    command.env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
    command
}

/// Shows the command line, runs it in the root with nothing on its standard input, and waits.
///
/// # Errors
/// Where it cannot be started, or ends with another status than success.
pub fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    println!("$ {line}");
    let status = command
        .current_dir(root())
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Runs the command in the root and returns what it printed.
///
/// # Errors
/// As [`run`], and output that is no UTF-8.
pub fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command
        .current_dir(root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` ended with {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed no text"))
}

/// As [`run`], and returns what the command wrote to its standard error, which is shown as it comes.
///
/// # Errors
/// As [`run`].
pub fn run_and_hear(command: &mut Command) -> Result<String> {
    let line = line(command);
    println!("$ {line}");
    let started = command.current_dir(root()).stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = started.with_context(|| format!("cannot start `{line}`"))?;
    let mut said = String::new();
    for spoken in child.stderr.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let spoken = spoken?;
        eprintln!("{spoken}");
        said.push_str(&spoken);
        said.push('\n');
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(said)
}

/// Whether the command can be started and succeeds; its output is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.current_dir(root()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The command as a person would type it: variables set for it, the program's short name, arguments.
fn line(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={}", name.to_string_lossy(), quoted(&value?.to_string_lossy())))
    });
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let arguments = command.get_args().map(|argument| quoted(&argument.to_string_lossy()));
    set.chain([program.into_owned()]).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Quoted where a shell would split it.
fn quoted(word: &str) -> String {
    if word.contains(char::is_whitespace) { format!("\"{word}\"") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("Cargo.lock").is_file());
    }

    #[test]
    fn a_line_reads_as_typed() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["doc", "--config", "a b"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(line(&command), "RUSTDOCFLAGS=\"-D warnings\" cargo doc --config \"a b\"");
    }

    #[test]
    fn output_is_what_was_printed() {
        assert!(output(&mut cargo(&["--version"])).unwrap().starts_with("cargo "));
        let error = output(cargo(&["no-such-command-7f3a"]).env("CARGO_TERM_QUIET", "true")).unwrap_err();
        assert!(error.to_string().contains("ended with"), "{error}");
    }

    #[test]
    fn failures_name_the_command() {
        let error = run(cargo(&["no-such-command-7f3a"]).stderr(Stdio::null())).unwrap_err().to_string();
        assert!(error.starts_with("`cargo no-such-command-7f3a` ended with exit status"), "{error}");
        let error = run(&mut Command::new("no-such-program-7f3a")).unwrap_err().to_string();
        assert_eq!(error, "cannot start `no-such-program-7f3a`");
    }
}
