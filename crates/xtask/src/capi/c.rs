//! C: the contract of every function, threads, an old program, the install, under Valgrind and sanitizers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Installed, MODEL, PROMPT};
use crate::cpu::{TARGET, UNOPTIMISED};
use crate::header::ABI;
use crate::need::{self, Need};
use crate::process::{self, Built, output, root, run};

/// What the suite needs.
pub const NEEDS: &[Need] = &[
    need::CC,
    Need::Program { name: "c++", install: "apt-get install g++" },
    need::CMAKE,
    need::PKG_CONFIG,
    need::VALGRIND,
    Need::Program { name: "nm", install: "apt-get install binutils" },
];

/// Programs of `tests/c` that are linked with the shared library.
const PROGRAMS: [&str; 6] = ["contract", "tune", "allocations", "old_client", "threads", "open"];

/// Builds and runs them.
///
/// # Errors
/// Where anything failed.
pub fn run_all() -> Result<()> {
    let there = Installed::now()?;
    symbols(&there)?;
    called()?;
    for program in PROGRAMS {
        compile(&there, program, program, "-O1")?;
    }
    compile(&there, "contract", "contract-asan", "-O1 -fsanitize=address,undefined -fno-sanitize-recover")?;
    compile(&there, "threads", "threads-asan", "-O1 -fsanitize=address,undefined -fno-sanitize-recover")?;
    let work = there.work.display();
    for line in [
        format!("./contract '{work}'"),
        format!("./contract-asan '{work}'"),
        format!(
            "valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect,possible \
                 --suppressions='{}' ./contract '{work}'",
            root().canonicalize()?.join("tests/c/valgrind.supp").display()
        ),
        format!("./tune '{work}'"),
        "./allocations".to_owned(),
        "./threads".to_owned(),
        "./threads-asan".to_owned(),
        "./old_client > old_client.tokens".to_owned(),
    ] {
        there.shell(&work.to_string(), &line)?;
    }
    bad_files(&there)?;
    outside(&there)
}

fn compile(there: &Installed, source: &str, program: &str, flags: &str) -> Result<()> {
    let out = there.work.join(program);
    let line = format!(
        "cc -std=gnu99 -g {flags} -Wall -Wextra -pedantic -Werror {source}.c -o '{}' \
         $(pkg-config --cflags --libs wkv7) -pthread",
        out.display()
    );
    there.shell("tests/c", &line)
}

/// Functions of the header, from its list.
fn functions() -> Result<BTreeSet<String>> {
    let list = fs::read_to_string(root().join(ABI)).context(ABI)?;
    let name = |line: &str| {
        let (before, _) = line.split_once('(')?;
        let name = before.rsplit([' ', '*']).next()?;
        (name.starts_with("wkv7_") && !line.starts_with("typedef")).then(|| name.to_owned())
    };
    Ok(list.lines().filter_map(name).collect())
}

/// The library exports what the header declares, and nothing else.
fn symbols(there: &Installed) -> Result<()> {
    let library = there.prefix.join("lib/libwkv7.so");
    let table = output(there.command("nm").args(["-D", "--defined-only"]).arg(&library))?;
    let exported: BTreeSet<String> =
        table.lines().filter_map(|line| line.split_whitespace().last()).map(str::to_owned).collect();
    let declared = functions()?;
    let (more, less): (Vec<_>, Vec<_>) =
        (exported.difference(&declared).collect(), declared.difference(&exported).collect());
    ensure!(
        more.is_empty() && less.is_empty(),
        "exported but not declared: {more:?}; declared only: {less:?}"
    );
    println!("{} functions are exported, as the header declares", declared.len());
    Ok(())
}

/// Every function of the header is called by the contract's test.
fn called() -> Result<()> {
    let source = fs::read_to_string(root().join("tests/c/contract.c")).context("tests/c/contract.c")?;
    let helpers = fs::read_to_string(root().join("tests/c/check.h")).context("tests/c/check.h")?;
    let calls = |name: &String| source.contains(&format!("{name}(")) || helpers.contains(&format!("{name}("));
    let missing: Vec<_> = functions()?.into_iter().filter(|name| !calls(name)).collect();
    ensure!(missing.is_empty(), "no test calls {}", missing.join(", "));
    Ok(())
}

/// What is no model is refused with the words of the command.
fn bad_files(there: &Installed) -> Result<()> {
    let model = fs::read(root().join(MODEL)).context(MODEL)?;
    let folder = there.work.join("bad");
    fs::create_dir_all(folder.join("folder"))?;
    let files: [(&str, Vec<u8>); 6] = [
        ("empty", Vec::new()),
        ("text", b"Once upon a time there was no model here.".to_vec()),
        ("half.safetensors", model[..model.len() / 2].to_vec()),
        ("endless.safetensors", [&u64::MAX.to_le_bytes()[..], b"{}"].concat()),
        ("counts.gguf", [&b"GGUF\x03\0\0\0"[..], &[0xff; 16]].concat()),
        ("broken.pth", b"PK\x03\x04 and then nothing".to_vec()),
    ];
    for (name, bytes) in &files {
        fs::write(folder.join(name), bytes)?;
    }
    let command = Built::Wkv7.command()?;
    for name in files.iter().map(|(name, _)| *name).chain(["folder", "missing"]) {
        let path = folder.join(name);
        let ours = output(there.command(&there.work.join("open").display().to_string()).arg(&path))?;
        let refused = Command::new(command.get_program()).arg("generate").arg(&path).arg("x").output()?;
        let theirs = String::from_utf8_lossy(&refused.stderr).into_owned();
        let theirs = theirs.trim().strip_prefix("error: ").unwrap_or(&theirs).to_owned();
        ensure!(
            !refused.status.success() && ours.trim() == theirs,
            "{name}: C says `{}`, the command `{theirs}`",
            ours.trim()
        );
    }
    println!("{} bad files are refused with the words of the command", files.len() + 2);
    Ok(())
}

/// A program outside the repository: through pkg-config and CMake, shared and static, C99 and C++17.
fn outside(there: &Installed) -> Result<()> {
    let folder = there.work.join("outside");
    let _ = fs::remove_dir_all(&folder);
    copy_files(&root().join("tests/c/outside"), &folder)?;
    let place = folder.display().to_string();
    for line in [
        "cc -std=c99 -Wall -Wextra -Werror main.c -o pc_c_shared $(pkg-config --cflags --libs wkv7)",
        "cc -std=c99 -Wall -Wextra -Werror main.c -o pc_c_static $(pkg-config --cflags --libs wkv7-static)",
        "c++ -std=c++17 -Wall -Wextra -Werror main.cpp -o pc_cpp_shared $(pkg-config --cflags --libs wkv7)",
        "c++ -std=c++17 -Wall -Wextra -Werror main.cpp -o pc_cpp_static $(pkg-config --cflags --libs wkv7-static)",
        "cmake -S . -B build -DCMAKE_PREFIX_PATH=\"$WKV7_PREFIX\" > cmake.log && cmake --build build > build.log",
    ] {
        there.shell(&place, line)?;
    }
    let wanted = told_by_the_command()?;
    let programs = ["c_shared", "c_static", "cpp_shared", "cpp_static"];
    let built = programs
        .iter()
        .map(|name| format!("pc_{name}"))
        .chain(programs.iter().map(|name| format!("build/{name}")));
    let mut count = 0;
    for program in built {
        let mut command = there.command(&folder.join(&program).display().to_string());
        if program.ends_with("static") {
            command.env_remove("LD_LIBRARY_PATH");
        }
        let told = output(command.arg(root().canonicalize()?.join(MODEL)))?;
        ensure!(told.trim_end_matches('\n') == wanted, "{program} tells `{told}`, the command `{wanted}`");
        count += 1;
    }
    println!("{count} programs outside the repository tell the command's 64 tokens: {wanted:?}");
    Ok(())
}

/// The text of 64 greedy tokens, from the command.
pub fn told_by_the_command() -> Result<String> {
    let words = ["generate", MODEL, PROMPT, "--temperature", "0", "--max-tokens", "64"];
    let told = output(Built::Wkv7.command()?.args(words))?;
    // It repeats the prompt only for a person.
    Ok(told.trim_end_matches('\n').strip_prefix(PROMPT).unwrap_or(told.trim_end_matches('\n')).to_owned())
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// ThreadSanitizer is in nightly toolchains only, and sees the locks of the standard library only where that is built with
/// it as well.
pub const TSAN_NEEDS: &[Need] = &[Need::Component {
    toolchain: "nightly",
    file: "lib/rustlib/src/rust/library/Cargo.lock",
    install: "rustup toolchain install nightly --profile minimal --component rust-src",
}];

/// The threads' test with a library that watches for races.
///
/// # Errors
/// Where it failed or raced.
pub fn tsan() -> Result<()> {
    let root = root().canonicalize()?;
    let target = process::target().join("tsan-std");
    let mut command = process::rustup_run("nightly", &["cargo", "rustc", "--package", "wkv7-ffi", "--lib"]);
    command.args(["-Zbuild-std", "--crate-type", "staticlib", "--target", TARGET, "--config", UNOPTIMISED]);
    run(command.env("RUSTFLAGS", "-Zsanitizer=thread").env("CARGO_TARGET_DIR", &target))?;
    let sysroot = output(&mut process::rustup_run("nightly", &["rustc", "--print", "sysroot"]))?;
    let runtimes = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib");
    let is_runtime = |path: &PathBuf| path.to_string_lossy().ends_with("rt.tsan.a");
    let mut files = fs::read_dir(&runtimes)?.filter_map(|entry| Some(entry.ok()?.path()));
    let runtime = files.find(is_runtime).with_context(|| format!("no runtime in {}", runtimes.display()))?;
    let line = format!(
        "cc -std=gnu99 -g -O1 -fsanitize=thread -I'{include}' -c threads.c -o '{folder}/threads.o' && \
         cc '{folder}/threads.o' '{library}' -Wl,--whole-archive '{runtime}' -Wl,--no-whole-archive \
         -o '{folder}/threads' -lgcc_s -lutil -lrt -lpthread -lm -ldl && \
         WKV7_MODEL='{model}' TSAN_OPTIONS=halt_on_error=1 '{folder}/threads'",
        include = root.join("include").display(),
        folder = target.display(),
        library = target.join(TARGET).join("debug/libwkv7.a").display(),
        runtime = runtime.display(),
        model = root.join(MODEL).display(),
    );
    run(Command::new("sh").args(["-ec", &format!("cd '{}' && {line}", root.join("tests/c").display())]))
}
