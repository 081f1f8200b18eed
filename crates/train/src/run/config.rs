//! All settings of a run, as a TOML file has them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use toml::{Table, Value};
use wkv7_core::Dtype;
use wkv7_formats::{Error as FileError, WholeFile};

use crate::Error;
use crate::numerics::{Options, Precision};

/// All settings of a run. A TOML file has them under these names with dashes for underscores; those that it leaves out are
/// the [`Default`] ones. `None` is a default that depends on others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Config {
    /// A checkpoint of any format to go on from; without it, a new model is made.
    pub from: Option<PathBuf>,
    /// Layers of a new model; 6.
    pub layers: Option<usize>,
    /// Width of a new model; 256.
    pub channels: Option<usize>,
    /// Channels of its heads; 64, or all channels where there are fewer.
    pub head_size: Option<usize>,
    /// Hidden units of its channel mixes; four times the channels.
    pub ffn: Option<usize>,
    /// Token ids of a new model; those of the vocabulary.
    pub vocab_size: Option<usize>,

    /// One binidx pair (without its ending), or files of text and JSON lines.
    pub data: Vec<PathBuf>,
    /// `auto` (that of `from`, else `world`), `world`, `bytes`, or a vocabulary's file.
    pub vocab: String,
    /// The line between two documents of plain text.
    pub separator: Option<String>,
    /// The part of the data that only measures, from 0 to 0.5.
    pub held_out: f64,

    /// Tokens of a sample.
    pub context: usize,
    /// Samples of a step.
    pub batch: usize,
    /// Steps to run. At most one of `steps`, `tokens` and `epochs` is given; with none, one epoch.
    pub steps: Option<u64>,
    /// Tokens to train on, rounded up to whole steps.
    pub tokens: Option<u64>,
    /// Rounds through the training part, rounded up to whole steps.
    pub epochs: Option<f64>,
    /// Begins the new model, and the order of the samples (0: the official order).
    pub seed: u64,

    /// The learning rate after warming up; 6e-4, with `from` 1e-5.
    pub learning_rate: Option<f64>,
    /// The learning rate at the end, to which it falls along half a cosine; a tenth of the first.
    pub learning_rate_last: Option<f64>,
    /// Steps over which the learning rate rises; 10, or a tenth of all steps where that is less.
    pub warmup: Option<u64>,
    /// Weight decay of the large matrices.
    pub weight_decay: f64,
    /// What stays of the mean of gradients at each step.
    pub beta1: f64,
    /// What stays of the mean of their squares.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f32,
    /// The largest norm of all gradients; larger ones are scaled down.
    pub clip: f64,
    /// The official trainer's pull on the largest logits.
    pub l2_wrap: bool,

    /// Measure the held-out part every so many steps, besides after the first and the last; 0 for these alone.
    pub valid_every: u64,
    /// At most so many tokens of it.
    pub valid_tokens: usize,
    /// Log every so many steps. Steps with a spike or a held-out loss always are.
    pub log_every: u64,
    /// Save a checkpoint every so many steps, besides at the end; 0 for the end alone.
    pub save_every: u64,
    /// Write the model every so many steps, besides at the end; 0 for the end alone.
    pub export_every: u64,
    /// As which files the model is written.
    pub export: Vec<Export>,
    /// As which element type: `f32`, `bf16` or `f16`.
    pub dtype: String,

    /// Steps whose losses and norms tell what is usual.
    pub spike_window: usize,
    /// Standard deviations above their mean from which on a loss or norm is reported.
    pub spike_sigma: f64,

    /// Threads; one per core.
    pub threads: Option<usize>,
    /// Rows (tokens of all samples together) that go through the model at a time.
    pub rows: usize,
    /// Groups of so many rows that are under way side by side, each with gradients of its own.
    pub lanes: usize,
    /// Keep only what each layer starts from and compute the rest again: less memory, a third more time.
    pub recompute: bool,
    /// What the factors of large products are rounded to: `f32` or `bf16`, which some machines multiply twice as fast.
    pub precision: String,
}

/// A file that a model is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Export {
    /// `model.safetensors`.
    Safetensors,
    /// `model.pth`, as the official tools load it.
    Pth,
}

impl Export {
    /// Its name in the folder of a run.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Safetensors => "model.safetensors",
            Self::Pth => "model.pth",
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let usual = Options::default();
        Self {
            from: None,
            layers: None,
            channels: None,
            head_size: None,
            ffn: None,
            vocab_size: None,
            data: Vec::new(),
            vocab: "auto".to_owned(),
            separator: None,
            held_out: crate::data::HELD_OUT,
            context: 512,
            batch: 8,
            steps: None,
            tokens: None,
            epochs: None,
            seed: 0,
            learning_rate: None,
            learning_rate_last: None,
            warmup: None,
            weight_decay: 0.001,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-18,
            clip: 1.0,
            l2_wrap: true,
            valid_every: 200,
            valid_tokens: 1 << 16,
            log_every: 1,
            save_every: 200,
            export_every: 0,
            export: vec![Export::Safetensors],
            dtype: "f32".to_owned(),
            spike_window: 100,
            spike_sigma: 6.0,
            threads: None,
            rows: usual.rows,
            lanes: usual.lanes,
            recompute: false,
            precision: "f32".to_owned(),
        }
    }
}

/// How long a run is, by whichever of these is given.
const LENGTHS: [&str; 3] = ["steps", "tokens", "epochs"];

/// What may change when a run goes on; anything else would make it another run.
const CHANGEABLE: [&str; 22] = [
    "steps",
    "tokens",
    "epochs",
    "learning-rate",
    "learning-rate-last",
    "warmup",
    "weight-decay",
    "clip",
    "valid-every",
    "valid-tokens",
    "log-every",
    "save-every",
    "export-every",
    "export",
    "dtype",
    "spike-window",
    "spike-sigma",
    "threads",
    "rows",
    "lanes",
    "recompute",
    "precision",
];

impl Config {
    /// Reads the TOML file at `path`.
    ///
    /// # Errors
    /// A file that cannot be read; a key that is unknown, which names the known ones, or a value of another kind, by line.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| FileError::new(path, error))?;
        Self::parse(&text).map_err(|what| Error::Setting(format!("{}{what}", path.display())))
    }

    /// As [`Config::read`] from a text; the error begins behind the file's name.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
            format!("{line}: {}", error.message().replace('\n', ": "))
        })
    }

    /// These settings with those of `changes` instead that it has: a map or struct with the same keys. A length takes the
    /// place of any other length.
    ///
    /// # Errors
    /// An unknown key, a value of another kind.
    pub fn with(&self, changes: &impl Serialize) -> Result<Self, Error> {
        let refused = |error: &dyn std::fmt::Display| Error::Setting(one_line(&error.to_string()));
        let too_large =
            |error| refused(&format_args!("settings: expected whole numbers below 2^63: {error}"));
        let changes = Table::try_from(changes).map_err(too_large)?;
        let mut table = self.table()?;
        if LENGTHS.iter().any(|key| changes.contains_key(*key)) {
            LENGTHS.iter().for_each(|key| drop(table.remove(*key)));
        }
        table.extend(changes);
        table.try_into().map_err(|error: toml::de::Error| refused(&error))
    }

    /// The same with every path from the root, so that the run goes on from any folder.
    ///
    /// # Errors
    /// A working folder that is gone.
    pub fn with_whole_paths(mut self) -> Result<Self, Error> {
        let whole = |path: &mut PathBuf| -> Result<(), Error> {
            *path = std::path::absolute(&*path).map_err(|error| FileError::new(&*path, error))?;
            Ok(())
        };
        self.data.iter_mut().chain(&mut self.from).try_for_each(whole)?;
        if !["auto", "world", "bytes"].contains(&self.vocab.as_str()) {
            let mut path = PathBuf::from(&self.vocab);
            whole(&mut path)?;
            self.vocab = path.to_string_lossy().into_owned(); // both parts were text
        }
        Ok(self)
    }

    /// As TOML, defaults included.
    ///
    /// # Errors
    /// A number beyond what TOML can hold, 2^63.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(|error| Error::Setting(one_line(&error.to_string())))
    }

    /// Writes them to the file at `path`, which names every setting.
    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = format!(
            "# The settings of this run, under the names of the flags of `wkv7 train`.\n{}",
            self.to_toml()?
        );
        Ok(WholeFile::write(path, text.as_bytes())?)
    }

    fn table(&self) -> Result<Table, Error> {
        Table::try_from(self).map_err(|error| Error::Setting(one_line(&error.to_string())))
    }

    /// Refuses settings under which a run that began with `before` would not go on but become another. Files may have moved
    /// to other folders.
    ///
    /// # Errors
    /// Names the setting and both values.
    pub fn goes_on_from(&self, before: &Self) -> Result<(), Error> {
        let (before, now) = (before.without_folders().table()?, self.without_folders().table()?);
        let keys = before.keys().chain(now.keys()).filter(|key| !CHANGEABLE.contains(&key.as_str()));
        for key in keys {
            let [was, is] =
                [&before, &now].map(|table| table.get(key).map_or("none".to_owned(), Value::to_string));
            if was != is {
                let what = format!(
                    "this run began with {key} = {was} and cannot go on with {is}: begin another in a new folder"
                );
                return Err(Error::Setting(what));
            }
        }
        Ok(())
    }

    /// The same with names of files alone.
    fn without_folders(&self) -> Self {
        let name = |path: &Path| PathBuf::from(path.file_name().unwrap_or(path.as_os_str()));
        let mut config = self.clone();
        config.data.iter_mut().chain(&mut config.from).for_each(|path| *path = name(path));
        config.vocab = name(Path::new(&self.vocab)).to_string_lossy().into_owned();
        config
    }

    /// Refuses settings that contradict each other or make no sense.
    ///
    /// # Errors
    /// Names the setting, what was expected, what was found.
    pub fn check(&self) -> Result<(), Error> {
        let refused = |what: String| Err(Error::Setting(what));
        if self.data.is_empty() {
            return refused("no data to train on: give `data`, a binidx pair or files of text".to_owned());
        }
        let sizes = [self.layers, self.channels, self.head_size, self.ffn].iter().any(Option::is_some);
        if self.from.is_some() && sizes {
            return refused("expected either `from` or the sizes of a new model, found both".to_owned());
        }
        if [self.steps.is_some(), self.tokens.is_some(), self.epochs.is_some()]
            .iter()
            .filter(|given| **given)
            .count()
            > 1
        {
            return refused("expected one of `steps`, `tokens` and `epochs`, found more".to_owned());
        }
        if self.context == 0 || self.batch == 0 {
            return refused(format!(
                "expected a context and batch of at least 1, found {} and {}",
                self.context, self.batch
            ));
        }
        for (key, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return refused(format!("{key}: expected a number from 0, below 1, found {beta}"));
            }
        }
        let positive = [
            ("clip", self.clip),
            ("eps", f64::from(self.eps)),
            ("spike-sigma", self.spike_sigma),
            ("epochs", self.epochs.unwrap_or(1.0)),
        ];
        if let Some((key, value)) = positive.into_iter().find(|(_, value)| value.is_nan() || *value <= 0.0) {
            return refused(format!("{key}: expected a number above 0, found {value}"));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return refused(format!("weight-decay: expected a number from 0, found {}", self.weight_decay));
        }
        let counts = [
            ("rows", self.rows),
            ("lanes", self.lanes),
            ("spike-window", self.spike_window),
            ("valid-tokens", self.valid_tokens),
            ("log-every", usize::try_from(self.log_every).unwrap_or(usize::MAX)),
            ("threads", self.threads.unwrap_or(1)),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return refused(format!("{key}: expected at least 1, found 0"));
        }
        self.precision()?;
        self.element().map(drop)
    }

    /// What the factors of products are rounded to.
    pub(super) fn precision(&self) -> Result<Precision, Error> {
        self.precision.parse().map_err(|why| Error::Setting(format!("precision: {why}")))
    }

    /// The element type of the models that are written.
    pub(super) fn element(&self) -> Result<Dtype, Error> {
        let plain = |dtype: &Dtype| [Dtype::F32, Dtype::BF16, Dtype::F16].contains(dtype);
        let refused = || Error::Setting(format!("dtype: expected f32, bf16 or f16, found {:?}", self.dtype));
        self.dtype.parse().ok().filter(plain).ok_or_else(refused)
    }

    /// Tokens of a step.
    #[must_use]
    pub fn tokens_per_step(&self) -> u64 {
        self.context.saturating_mul(self.batch) as u64
    }

    /// Steps of the whole run over a training part of so many tokens, at least one.
    #[must_use]
    pub fn all_steps(&self, training: u64) -> u64 {
        let steps = |tokens: u64| tokens.div_ceil(self.tokens_per_step().max(1)).max(1);
        match (self.steps, self.tokens, self.epochs) {
            (Some(steps), ..) => steps.max(1),
            (_, Some(tokens), _) => steps(tokens),
            (.., epochs) => steps((training as f64 * epochs.unwrap_or(1.0)).ceil() as u64), // saturates
        }
    }

    /// These settings with every default that depends on others decided: on those, on a training part of so many tokens,
    /// and on the model's number of token ids.
    #[must_use]
    pub(super) fn decided(mut self, training: u64, vocab: usize) -> Self {
        if self.from.is_none() {
            let channels = *self.channels.get_or_insert(256);
            self.layers.get_or_insert(6);
            self.head_size.get_or_insert(channels.min(64));
            self.ffn.get_or_insert(channels.saturating_mul(4));
        }
        self.vocab_size.get_or_insert(vocab);
        let steps = self.all_steps(training);
        let rate = *self.learning_rate.get_or_insert(if self.from.is_some() { 1e-5 } else { 6e-4 });
        self.learning_rate_last.get_or_insert(rate / 10.0);
        self.warmup.get_or_insert(10.min(steps / 10));
        if self.steps.is_none() && self.tokens.is_none() {
            self.epochs.get_or_insert(1.0);
        }
        self
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_a_file() {
        let mut config = Config { epochs: Some(2.5), vocab: "bytes".to_owned(), ..Config::default() };
        config.data = vec!["a b.jsonl".into()];
        config.export = vec![Export::Pth, Export::Safetensors];
        let whole = config.decided(1 << 20, 256);
        assert_eq!(Config::parse(&whole.to_toml().expect("TOML")), Ok(whole.clone()));
        assert_eq!(Config::parse(""), Ok(Config::default()));
        // Everything is written but what is not given, of which there must be no default.
        let keys: Vec<String> = whole.table().expect("a table").into_iter().map(|(key, _)| key).collect();
        assert!(
            ["layers", "learning-rate", "warmup", "vocab-size", "clip"]
                .iter()
                .all(|key| keys.contains(&key.to_string()))
        );
        assert!(
            CHANGEABLE
                .iter()
                .all(|key| keys.contains(&key.to_string()) || ["steps", "tokens", "threads"].contains(key))
        );
    }

    #[test]
    fn unknown_keys_are_named_with_the_known_ones() {
        let said = Config::parse("layers = 2\n\nlerning-rate = 1\n").expect_err("unknown");
        assert!(
            said.starts_with(", line 3: unknown field `lerning-rate`") && said.contains("`learning-rate`"),
            "{said}"
        );
        let said = Config::parse("layers = \"two\"").expect_err("a word").to_string();
        assert!(said.starts_with(", line 1: ") && said.contains("two") && !said.contains('\n'), "{said}");
        let changes = Table::from_iter([("lerning-rate".to_owned(), Value::Float(1.0))]);
        let said = Config::default().with(&changes).expect_err("unknown").to_string();
        assert!(said.contains("lerning-rate") && !said.contains('\n'), "{said}");
    }

    #[test]
    fn changes_win_and_one_length_replaces_another() {
        let base = Config { epochs: Some(2.0), clip: 0.5, ..Config::default() };
        let changes = Table::from_iter([
            ("steps".to_owned(), Value::Integer(7)),
            ("clip".to_owned(), Value::Integer(2)),
        ]);
        let config = base.with(&changes).expect("known keys");
        assert_eq!((config.steps, config.epochs, config.clip), (Some(7), None, 2.0));
    }

    #[test]
    fn lengths_are_whole_steps() {
        let config = |steps, tokens, epochs| Config {
            steps,
            tokens,
            epochs,
            context: 10,
            batch: 3,
            ..Config::default()
        };
        let steps = |config: Config| config.all_steps(300);
        assert_eq!([config(None, None, None), config(Some(7), None, None)].map(steps), [10, 7]);
        assert_eq!([config(None, Some(31), None), config(None, None, Some(0.05))].map(steps), [2, 1]);
        assert_eq!(config(None, None, Some(0.05)).decided(300, 256).warmup, Some(0));
    }

    #[test]
    fn another_run_is_refused_and_a_longer_one_is_not() {
        let config = Config::default();
        let longer = Config { steps: Some(9), threads: Some(2), learning_rate: Some(1.0), ..config.clone() };
        assert!(longer.goes_on_from(&config).is_ok());
        let [here, there] =
            ["/here/a.txt", "/there/a.txt"].map(|path| Config { data: vec![path.into()], ..config.clone() });
        assert!(there.goes_on_from(&here).is_ok() && there.goes_on_from(&config).is_err());
        let other = Config { seed: 1, ..config.clone() };
        let said = other.goes_on_from(&config).expect_err("another").to_string();
        assert!(said.contains("seed = 0") && said.contains("with 1"), "{said}");
        let fine = Config { from: Some("m.pth".into()), ..config.clone() };
        assert!(fine.goes_on_from(&config).expect_err("another").to_string().contains("from = none"));
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let good = Config { data: vec!["a".into()], ..Config::default() };
        assert!(good.check().is_ok() && Config::default().check().is_err());
        let bad: [(&str, Config); 8] = [
            ("beta2", Config { beta2: 1.0, ..good.clone() }),
            ("clip", Config { clip: f64::NAN, ..good.clone() }),
            ("weight-decay", Config { weight_decay: -1.0, ..good.clone() }),
            ("dtype", Config { dtype: "q8_0".to_owned(), ..good.clone() }),
            ("precision", Config { precision: "f16".to_owned(), ..good.clone() }),
            ("epochs", Config { epochs: Some(0.0), ..good.clone() }),
            ("rows", Config { rows: 0, ..good.clone() }),
            ("found both", Config { from: Some("m".into()), layers: Some(1), ..good.clone() }),
        ];
        for (named, config) in bad {
            let said = config.check().expect_err(named).to_string();
            assert!(said.contains(named), "{said}");
        }
    }
}
