//! Files that are whole or not there.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// A file that takes its name when it is finished.
pub struct Output {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl Output {
    /// Starts a file beside `path`.
    ///
    /// # Errors
    /// A folder that cannot be written to.
    pub fn create(path: &Path) -> Result<Self> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let file =
            NamedTempFile::new_in(folder).with_context(|| format!("writing into {}", folder.display()))?;
        Ok(Self { file: BufWriter::new(file), path: path.to_owned() })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// A disk that is full or gone.
    pub fn line(&mut self, line: &str) -> Result<()> {
        writeln!(self.file, "{line}").with_context(|| format!("writing {}", self.path.display()))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// A disk that is full or gone, or a name that cannot be replaced.
    pub fn finish(self) -> Result<()> {
        let wrong = || format!("writing {}", self.path.display());
        let file = self.file.into_inner().map_err(|error| error.into_error()).with_context(wrong)?;
        file.persist(&self.path).with_context(wrong)?;
        Ok(())
    }
}
