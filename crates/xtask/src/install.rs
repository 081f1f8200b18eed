//! `cargo xtask install`: the C library where other build systems find it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use crate::process::{cargo, root, run_and_hear, target};

#[derive(Args)]
pub struct Options {
    /// Folder that gets include/ and lib/
    #[arg(long, value_name = "DIR")]
    prefix: PathBuf,
    /// Features of the library, such as wgpu, parted by commas
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    features: Option<String>,
    /// Build without optimisation, in seconds rather than minutes
    #[arg(long)]
    debug: bool,
}

/// The headers that are installed.
const HEADERS: [&str; 2] = ["include/wkv7.h", "include/wkv7.hpp"];

/// How the parts are called here.
struct Names {
    /// The file of the shared library.
    shared: String,
    /// Links to it, the linker's own name last.
    links: Vec<String>,
    /// As cargo calls it.
    built: &'static str,
}

/// Builds and installs.
///
/// # Errors
/// A build that fails, a folder that cannot be written.
pub fn run(options: &Options) -> Result<()> {
    let prefix = std::path::absolute(&options.prefix)?;
    install(&prefix, options.features.as_deref(), options.debug)?;
    println!("installed into {}; for pkg-config:", prefix.display());
    println!("  export PKG_CONFIG_PATH={}", prefix.join("lib/pkgconfig").display());
    Ok(())
}

/// Builds the library and puts its parts below `prefix`.
///
/// # Errors
/// Those of [`run`].
pub fn install(prefix: &Path, features: Option<&str>, debug: bool) -> Result<()> {
    let names = names()?;
    let (built, private) = build(features, debug)?;
    for header in HEADERS {
        put(&root().join(header), &prefix.join(header))?;
    }
    let lib = prefix.join("lib");
    put(&built.join(names.built), &lib.join(&names.shared))?;
    put(&built.join("libwkv7.a"), &lib.join("libwkv7.a"))?;
    for link in &names.links {
        relink(&names.shared, &lib.join(link))?;
    }
    let filled = |text: &str| {
        let version = env!("CARGO_PKG_VERSION");
        text.replace("@VERSION@", version).replace("@SHARED@", &names.shared).replace("@PRIVATE@", &private)
    };
    let folder = root().join("crates/ffi/install");
    for (template, place) in [
        ("wkv7.pc", "lib/pkgconfig/wkv7.pc"),
        ("wkv7-static.pc", "lib/pkgconfig/wkv7-static.pc"),
        ("wkv7-config.cmake", "lib/cmake/wkv7/wkv7-config.cmake"),
        ("wkv7-config-version.cmake", "lib/cmake/wkv7/wkv7-config-version.cmake"),
    ] {
        let template = folder.join(template);
        let text = fs::read_to_string(&template).with_context(|| template.display().to_string())?;
        write(&prefix.join(place), filled(&text).as_bytes())?;
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        put(&root().join(licence), &prefix.join("share/doc/wkv7").join(licence))?;
    }
    Ok(())
}

/// Builds both libraries; returns the folder that they are in, and what a program that links the static one needs.
fn build(features: Option<&str>, debug: bool) -> Result<(PathBuf, String)> {
    let mut command = cargo(&["rustc", "--package", "wkv7-ffi", "--lib"]);
    if !debug {
        command.arg("--release");
    }
    if let Some(features) = features {
        command.args(["--features", features]);
    }
    command.args(["--color", "never", "--", "--print", "native-static-libs"]);
    let said = run_and_hear(&mut command)?;
    let needed =
        said.lines().find_map(|line| line.split_once("native-static-libs: ")).map(|(_, libraries)| libraries);
    let needed = needed.context("rustc does not say what the static library needs")?;
    Ok((target().join(if debug { "debug" } else { "release" }), needed.trim().to_owned()))
}

fn names() -> Result<Names> {
    let version = env!("CARGO_PKG_VERSION");
    let compatible = match version.split_once('.') {
        Some(("0", rest)) => format!("0.{}", rest.split('.').next().unwrap_or_default()),
        Some((major, _)) => major.to_owned(),
        None => bail!("version {version} has no parts"),
    };
    match std::env::consts::OS {
        "windows" => bail!(
            "install supports Linux and macOS; on Windows use the files that `cargo build -p wkv7-ffi` makes"
        ),
        "macos" => Ok(Names {
            shared: format!("libwkv7.{version}.dylib"),
            links: vec![format!("libwkv7.{compatible}.dylib"), "libwkv7.dylib".to_owned()],
            built: "libwkv7.dylib",
        }),
        _ => Ok(Names {
            shared: format!("libwkv7.so.{version}"),
            links: vec![format!("libwkv7.so.{compatible}"), "libwkv7.so".to_owned()],
            built: "libwkv7.so",
        }),
    }
}

/// Copies a file; its place never holds half of it.
fn put(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| from.display().to_string())?;
    write(to, &bytes)
}

fn write(to: &Path, bytes: &[u8]) -> Result<()> {
    let folder = to.parent().context("a file lies in a folder")?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let half = to.with_extension("part");
    fs::write(&half, bytes).with_context(|| half.display().to_string())?;
    fs::rename(&half, to).with_context(|| to.display().to_string())
}

#[cfg(unix)]
fn relink(target: &str, link: &Path) -> Result<()> {
    let half = link.with_extension("part");
    let _ = fs::remove_file(&half);
    std::os::unix::fs::symlink(target, &half).with_context(|| half.display().to_string())?;
    fs::rename(&half, link).with_context(|| link.display().to_string())
}

#[cfg(not(unix))]
fn relink(target: &str, link: &Path) -> Result<()> {
    put(&link.with_file_name(target), link)
}
