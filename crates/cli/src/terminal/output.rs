//! Standard output and files: whole lines, whole files, or nothing.

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

/// Writes `bytes` to standard output at once.
pub fn print(bytes: impl AsRef<[u8]>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes.as_ref())?;
    out.flush()
}

/// Writes `value` to standard output as one line of JSON.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(print(line)?)
}

/// All of standard input, bytes as they are.
pub fn read_stdin() -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
    Ok(bytes)
}

/// All of the file at `path`, or of standard input where it is `-`.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        return read_stdin();
    }
    std::fs::read(path).with_context(|| path.display().to_string())
}

/// The text at `path` (`-`: standard input), which must be UTF-8.
pub fn read_text(path: &Path) -> anyhow::Result<String> {
    let bytes = read(path)?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        anyhow::anyhow!("{}: expected UTF-8 text, byte {offset} is not", path.display())
    })
}

/// Puts `bytes` in the file at `path`, which appears whole or not at all.
pub fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let named = || path.display().to_string();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        anyhow::bail!("{}: there is no folder {}", path.display(), folder.display());
    }
    let mut file = beside().prefix(".wkv7-").tempfile_in(folder).with_context(named)?;
    file.write_all(bytes).with_context(named)?;
    file.persist(path).map_err(|error| error.error).with_context(named)?;
    Ok(())
}

/// A temporary file that others may read as they may read any new file, once it has its name.
#[cfg(unix)]
fn beside() -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut builder = tempfile::Builder::new();
    builder.permissions(std::fs::Permissions::from_mode(0o666)); // less the umask
    builder
}

/// A temporary file with the folder's own permissions.
#[cfg(not(unix))]
fn beside() -> tempfile::Builder<'static, 'static> {
    tempfile::Builder::new()
}
