//! The header: as the sources make it, and compiled alone in every dialect.

use anyhow::Result;

use crate::header;
use crate::need::{self, Need};
use crate::process::{root, run};

/// What the suite needs.
pub const NEEDS: &[Need] = &[
    Need::Program { name: "gcc", install: "apt-get install gcc" },
    Need::Program { name: "g++", install: "apt-get install g++" },
    Need::Program { name: "clang", install: "apt-get install clang" },
    need::CLANG_CPP,
];

/// Compares and compiles.
///
/// # Errors
/// Where it differs, or does not compile without a warning.
pub fn check() -> Result<()> {
    header::check()?;
    let include = root().canonicalize()?.join("include");
    let c = ["gcc", "clang"].map(|compiler| (compiler, "c", &["c99", "c11"][..], "wkv7.h"));
    let cpp =
        ["g++", "clang++"].map(|compiler| (compiler, "c++", &["c++11", "c++17", "c++20"][..], "wkv7.h"));
    let hpp = ["g++", "clang++"].map(|compiler| (compiler, "c++", &["c++17", "c++20"][..], "wkv7.hpp"));
    for (compiler, language, standards, file) in c.into_iter().chain(cpp).chain(hpp) {
        for standard in standards {
            let line = format!(
                "echo '#include <{file}>' | {compiler} -x {language} -std={standard} -Wall -Wextra -pedantic -Werror \
                 -I'{}' -fsyntax-only -",
                include.display()
            );
            run(std::process::Command::new("sh").args(["-ec", &line]))?;
        }
    }
    Ok(())
}
