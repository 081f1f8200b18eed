//! The languages: each one's own tests, and that all agree to the bit.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Installed;
use crate::need::{self, Need};
use crate::process::{Built, root, run};

/// The languages whose `interop` programs are compared: what is built first, in which folder, and the program, which gets
/// the mode and the language's name. `WORK` is the folder for what tests build, `NPM` npm as it is to be called.
pub const INTEROP: &[(&str, &str, &str, &str)] = &[
    ("c", "tests/cpp", "make -s BUILD=WORK/cpp all", "WORK/cpp/interop-c"),
    ("cpp", "tests/cpp", "make -s BUILD=WORK/cpp all", "WORK/cpp/interop-cpp"),
    ("go", "bindings/go", "go build -o WORK/go/ ./internal/interop", "WORK/go/interop"),
    ("node", "bindings/node", "test -d node_modules/koffi || NPM ci", "node tests/interop.mjs"),
    ("python", "bindings/python", "true", "WORK/python/bin/python tests/interop.py"),
];

/// What comparing them needs.
pub const AGREE_NEEDS: &[Need] = &[MAKE, need::CC, GO, NODE, NPM, need::PKG_CONFIG, VENV];

const MAKE: Need = Need::Program { name: "make", install: "apt-get install make" };
const GO: Need = Need::Command { line: "go version", install: "apt-get install golang-go" };
const NODE: Need = Need::Command {
    line: "node -e 'process.exit(+(parseInt(process.versions.node) < 18))'",
    install: "apt-get install nodejs, 18 or later",
};
const NPM: Need = Need::Program { name: "npm", install: "apt-get install npm" };
const VENV: Need =
    Need::PythonModule { name: "venv, ensurepip", install: "apt-get install python3 python3-venv" };

/// What C++ needs beside the C suite's.
pub const CPP_NEEDS: &[Need] = &[
    MAKE,
    need::CMAKE,
    need::CLANG_CPP,
    need::PKG_CONFIG,
    need::VALGRIND,
    Need::Program { name: "python3", install: "apt-get install python3" },
];

/// The C++ header: its tests, plain, sanitised and under Valgrind; and the examples in C and C++, in every way to build them.
///
/// # Errors
/// Where one failed.
pub fn cpp() -> Result<()> {
    let there = Installed::now()?;
    there.shell("tests/cpp", &there.placed("make -s BUILD=WORK/cpp test headers sanitize valgrind"))?;
    there.shell(".", "python3 tests/examples/run.py")
}

/// What Go needs.
pub const GO_NEEDS: &[Need] = &[GO, need::CC, need::PKG_CONFIG];

/// The Go binding: format, vet, tests, and tests that watch for races.
///
/// # Errors
/// Where one failed.
pub fn go() -> Result<()> {
    let there = Installed::now()?;
    let folder = "bindings/go";
    there.shell(folder, "test -z \"$(gofmt -l .)\" || { gofmt -d .; exit 1; }")?;
    there.shell(folder, "go vet ./... && go test -count=1 ./... && go test -race -count=1 ./...")
}

/// What Node needs.
pub const NODE_NEEDS: &[Need] = &[NODE, NPM];

/// The Node package: its types, its tests, and programs outside of the checkout that use it as it is packed.
///
/// # Errors
/// Where one failed.
pub fn node() -> Result<()> {
    let there = Installed::now()?;
    let folder = "bindings/node";
    there.shell(folder, &there.placed("NPM ci && NPM run types && NPM test"))?;
    let outside = "rm -rf WORK/node && mkdir -p WORK/node && NPM pack --pack-destination WORK/node >/dev/null && \
                   cp tests/outside/* WORK/node && cd WORK/node && echo '{ \"private\": true }' >package.json && \
                   NPM install ./wkv7-*.tgz && node story.mjs && node story.cjs";
    there.shell(folder, &there.placed(outside))
}

/// What Python needs.
pub const PYTHON_NEEDS: &[Need] = &[VENV];

/// The Python package: installed into an environment of its own around the installed library, then tested and type-checked.
///
/// # Errors
/// Where one failed.
pub fn python() -> Result<()> {
    let there = Installed::now()?;
    environment(&there)?;
    there.shell("bindings/python", &there.placed("WORK/python/bin/pytest -q"))?;
    there.shell("bindings/python", &there.placed("WORK/python/bin/mypy"))
}

/// Makes the environment, with the library as it is installed now.
///
/// # Errors
/// Where that failed.
pub fn environment(there: &Installed) -> Result<()> {
    let line = "python3 -m venv --clear WORK/python && WKV7_LIBRARY=\"$WKV7_PREFIX/lib/libwkv7.so\" \
                WORK/python/bin/pip install --quiet --disable-pip-version-check './bindings/python[test]' mypy types-cffi hatchling";
    there.shell(".", &there.placed(line))
}

/// Every snippet of the embedding guide.
///
/// # Errors
/// Where one failed.
pub fn guide() -> Result<()> {
    let there = Installed::now()?;
    // What the snippets build of the library is there already.
    there.shell(
        ".",
        &format!("CARGO_TARGET_DIR='{}' python3 tests/docs/run.py embedding", there.target.display()),
    )
}

/// Logits after a prompt and 64 greedy tokens of every language are those of Rust to the bit, and a state that one saves
/// goes on in each other.
///
/// # Errors
/// Where one differs.
pub fn agree() -> Result<()> {
    let there = Installed::now()?;
    let folder = there.work.join("interop");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let mut rust = Built::Example("interop").command()?;
    let model = root().canonicalize()?.join(super::MODEL);
    run(rust.env("WKV7_INTEROP", &folder).env("WKV7_MODEL", model))?;
    if !there.work.join("python/bin/python").is_file() {
        environment(&there)?;
    }
    for (_, place, build, _) in INTEROP {
        there.shell(place, &there.placed(build))?;
    }
    for mode in ["write", "check"] {
        for (language, place, _, program) in INTEROP {
            let line = there.placed(&format!("cd '{place}' && {program} {mode} {language}"));
            run(there.command("sh").env("WKV7_INTEROP", &folder).args(["-ec", &line]))?;
        }
    }
    let tokens = read(&folder, "rust.tokens")?;
    let logits = read(&folder, "rust.logits")?;
    ensure!(tokens.iter().filter(|&&byte| byte == b' ').count() == 63, "64 tokens");
    let mut restored = 0;
    for (language, ..) in INTEROP {
        ensure!(read(&folder, &format!("{language}.logits"))? == logits, "logits of {language}");
        ensure!(read(&folder, &format!("{language}.tokens"))? == tokens, "tokens of {language}");
        let others = INTEROP.iter().map(|(other, ..)| *other).filter(|other| other != language);
        for other in others.chain(["rust"]) {
            let file = format!("{language}.from.{other}.tokens");
            ensure!(read(&folder, &file)? == tokens, "{file}: another text from the state of {other}");
            restored += 1;
        }
    }
    println!(
        "{} languages agree with Rust to the bit; {restored} states restored across languages",
        INTEROP.len()
    );
    Ok(())
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>> {
    fs::read(folder.join(name)).with_context(|| name.to_owned())
}
