//! `train_log.jsonl`: a line of JSON for every step that is logged.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wkv7_formats::Error as FileError;

use super::Spike;
use crate::Error;

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// Steps done, this one included: the first is 1.
    pub step: u64,
    /// Tokens trained on so far.
    pub tokens: u64,
    /// Mean cross-entropy of the step's batch, in nats; what is not finite is `null` in JSON.
    #[serde(with = "maybe_infinite")]
    pub loss: f64,
    /// The same over about the last fifty steps.
    #[serde(with = "maybe_infinite")]
    pub mean_loss: f64,
    /// The learning rate.
    pub learning_rate: f64,
    /// Norm of all gradients before clipping.
    #[serde(with = "maybe_infinite")]
    pub gradient_norm: f64,
    /// Mean cross-entropy of the held-out part after the step, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out_loss: Option<f64>,
    /// A loss or norm that is far above the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spike: Option<Spike>,
    /// Whether the step changed nothing, since loss or norm were not finite.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
    /// Speed since the last line. This and what follows is all that differs when the same run is repeated.
    pub tokens_per_second: f64,
    /// Seconds spent on all steps so far, those before an interruption included.
    pub seconds: f64,
}

/// JSON has no number for what is infinite or none: it becomes `null`, and that not-a-number.
pub(super) mod maybe_infinite {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() { to.serialize_f64(*value) } else { to.serialize_none() }
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
    }
}

/// The log of a run that writes it.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    path: PathBuf,
}

impl Log {
    /// Opens or makes the log at `path` and cuts off every line behind step `last`: they will be written again. So is a
    /// line that is not whole.
    pub(super) fn open(path: &Path, last: u64) -> Result<Self, Error> {
        let refused = |error| FileError::new(path, error);
        let options = File::options().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = options.map_err(refused)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(refused)?;
        let kept: usize =
            lines(&text).take_while(|(_, record)| record.step <= last).map(|(line, _)| line.len()).sum();
        file.set_len(kept as u64).map_err(refused)?;
        file.seek(SeekFrom::End(0)).map_err(refused)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Adds a line, which the system has when this returns.
    pub(super) fn write(&mut self, record: &Record) -> Result<(), Error> {
        let written = serde_json::to_vec(record).map_err(std::io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.file.write_all(&line)
        });
        Ok(written.map_err(|error| FileError::new(&self.path, error))?)
    }
}

/// The whole lines of a log up to the first that is none.
fn lines(text: &[u8]) -> impl Iterator<Item = (&[u8], Record)> {
    let whole = text.split_inclusive(|byte| *byte == b'\n').take_while(|line| line.ends_with(b"\n"));
    whole.map_while(|line| Some((line, serde_json::from_slice(line).ok()?)))
}

/// Reads the log at `path`; a line that is not whole, as a run leaves that is being killed, and any behind it are left out.
///
/// # Errors
/// What the system says.
pub fn read_log(path: &Path) -> Result<Vec<Record>, Error> {
    let text = std::fs::read(path).map_err(|error| FileError::new(path, error))?;
    Ok(lines(&text).map(|(_, record)| record).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: u64) -> Record {
        Record {
            step,
            tokens: 32 * step,
            loss: 2.5,
            mean_loss: 2.75,
            learning_rate: 1e-3,
            gradient_norm: 0.5,
            tokens_per_second: 1000.0,
            seconds: 3.25,
            held_out_loss: None,
            spike: None,
            skipped: false,
        }
    }

    #[test]
    fn lines_behind_a_step_and_half_lines_are_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let mut log = Log::open(&path, 0).expect("opens");
        (1..=5).for_each(|step| log.write(&record(step)).expect("written"));
        log.file.write_all(b"{\"step\":6,\"tok").expect("written");
        assert_eq!(read_log(&path).expect("reads").len(), 5);
        let mut log = Log::open(&path, 3).expect("opens");
        log.write(&record(4)).expect("written");
        let steps: Vec<u64> = read_log(&path).expect("reads").iter().map(|record| record.step).collect();
        assert_eq!(steps, [1, 2, 3, 4]);
        drop(Log::open(&path, 0).expect("opens"));
        assert_eq!(std::fs::metadata(&path).expect("there").len(), 0);
    }

    #[test]
    fn what_is_not_finite_is_null() {
        let spike = Spike { what: "loss".to_owned(), value: f64::INFINITY, mean: 2.0, sigma: 0.1 };
        let odd = Record { loss: f64::NAN, spike: Some(spike), skipped: true, ..record(1) };
        let text = serde_json::to_string(&odd).expect("JSON");
        assert!(text.contains("\"loss\":null") && text.contains("\"value\":null"), "{text}");
        let again: Record = serde_json::from_str(&text).expect("its own line");
        assert!(
            again.loss.is_nan() && again.skipped && again.spike.is_some_and(|spike| spike.value.is_nan())
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_named() {
        let full = File::options().write(true).open("/dev/full").expect("Linux has it");
        let mut log = Log { file: full, path: PathBuf::from("run/train_log.jsonl") };
        let said = log.write(&record(1)).expect_err("full").to_string();
        assert!(said.starts_with("run/train_log.jsonl: ") && said.contains("space"), "{said}");
    }
}
