//! State files: what a sequence remembers, with the identity of the model that it belongs to.
//!
//! A state file is safetensors. Tensors, all f32: `att_shift [layers, channels]`,
//! `wkv [layers, heads, head_size (value), head_size (key)]`, `ffn_shift [layers, channels]`, and, where
//! the next token's logits were kept, `logits [vocab]`. Its metadata names the format, its version, the
//! model's fingerprint and the number of tokens seen.
//!
//! A *tuned* initial state is something else: a checkpoint with nothing but `blocks.N.att.time_state`,
//! read by [`load_tuned`] and written by [`save_tuned`].

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype as FileDtype, TensorView, serialize};
use wkv7_core::{Config, Dtype, Fingerprint, State};

use crate::convert::{Numbers, Summary, Target, write_numbers};
use crate::error::{Error, InFile as _, Problem, shown};
use crate::names::{self, Orientation};
use crate::safetensors::{Entry, Header};
use crate::{WholeFile, map, pth};

/// What the metadata key `format` says in a state file.
const FORMAT: &str = "wkv7-state";
/// The version that is written, and the newest that is read.
const VERSION: u64 = 1;

/// A state with all that is needed to go on from it.
#[derive(Debug, Clone, PartialEq)]
pub struct StateFile {
    /// The state.
    pub state: State,
    /// The model that made it.
    pub fingerprint: Fingerprint,
    /// Tokens that led to it.
    pub tokens_seen: u64,
    /// Logits after the last of them, `[vocab]`, where they were kept.
    pub logits: Option<Vec<f32>>,
}

/// The sizes of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Layers.
    pub layers: usize,
    /// Heads of each.
    pub heads: usize,
    /// Channels of a head.
    pub head_size: usize,
}

impl StateFile {
    /// Writes the file beside its place and then moves it there: `path` never holds half a state.
    ///
    /// # Errors
    /// [`Problem::Model`] where the state does not have the sizes of `config`, [`Problem::Io`].
    pub fn save(&self, config: &Config, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        WholeFile::write(path, &self.to_bytes(config).in_file(path)?)
    }

    /// Reads a state file.
    ///
    /// # Errors
    /// Names the file and what is wrong with it; a version newer than this program is refused as such.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_shaped(path).map(|(file, _)| file)
    }

    /// Reads a state file whose model is not at hand: also tells the sizes, which the numbers alone do not.
    ///
    /// # Errors
    /// Those of [`StateFile::load`].
    pub fn load_shaped(path: impl AsRef<Path>) -> Result<(Self, Shape), Error> {
        let path = path.as_ref();
        Self::parse(map(path)?.as_slice()).in_file(path)
    }

    /// Checks that the state belongs to the model with this `config` and `fingerprint`.
    ///
    /// # Errors
    /// [`wkv7_core::Error::ForeignState`] with both fingerprints, [`wkv7_core::Error::WrongStateSize`].
    pub fn check(&self, config: &Config, fingerprint: Fingerprint) -> Result<(), wkv7_core::Error> {
        if self.fingerprint != fingerprint {
            return Err(wkv7_core::Error::ForeignState { want: fingerprint, found: self.fingerprint });
        }
        self.state.check(config)?;
        match &self.logits {
            Some(logits) if logits.len() != config.vocab => Err(wkv7_core::Error::WrongStateSize {
                part: "logits",
                want: config.vocab,
                found: logits.len(),
            }),
            _ => Ok(()),
        }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`Problem::Model`] where the state does not have the sizes of `config`.
    pub fn to_bytes(&self, config: &Config) -> Result<Vec<u8>, Problem> {
        self.check(config, self.fingerprint)?;
        let Config { layers, channels, heads, head_size, .. } = *config;
        let le = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let mut parts = vec![
            ("att_shift", vec![layers, channels], le(&self.state.att_shift)),
            ("wkv", vec![layers, heads, head_size, head_size], le(&self.state.wkv)),
            ("ffn_shift", vec![layers, channels], le(&self.state.ffn_shift)),
        ];
        if let Some(logits) = &self.logits {
            parts.push(("logits", vec![logits.len()], le(logits)));
        }
        let unwritable = |error: safetensors::SafeTensorError| Problem::Unsupported(error.to_string());
        let views = parts
            .iter()
            .map(|(name, shape, bytes)| Ok((*name, TensorView::new(FileDtype::F32, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(unwritable)?;
        let metadata = HashMap::from([
            ("format".to_owned(), FORMAT.to_owned()),
            ("version".to_owned(), VERSION.to_string()),
            ("fingerprint".to_owned(), self.fingerprint.to_string()),
            ("tokens_seen".to_owned(), self.tokens_seen.to_string()),
        ]);
        serialize(views, Some(metadata)).map_err(unwritable)
    }

    /// Reads the bytes of a state file.
    ///
    /// # Errors
    /// As [`StateFile::load`], without the file's name.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Problem> {
        Self::parse(bytes).map(|(file, _)| file)
    }

    fn parse(bytes: &[u8]) -> Result<(Self, Shape), Problem> {
        let header = Header::parse(bytes)?;
        let facts = Facts::read(&header.metadata)?;
        let mut parts = Parts { bytes, entries: header.entries };
        let (att_shift, layers_channels) = parts.take("att_shift", 2)?;
        let (wkv, memory) = parts.take("wkv", 4)?;
        let (ffn_shift, other) = parts.take("ffn_shift", 2)?;
        let logits = if parts.has("logits") { Some(parts.take("logits", 1)?.0) } else { None };
        if let Some(entry) = parts.entries.first() {
            return Err(broken(format!("tensor {} does not belong to a state", shown(&entry.name))));
        }
        let square = memory[2] == memory[3] && memory[0] == layers_channels[0];
        if other != layers_channels || !square || memory[1].checked_mul(memory[2]) != Some(layers_channels[1])
        {
            let what = format!(
                "shapes do not fit each other: att_shift {layers_channels:?}, wkv {memory:?}, ffn_shift {other:?}"
            );
            return Err(broken(what));
        }
        let state = State { att_shift, wkv, ffn_shift };
        let shape = Shape { layers: memory[0], heads: memory[1], head_size: memory[2] };
        let Facts { fingerprint, tokens_seen } = facts;
        Ok((Self { state, fingerprint, tokens_seen, logits }, shape))
    }
}

fn broken(what: impl Into<String>) -> Problem {
    Problem::broken("state", what)
}

/// What the metadata states.
struct Facts {
    fingerprint: Fingerprint,
    tokens_seen: u64,
}

impl Facts {
    fn read(metadata: &BTreeMap<String, String>) -> Result<Self, Problem> {
        let get = |key: &str| metadata.get(key).map_or("", String::as_str);
        if get("format") != FORMAT {
            let found = shown(get("format"));
            let what = format!("not a state file: metadata `format` is {found}, expected `{FORMAT}`");
            return Err(Problem::NotACheckpoint(what));
        }
        let number = |key: &str| {
            get(key)
                .parse::<u64>()
                .map_err(|_| broken(format!("metadata `{key}` is {}, expected a number", shown(get(key)))))
        };
        let version = number("version")?;
        if version > VERSION {
            let what =
                format!("state file of version {version}, this program reads up to {VERSION}; update it");
            return Err(Problem::Unsupported(what));
        }
        let fingerprint = get("fingerprint")
            .parse()
            .map_err(|_| broken(format!("metadata `fingerprint` is {}", shown(get("fingerprint")))))?;
        Ok(Self { fingerprint, tokens_seen: number("tokens_seen")? })
    }
}

/// The tensors that have not been taken yet.
struct Parts<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry>,
}

impl Parts<'_> {
    fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }

    fn take(&mut self, name: &str, dimensions: usize) -> Result<(Vec<f32>, Vec<usize>), Problem> {
        let place = self.entries.iter().position(|entry| entry.name == name);
        let place = place.ok_or_else(|| broken(format!("tensor `{name}` is missing")))?;
        let Entry { dtype, shape, range, .. } = self.entries.swap_remove(place);
        if dtype != Dtype::F32 || shape.len() != dimensions {
            let what =
                format!("tensor `{name}` is {dtype} {shape:?}, expected F32 of {dimensions} dimensions");
            return Err(broken(what));
        }
        // The header's check made the range lie inside the file.
        let bytes = self.bytes.get(range).unwrap_or(&[]);
        let values = bytes.as_chunks::<4>().0.iter().map(|&x| f32::from_le_bytes(x)).collect();
        Ok((values, shape))
    }
}

/// Reads a tuned initial state: a `.pth` or safetensors file with `blocks.N.att.time_state`
/// `[heads, head_size (value), head_size (key)]` for every layer. Both shifts start at zero.
///
/// Such a file does not say which model it was tuned for, so only the sizes are checked. The order is the
/// trainers' (value, key); web-rwkv's converter exchanges the two, which the content alone does not tell:
/// [`State::transpose`] turns such a state.
///
/// # Errors
/// Names the file and the first layer whose state is missing or of another size.
pub fn load_tuned(path: &Path, config: &Config) -> Result<State, Error> {
    let file = map(path)?;
    let named = if pth::looks_like(&file) {
        pth::tensors(&file).in_file(path)?
    } else {
        crate::safetensors::tensors(&file).in_file(path)?.0
    };
    let arranged = names::arrange(named, Orientation::Official).in_file(path)?;
    State::from_time_state(config, &arranged.tensors).in_file(path)
}

/// Writes the recurrent memory of `state` as a tuned initial state, `blocks.N.att.time_state`
/// `[heads, head_size (value), head_size (key)]` in f32, to a `.pth` or a `.safetensors` by the name of `path`. The old file
/// stays until the new one is whole. Such a file has no place for the two shifts.
///
/// # Errors
/// A state that does not have the sizes of `config`; another extension; a folder that is not there or not writable;
/// numbers that are not finite.
pub fn save_tuned(path: &Path, state: &State, config: &Config) -> Result<Summary, Error> {
    state.check(config).map_err(Problem::from).in_file(path)?;
    let Config { layers, channels, heads, head_size, .. } = *config;
    let names: Vec<String> = (0..layers).map(|layer| format!("blocks.{layer}.att.time_state")).collect();
    let shape = [heads, head_size, head_size];
    let parts = names.iter().zip(state.wkv.chunks_exact(channels * head_size));
    let numbers: Vec<Numbers<'_>> =
        parts.map(|(name, values)| Numbers { name, shape: &shape, values }).collect();
    write_numbers(&numbers, path, Target::from_path(path)?, Dtype::F32, &BTreeMap::new(), &mut |_, _| true)
}
