//! The languages: each one's own tests, and that all agree to the bit.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Installed;
use crate::process::{cargo, root, run};

/// The languages whose `interop` programs are compared, and how each is run from the root, with the mode and the
/// language's name after it.
const INTEROP: &[(&str, &str)] = &[];

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
    let mut rust = cargo(&["run", "--quiet", "--package", "wkv7-tests", "--example", "interop"]);
    let model = root().canonicalize()?.join(super::MODEL);
    run(rust.env("WKV7_INTEROP", &folder).env("WKV7_MODEL", model))?;
    for mode in ["write", "check"] {
        for (language, line) in INTEROP {
            let line = format!("{line} {mode} {language}");
            run(there.command("sh").env("WKV7_INTEROP", &folder).args(["-ec", &line]))?;
        }
    }
    let tokens = read(&folder, "rust.tokens")?;
    let logits = read(&folder, "rust.logits")?;
    ensure!(tokens.iter().filter(|&&byte| byte == b' ').count() == 63, "64 tokens");
    let mut restored = 0;
    for (language, _) in INTEROP {
        ensure!(read(&folder, &format!("{language}.logits"))? == logits, "logits of {language}");
        ensure!(read(&folder, &format!("{language}.tokens"))? == tokens, "tokens of {language}");
        for other in INTEROP.iter().map(|(other, _)| *other).chain(["rust"]) {
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
