//! What a job needs on the machine, and how to get it.

use std::path::Path;
use std::process::Command;

use crate::process;

/// Something that may or may not be installed.
#[derive(Debug)]
pub enum Need {
    /// A program that answers to `--version`.
    Program {
        /// As typed in a shell.
        name: &'static str,
        /// How to install it.
        install: &'static str,
    },
    /// A program that answers to something else.
    Command {
        /// As typed in a shell.
        line: &'static str,
        /// How to install it.
        install: &'static str,
    },
    /// A module of the `python3` on the path.
    PythonModule {
        /// As imported.
        name: &'static str,
        /// How to install it.
        install: &'static str,
    },
    /// A cargo subcommand that is not part of the toolchain's minimal profile.
    CargoCommand {
        /// As typed after `cargo`.
        name: &'static str,
        /// How to install it.
        install: &'static str,
    },
    /// Another toolchain than the project's. What needs one is left out where it is not there, even where `CI=true`.
    Toolchain {
        /// As typed after the `+`.
        name: &'static str,
        /// How to install it.
        install: &'static str,
    },
    /// A part of another toolchain that not every installation has. Optional as [`Need::Toolchain`] is.
    Component {
        /// As typed after the `+`.
        toolchain: &'static str,
        /// A file of the part, below the toolchain's folder.
        file: &'static str,
        /// How to install it.
        install: &'static str,
    },
}

/// Programs that more than one suite needs.
pub const CC: Need = Need::Program { name: "cc", install: "apt-get install gcc" };
pub const CMAKE: Need = Need::Program { name: "cmake", install: "apt-get install cmake" };
pub const PKG_CONFIG: Need = Need::Program { name: "pkg-config", install: "apt-get install pkg-config" };
pub const VALGRIND: Need = Need::Program { name: "valgrind", install: "apt-get install valgrind" };
pub const CLANG_CPP: Need = Need::Program { name: "clang++", install: "apt-get install clang" };

impl Need {
    /// Whether a job may be left out for want of this where nothing else is optional.
    pub fn is_optional(&self) -> bool {
        matches!(self, Need::Toolchain { .. } | Need::Component { .. })
    }

    /// Says what is missing and how to install it, or `None` where it is there.
    pub fn missing(&self) -> Option<String> {
        let (mut probe, what, install) = match self {
            Need::Program { name, install } => {
                let mut command = Command::new(name);
                command.arg("--version");
                (command, (*name).to_owned(), install)
            }
            Need::Command { line, install } => {
                let mut command = Command::new("sh");
                command.arg("-c").arg(line);
                (command, format!("what answers to `{line}`"), install)
            }
            Need::PythonModule { name, install } => {
                let mut command = Command::new("python3");
                command.arg("-c").arg(format!("import {name}"));
                (command, format!("the python module {name}"), install)
            }
            Need::CargoCommand { name, install } => {
                (process::cargo(&[*name, "--version"]), format!("cargo {name}"), install)
            }
            Need::Component { toolchain, file, install } => {
                let sysroot =
                    process::output(&mut process::rustup_run(toolchain, &["rustc", "--print", "sysroot"]));
                let there = sysroot.is_ok_and(|sysroot| Path::new(sysroot.trim()).join(file).is_file());
                return (!there)
                    .then(|| format!("{file} of the {toolchain} toolchain is not installed ({install})"));
            }
            Need::Toolchain { name, install } => {
                (process::rustup_run(name, &["cargo", "--version"]), format!("the {name} toolchain"), install)
            }
        };
        (!process::succeeds(&mut probe)).then(|| format!("{what} is not installed ({install})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_missing() {
        assert_eq!(Need::Program { name: "cargo", install: "" }.missing(), None);
    }

    #[test]
    fn what_is_missing_is_named_with_the_way_to_get_it() {
        let need = Need::Program { name: "no-such-program-7f3a", install: "apt-get install it" };
        assert_eq!(
            need.missing().as_deref(),
            Some("no-such-program-7f3a is not installed (apt-get install it)")
        );
        let need = Need::CargoCommand { name: "no-such-command-7f3a", install: "cargo install it" };
        assert_eq!(
            need.missing().as_deref(),
            Some("cargo no-such-command-7f3a is not installed (cargo install it)")
        );
    }

    #[test]
    fn a_toolchain_may_be_missing() {
        let need = Need::Toolchain { name: "no-such-toolchain-7f3a", install: "rustup toolchain install it" };
        let missing = "the no-such-toolchain-7f3a toolchain is not installed (rustup toolchain install it)";
        assert_eq!(need.missing().as_deref(), Some(missing));
        assert!(need.is_optional() && !Need::Program { name: "cargo", install: "" }.is_optional());
    }

    #[test]
    fn a_python_module_needs_python_and_the_module() {
        let need = Need::PythonModule { name: "no_such_module_7f3a", install: "pip install it" };
        assert_eq!(
            need.missing().as_deref(),
            Some("the python module no_such_module_7f3a is not installed (pip install it)")
        );
    }
}
