//! A file that appears under its name only when it is whole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::error::{Error, InFile as _, Problem};

/// A file being written beside its final place, gone again unless [`WholeFile::finish`] is reached.
///
/// Who may read it is decided by the user's own mask, as for any new file. A symbolic link stays one: the
/// file that it points to is replaced. A device or a pipe cannot be replaced and is written to directly.
#[derive(Debug)]
pub struct WholeFile {
    writer: BufWriter<Sink>,
    place: PathBuf,
}

/// Where the bytes go for now.
#[derive(Debug)]
enum Sink {
    Staged(NamedTempFile),
    Device(File),
}

impl WholeFile {
    /// A neighbour of `path`, empty.
    ///
    /// # Errors
    /// Names `path`: a folder stands there, there is no folder to hold it, or the system refuses.
    pub fn beside(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::stage(path).in_file(path)
    }

    /// As [`WholeFile::beside`], without the name in the error.
    pub(crate) fn stage(path: &Path) -> Result<Self, Problem> {
        let place = path.canonicalize().unwrap_or_else(|_| path.to_owned()); // through links, if it exists
        if place.is_dir() {
            return Err(Problem::Unsupported("expected a name for a file, found a folder there".to_owned()));
        }
        let sink = if place.exists() && !place.is_file() {
            Sink::Device(File::options().write(true).open(&place)?)
        } else {
            Sink::Staged(staging(0o666).tempfile_in(existing_parent(&place)?)?)
        };
        Ok(Self { writer: BufWriter::with_capacity(1 << 20, sink), place })
    }

    /// Writes `bytes` as the whole of the file at `path`.
    ///
    /// # Errors
    /// Those of [`WholeFile::beside`], and a disk that is full.
    pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), Error> {
        let path = path.as_ref();
        let mut file = Self::beside(path)?;
        file.write_all(bytes).in_file(path)?;
        file.finish().in_file(path)
    }

    /// Gives the file its name, once the disk has all of it: a power cut leaves the old file or the new one.
    ///
    /// # Errors
    /// What the system says; nothing is left behind then.
    pub fn finish(self) -> io::Result<()> {
        match self.writer.into_inner().map_err(io::IntoInnerError::into_error)? {
            Sink::Staged(file) => {
                file.as_file().sync_all()?;
                file.persist(&self.place).map(drop).map_err(|error| error.error)
            }
            Sink::Device(_) => Ok(()),
        }
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Staged(file) => file.write(bytes),
            Self::Device(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Staged(file) => file.flush(),
            Self::Device(file) => file.flush(),
        }
    }
}

/// Names for what is not whole yet, with the permissions `mode` less the user's mask.
pub(crate) fn staging(mode: u32) -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".wkv7-").suffix(".part");
    permit(&mut builder, mode);
    builder
}

/// Without this a temporary file is its owner's alone, and stays so under its final name.
#[cfg(unix)]
fn permit(builder: &mut Builder<'_, '_>, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    builder.permissions(std::fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn permit(_builder: &mut Builder<'_, '_>, _mode: u32) {}

/// The folder that `path` lies in, which must be there.
pub(crate) fn existing_parent(path: &Path) -> Result<&Path, Problem> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if parent.is_dir() {
        return Ok(parent);
    }
    Err(Problem::Unsupported(format!("there is no folder {}", parent.display())))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let mut file = WholeFile::beside(&path).expect("a place");
        file.write_all(b"half").expect("written");
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
        WholeFile::write(&path, b"whole").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"whole");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn errors_name_the_place_and_nothing_temporary() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("no/such/file");
        let no_parent = WholeFile::write(&deep, b"").expect_err("no folder").to_string();
        assert!(no_parent.contains("no/such/file: there is no folder"), "{no_parent}");
        let at_folder = WholeFile::write(folder.path(), b"").expect_err("a folder").to_string();
        assert!(at_folder.contains("found a folder"), "{at_folder}");
        assert!(!(no_parent + &at_folder).contains(".wkv7-"));
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let [ours, plain] = ["ours", "plain"].map(|name| folder.path().join(name));
        WholeFile::write(&ours, b"x").expect("written");
        fs::write(&plain, b"x").expect("written");
        let mode = |path| fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        use std::os::unix::fs::FileTypeExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        fs::write(&target, b"old").expect("written");
        std::os::unix::fs::symlink(&target, &link).expect("linked");
        WholeFile::write(&link, b"new").expect("written");
        assert_eq!(fs::read(&target).expect("read"), b"new");
        assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
        WholeFile::write("/dev/null", b"gone").expect("written");
        assert!(fs::metadata("/dev/null").expect("there").file_type().is_char_device());
    }
}
