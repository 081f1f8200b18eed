//! The folder of a run, and the checkpoints in it.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use wkv7_core::Recipe;
use wkv7_formats::Error as FileError;

use crate::{Error, Snapshot, Trainer, snapshot};

/// How many checkpoints are kept: the newest, and the one before in case it breaks.
const KEPT: usize = 2;
const CHECKPOINT: (&str, &str) = ("checkpoint-", ".safetensors");
/// How files begin and end that are not whole yet; a process that was killed leaves them behind.
const HALF: (&str, &str) = (".wkv7-", ".part");

/// The folder of a run: `config.toml`, `train_log.jsonl`, `checkpoint-STEP.safetensors`, `model.safetensors`.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

/// Held as long as a run lasts: no second process writes to its folder.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Folder {
    /// The folder at `path`, which need not be there yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("config.toml")
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("train_log.jsonl")
    }

    /// Makes the folder, keeps others out of it, and removes what a killed process left half-written.
    pub(super) fn enter(&self) -> Result<Lock, Error> {
        fs::create_dir_all(&self.0).map_err(|error| FileError::new(&self.0, error))?;
        let path = self.0.join(".lock");
        let options = File::options().write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(|error| FileError::new(&self.0, error))?;
        // A file system without locks is no reason not to train.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(Error::Busy { folder: self.0.clone() });
        }
        for path in self.files(HALF)? {
            fs::remove_file(&path).map_err(|error| FileError::new(&path, error))?;
        }
        Ok(Lock { _file: file })
    }

    /// The checkpoints there are with their steps, the newest first.
    ///
    /// # Errors
    /// What the system says.
    pub fn checkpoints(&self) -> Result<Vec<(u64, PathBuf)>, Error> {
        let files = self.files(CHECKPOINT)?.into_iter();
        let step = |path: &PathBuf| {
            let name = path.file_name()?.to_str()?;
            name.strip_prefix(CHECKPOINT.0)?.strip_suffix(CHECKPOINT.1)?.parse().ok()
        };
        let mut found: Vec<(u64, PathBuf)> = files.filter_map(|path| Some((step(&path)?, path))).collect();
        found.sort_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// The newest checkpoint that can be read, if there is any; `notices` tells of those that cannot.
    ///
    /// # Errors
    /// Checkpoints of which none can be read.
    pub(super) fn newest(&self, notices: &mut Vec<String>) -> Result<Option<Snapshot>, Error> {
        let mut last = None;
        for (step, path) in self.checkpoints()? {
            match snapshot::load(&path, Recipe::default()) {
                Ok(found) if found.facts.get("step") == Some(&step.to_string()) => return Ok(Some(found)),
                Ok(found) => {
                    let said = found.facts.get("step").map_or("none", String::as_str);
                    let what = format!(
                        "{}: expected the checkpoint of step {step}, found that of {said}",
                        path.display()
                    );
                    notices.push(format!("passing over a checkpoint: {what}"));
                    last = Some(Error::Setting(what));
                }
                Err(error) => {
                    notices.push(format!("passing over a checkpoint that cannot be read: {error}"));
                    last = Some(error);
                }
            }
        }
        last.map_or(Ok(None), Err)
    }

    /// Writes a checkpoint of `trainer`, then removes those that are no longer kept. What was there stays until the new
    /// one is whole and on the disk.
    pub(super) fn save(
        &self,
        trainer: &Trainer,
        mut facts: BTreeMap<String, String>,
    ) -> Result<PathBuf, Error> {
        let step = trainer.next_step();
        let path = self.0.join(format!("{}{step:08}{}", CHECKPOINT.0, CHECKPOINT.1));
        facts.insert("step".to_owned(), step.to_string());
        snapshot::save(
            trainer.layout(),
            trainer.parameters(),
            trainer.moments(),
            &facts,
            &path,
            &mut |_, _| true,
        )?;
        self.settle();
        let kept = |found: &(u64, PathBuf)| found.0 <= step;
        let (kept, ahead): (Vec<_>, Vec<_>) = self.checkpoints()?.into_iter().partition(kept);
        // Those ahead could not be read, or we would have gone on from them.
        for (_, path) in kept.into_iter().skip(KEPT).chain(ahead) {
            fs::remove_file(&path).map_err(|error| FileError::new(&path, error))?;
        }
        Ok(path)
    }

    /// Waits until the disk knows the names of new files, where the system lets a folder be waited for.
    fn settle(&self) {
        if let Ok(folder) = File::open(&self.0) {
            drop(folder.sync_all());
        }
    }

    /// Files whose names begin and end so.
    fn files(&self, (first, last): (&str, &str)) -> Result<Vec<PathBuf>, Error> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| FileError::new(&self.0, error))?,
        };
        let ours = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(first) && name.ends_with(last))
        };
        Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).filter(ours).collect())
    }
}
