//! Finds, checks and packs the World vocabulary.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

use crate::vocab_file;

/// Names the vocabulary file for builds in which cargo cannot be asked, such as Bazel's.
pub const OVERRIDE: &str = "WKV7_WORLD_VOCAB";

const PACKAGE: &str = "rwkv-tokenizer";
/// As the workspace pins it: the package is a source of this one file, and another release may carry another file.
const VERSION: &str = "0.9.1";
const ASSET: &str = "assets/rwkv_vocab_v20230424.txt";
/// Tokens in the official file, with the ids 1 to this.
const TOKENS: usize = 65_529;

/// Writes `OUT_DIR/world.bin`.
pub fn embed() -> Result<(), String> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo::rerun-if-env-changed={OVERRIDE}");
    let path = match env::var_os(OVERRIDE) {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => locate(&out)?,
    };
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read(&path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    let blob = pack(tokens(&text).map_err(|error| format!("`{}`: {error}", path.display()))?)?;
    write(&out.join("world.bin"), &blob)
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("cargo's variable {name}: {error}"))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}

/// The vocabulary file in cargo's own copy of the package.
///
/// The package is a build-dependency, so by now cargo has downloaded it; only its folder is unknown. Asking `cargo
/// metadata` about *this* manifest would want every package of the workspace for every platform, development
/// dependencies included, and in a fresh clone those are not there: it would go to the network, or fail where there is
/// none. So it is asked about a manifest of our own in `OUT_DIR` that depends on that package and nothing else. All of
/// that is on disk, hence `--offline`; a workspace of its own keeps it out of whichever encloses `OUT_DIR`; and cargo
/// runs in this package's folder, so that a `.cargo/config.toml` with vendored sources applies.
///
/// A patched package (`[patch.crates-io]`) is known only to the real manifest, which is therefore asked second.
fn locate(out: &Path) -> Result<PathBuf, String> {
    let here = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let scratch = scratch_manifest(out)?;
    let found = find(&here, &scratch, &["--offline"]).or_else(|first| {
        find(&here, &here.join("Cargo.toml"), &["--offline", "--locked"]).map_err(|_| first)
    })?;
    Ok(found.join(ASSET))
}

/// A package in `OUT_DIR` that depends on `PACKAGE` alone; made anew, so that no lock file of an earlier build lingers.
fn scratch_manifest(out: &Path) -> Result<PathBuf, String> {
    let folder = out.join("locate");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("cannot clear `{}`: {error}", folder.display()));
        }
        _ => {}
    }
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
    let manifest = folder.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"locate\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[lib]\npath = \"lib.rs\"\n\n\
         [dependencies]\n{PACKAGE} = \"={VERSION}\"\n\n[workspace]\n"
    );
    write(&manifest, text.as_bytes())?;
    write(&folder.join("lib.rs"), b"")?;
    Ok(manifest)
}

/// Folder of `PACKAGE` in the dependencies of `manifest`, as cargo run in `folder` sees them.
fn find(folder: &Path, manifest: &Path, options: &[&str]) -> Result<PathBuf, String> {
    let mut options: Vec<String> = options.iter().map(|option| option.to_string()).collect();
    // Build-dependencies are the host's: other platforms' packages need not be on disk.
    options.extend(["--filter-platform".into(), variable("HOST")?]);
    let metadata = MetadataCommand::new() // runs the cargo of the variable CARGO: the one that builds us
        .current_dir(folder)
        .manifest_path(manifest)
        .other_options(options)
        .exec()
        .map_err(|error| one_line(&error.to_string()))?;
    folder_of_package(&metadata).ok_or_else(|| {
        format!("cargo metadata lists no package {PACKAGE} {VERSION} for `{}`", manifest.display())
    })
}

fn folder_of_package(metadata: &Metadata) -> Option<PathBuf> {
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == PACKAGE && package.version.to_string() == VERSION)?;
    Some(package.manifest_path.parent()?.as_std_path().to_path_buf())
}

/// A build script's directives end at the newline.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads the file and checks that it is the official vocabulary: the count, the ids, the declared lengths, all tokens
/// distinct, every byte among them. Returns (bytes, id) in the order of the bytes.
fn tokens(text: &[u8]) -> Result<Vec<(Vec<u8>, u16)>, String> {
    let mut tokens = Vec::with_capacity(TOKENS);
    for (index, entry) in vocab_file::parse(text).enumerate() {
        let entry = entry.map_err(|error| error.to_string())?;
        let id = u16::try_from(index + 1).map_err(|_| format!("more than {TOKENS} tokens"))?;
        if entry.id != u32::from(id) {
            return Err(format!("line {}: expected id {id}, found {}", index + 1, entry.id));
        }
        tokens.push((entry.bytes, id));
    }
    if tokens.len() != TOKENS {
        return Err(format!("expected {TOKENS} tokens, found {}", tokens.len()));
    }
    if let Some(byte) = (0..=255u8).find(|&byte| tokens[usize::from(byte)].0 != [byte]) {
        return Err(format!("expected token {} to be the byte {byte:#04x}", u16::from(byte) + 1));
    }
    tokens.sort();
    match tokens.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(format!("tokens {} and {} are the same bytes", pair[0].1, pair[1].1)),
        None => Ok(tokens),
    }
}

/// Each token as: bytes shared with the one before (u8), bytes that follow (u8), id (u16, little endian), those bytes.
fn pack(tokens: Vec<(Vec<u8>, u16)>) -> Result<Vec<u8>, String> {
    let mut blob = Vec::new();
    let mut before: &[u8] = &[];
    for (token, id) in &tokens {
        let shared = token.iter().zip(before).take_while(|(a, b)| a == b).count();
        let small =
            |count: usize| u8::try_from(count).map_err(|_| format!("token {id} has more than 255 bytes"));
        blob.extend([small(shared)?, small(token.len() - shared)?]);
        blob.extend(id.to_le_bytes());
        blob.extend(&token[shared..]);
        before = token;
    }
    Ok(blob)
}
