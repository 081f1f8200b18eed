//! A model: opened once, shared by its sessions.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};
use std::time::{Duration, Instant};

use wkv7_core::{Batch, Config, ModelInfo, Outputs, State, Step, Want, Weights};
use wkv7_formats::{Checkpoint, Format, state_file};
use wkv7_tokenizer::Tokenizer;

use crate::session::Snapshot;
use crate::vocabulary::{self, Whereabouts};
use crate::{Answers, Error, Options, SamplerOptions, Session, adapters, backends};

/// A loaded model. Cloning shares it; sessions keep it alive; it may be used from any thread.
#[derive(Clone)]
pub struct Model {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Box<dyn wkv7_core::Model>>,
    waiting: AtomicUsize, // for `inner`
    info: ModelInfo,
    weights: Weights,
    source: Option<Source>,
    whereabouts: Whereabouts,
    tokenizer: OnceLock<Result<Arc<dyn Tokenizer>, Arc<wkv7_tokenizer::Error>>>,
    textless: OnceLock<Vec<u32>>,
    start: Option<Snapshot>, // what sessions start from; `None` is all zeros
}

/// Where a model came from and what its file says beside the weights.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Source {
    /// The file or folder; [`crate::BUILT_IN`] for the model inside the library.
    pub path: PathBuf,
    /// How it is stored.
    pub format: Format,
    /// Bytes of all its files.
    pub file_bytes: u64,
    /// Facts that the file states about itself.
    pub metadata: BTreeMap<String, String>,
    /// The chat template inside: text, never run here.
    pub chat_template: Option<String>,
}

/// Tokens for one session of a batch.
#[derive(Debug)]
pub struct SessionStep<'a> {
    /// The session. `&mut`: one batch cannot name it twice.
    pub session: &'a mut Session,
    /// Tokens to feed, each below the vocabulary size.
    pub tokens: &'a [u32],
    /// What to return.
    pub want: Want,
}

impl Model {
    /// Opens the checkpoint at `path`, a file or a folder, whatever its format.
    ///
    /// # Errors
    /// A file that is no RWKV-7 checkpoint, a backend that is not there, an explicitly chosen vocabulary or
    /// initial state that does not fit. A vocabulary that is merely not found is reported by
    /// [`Model::tokenizer`]: the model still runs on tokens.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Self, Error> {
        Self::from_checkpoint(wkv7_formats::open(path)?, options)
    }

    /// Opens the model inside this library, a very small one: it tells little stories in English and knows little else.
    /// Its weights are read where they lie in the program.
    ///
    /// ```
    /// use wkv7::{Generate, Model, Options};
    ///
    /// # #[cfg(not(feature = "built-in"))]
    /// # fn main() {}
    /// # #[cfg(feature = "built-in")]
    /// # fn main() -> Result<(), wkv7::Error> {
    /// let model = Model::built_in(&Options::default())?;
    /// let mut session = model.session()?;
    /// session.feed_text("Once upon a time")?;
    /// for piece in session.generate(Generate { max_tokens: 20, ..Generate::default() }) {
    ///     print!("{}", piece?.text);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NoBuiltIn`] in a build without the feature `built-in`; those of [`Model::open`] after the file was
    /// opened, of what the options ask for.
    pub fn built_in(options: &Options) -> Result<Self, Error> {
        Self::from_checkpoint(crate::built_in()?, options)
    }

    /// A model from a checkpoint that is already open, for instance one in memory
    /// ([`wkv7_formats::from_bytes`]).
    ///
    /// # Errors
    /// Those of [`Model::open`] after the file was opened.
    pub fn from_checkpoint(mut checkpoint: Checkpoint, options: &Options) -> Result<Self, Error> {
        let folder = folder_of(&checkpoint.path);
        let whereabouts = Whereabouts { inside: checkpoint.vocabulary.take(), folder };
        let source = Source::take(&mut checkpoint);
        let weights = checkpoint.weights()?;
        Self::load(weights, None, options, Some(source), whereabouts)
    }

    /// A model from weights that are already there. Without `tokenizer`, the options decide.
    ///
    /// # Errors
    /// Those of [`Model::open`] after reading the file.
    pub fn from_weights(
        weights: Weights,
        tokenizer: Option<Arc<dyn Tokenizer>>,
        options: &Options,
    ) -> Result<Self, Error> {
        Self::load(weights, tokenizer, options, None, Whereabouts::default())
    }

    fn load(
        weights: Weights,
        tokenizer: Option<Arc<dyn Tokenizer>>,
        options: &Options,
        source: Option<Source>,
        whereabouts: Whereabouts,
    ) -> Result<Self, Error> {
        let weights = adapted(weights, options)?;
        let found = match tokenizer {
            Some(given) => Some(given),
            None => vocabulary::chosen(&options.tokenizer, weights.config().vocab)?,
        };
        let start = start(&weights, options)?;
        let begun = Instant::now();
        let inner = backends::load(&options.backend, &weights, &options.load)?;
        let tokenizer = OnceLock::new();
        if let Some(found) = found {
            // The cell is new, so it takes the value.
            let _ = tokenizer.set(Ok(found));
        }
        let info = inner.info().clone();
        let Config { layers, channels, vocab, .. } = info.config;
        log::info!(
            "{}: {layers} layers of {channels} channels, {vocab} tokens, on {} in {:.3} s, {} bytes packed",
            source.as_ref().map_or("weights".into(), |source| source.path.display().to_string()),
            info.backend,
            begun.elapsed().as_secs_f64(),
            info.packed_bytes,
        );
        let (inner, textless) = (Mutex::new(inner), OnceLock::new());
        let waiting = AtomicUsize::new(0);
        let shared =
            Shared { inner, waiting, info, weights, source, whereabouts, tokenizer, textless, start };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A new sequence, from the initial state of the options, else the tuned state inside the checkpoint,
    /// else zeros.
    ///
    /// # Errors
    /// No free slot: [`wkv7_core::LoadOptions::slots`] sessions are open already.
    pub fn session(&self) -> Result<Session, Error> {
        Session::open(self.clone())
    }

    /// Identity, sizes, limits, backend.
    #[must_use]
    pub fn info(&self) -> &ModelInfo {
        &self.shared.info
    }

    /// How the backend computes, what it packed, what it has seen of the weights' sparsity.
    ///
    /// # Errors
    /// [`Error::Poisoned`].
    pub fn report(&self) -> Result<wkv7_core::Report, Error> {
        Ok(self.lock()?.report())
    }

    /// What the device that computes can do at best, measured now for about `time`; `None` where the host's threads
    /// compute, for which there is [`Ceiling`](crate::Ceiling).
    ///
    /// # Errors
    /// [`Error::Poisoned`], those of the device.
    pub fn ceiling(&self, time: Duration) -> Result<Option<wkv7_core::DeviceCeiling>, Error> {
        Ok(self.lock()?.ceiling(time)?)
    }

    /// The sizes.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.info.config
    }

    /// The weights as read.
    #[must_use]
    pub fn weights(&self) -> &Weights {
        &self.shared.weights
    }

    /// Where the model came from; `None` for [`Model::from_weights`].
    #[must_use]
    pub fn source(&self) -> Option<&Source> {
        self.shared.source.as_ref()
    }

    /// The vocabulary, found at the first call.
    ///
    /// # Errors
    /// Why there is none, and the way out.
    pub fn tokenizer(&self) -> Result<&Arc<dyn Tokenizer>, Error> {
        let find = || {
            let found = vocabulary::find(&self.shared.whereabouts, self.config().vocab);
            match &found {
                Ok(tokenizer) => {
                    log::info!("vocabulary {} of {} tokens", tokenizer.name(), tokenizer.vocab())
                }
                Err(error) => log::warn!("no vocabulary: {error}"),
            }
            found.map_err(Arc::new)
        };
        let found = self.shared.tokenizer.get_or_init(find);
        found.as_ref().map_err(|error| Error::NoTokenizer(Arc::clone(error)))
    }

    /// The tokens of `text`.
    ///
    /// # Errors
    /// No vocabulary, or text that it cannot express.
    pub fn encode(&self, text: impl AsRef<[u8]>) -> Result<Vec<u32>, Error> {
        let mut tokens = Vec::new();
        self.tokenizer()?.encode(text.as_ref(), &mut tokens)?;
        Ok(tokens)
    }

    /// The sampler's defaults for this model: the official pipeline's, but without penalties where every
    /// token is a single byte. They are meant for words; letters must come again.
    #[must_use]
    pub fn sampler_options(&self) -> SamplerOptions {
        let usual = SamplerOptions::default();
        let ids = 0..u32::try_from(self.config().vocab).unwrap_or(u32::MAX);
        let is_byte = |tokenizer: &Arc<dyn Tokenizer>| {
            ids.clone().all(|id| tokenizer.token_bytes(id).is_none_or(|bytes| bytes.len() <= 1))
        };
        if self.tokenizer().is_ok_and(is_byte) {
            return SamplerOptions { presence: 0.0, frequency: 0.0, ..usual };
        }
        usual
    }

    /// Ids that stand for no text, except the end of text: the model has logits for them, but nobody can
    /// read them, so they are never sampled. Empty where there is no vocabulary.
    pub(crate) fn textless(&self) -> &[u32] {
        self.shared.textless.get_or_init(|| {
            let Ok(tokenizer) = self.tokenizer() else { return Vec::new() };
            let ids = 0..u32::try_from(self.config().vocab).unwrap_or(u32::MAX);
            let silent = |id: &u32| tokenizer.token_bytes(*id).is_none_or(<[u8]>::is_empty);
            ids.filter(silent).filter(|id| Some(*id) != tokenizer.end_of_text()).collect()
        })
    }

    /// What sessions start from; `None` is all zeros.
    pub(crate) fn start(&self) -> Option<&Snapshot> {
        self.shared.start.as_ref()
    }

    /// The backend's model, for one caller at a time.
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, Box<dyn wkv7_core::Model>>, Error> {
        match self.shared.inner.try_lock() {
            Ok(inner) => return Ok(inner),
            Err(TryLockError::Poisoned(_)) => return Err(Error::Poisoned),
            Err(TryLockError::WouldBlock) => {}
        }
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        let inner = self.shared.inner.lock();
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        inner.map_err(|_| Error::Poisoned)
    }

    /// Lets those who wait for the model have it. The lock goes to whoever is awake: a session that feeds chunk after chunk
    /// would take it again before anyone wakes up, and keep all others out until its prompt ends. Not asked between single
    /// tokens, where waking somebody each time costs more than it is worth.
    pub(crate) fn let_others(&self) {
        if self.shared.waiting.load(Ordering::Relaxed) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Advances many sessions in one forward; returns what each step asked for.
    ///
    /// Every session keeps the logits of its last token, as after [`Session::feed`], if its step wants logits; else it
    /// has none afterwards.
    ///
    /// # Errors
    /// A session of another model, a token outside the vocabulary, more tokens than
    /// [`ModelInfo::max_tokens`]: nothing has changed then. An error of the backend leaves the sessions
    /// without a valid state.
    pub fn forward(&self, mut steps: Vec<SessionStep<'_>>) -> Result<Answers, Error> {
        let mut outputs = Outputs::new();
        let mut inner = self.lock()?;
        let mut parts = Vec::with_capacity(steps.len());
        for step in &mut steps {
            parts.push(Step::new(step.session.slot_mut()?, step.tokens, step.want));
        }
        let batch = Batch::new(&self.shared.info, parts)?;
        let done = inner.forward(&batch, &mut outputs);
        let answers = Answers::new(&batch, self.config(), outputs);
        drop(batch);
        drop(inner);
        if let Err(error) = done {
            for step in steps {
                step.session.fail();
            }
            return Err(error.into());
        }
        let vocab = self.config().vocab;
        for (number, step) in steps.into_iter().enumerate() {
            step.session.advanced(step.tokens.len(), answers.logits(number).rchunks_exact(vocab).next());
        }
        Ok(answers)
    }
}

impl Source {
    fn take(checkpoint: &mut Checkpoint) -> Self {
        Self {
            path: checkpoint.path.clone(),
            format: checkpoint.format,
            file_bytes: checkpoint.file_bytes,
            metadata: std::mem::take(&mut checkpoint.metadata),
            chat_template: checkpoint.chat_template.take(),
        }
    }
}

/// The folder in which a vocabulary may lie: the checkpoint itself, or the one that holds it; `None` for a
/// checkpoint that lies in memory under a mere name.
pub(crate) fn folder_of(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.to_owned());
    }
    if !path.exists() {
        return None;
    }
    let parent = path.parent()?;
    Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
}

/// `weights` with the adapters that were asked for.
fn adapted(weights: Weights, options: &Options) -> Result<Weights, Error> {
    if options.adapters.is_empty() {
        return Ok(weights);
    }
    let tensors = adapters::merge(weights.tensors(), &options.adapters)?;
    Ok(Weights::new(tensors, weights.config().recipe)?)
}

/// What sessions start from.
fn start(weights: &Weights, options: &Options) -> Result<Option<Snapshot>, Error> {
    let tuned = |mut state: State| {
        if options.tuned_state_transposed {
            state.transpose(weights.config());
        }
        Snapshot { state, logits: None, tokens_seen: 0 } // it has seen nothing yet
    };
    match &options.initial_state {
        Some(path) => read_start(path, weights, tuned).map(Some),
        None => Ok(weights.initial_state()?.map(tuned)),
    }
}

/// A state file of this very model, or a tuned state of its sizes.
fn read_start(
    path: &Path,
    weights: &Weights,
    tuned: impl FnOnce(State) -> Snapshot,
) -> Result<Snapshot, Error> {
    let as_state = match Snapshot::load(path, weights.config(), weights.fingerprint()) {
        Ok(snapshot) => return Ok(snapshot),
        Err(foreign @ Error::Core(_)) => return Err(foreign), // it is a state file, but not for this model
        Err(error) => Box::new(error),
    };
    match state_file::load_tuned(path, weights.config()) {
        Ok(state) => Ok(tuned(state)),
        Err(error) => Err(Error::InitialState { as_state, as_tuned: Box::new(error.into()) }),
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("info", &self.shared.info)
            .field("source", &self.shared.source)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_the_backend_is_reported_and_nothing_else_panics() {
        let weights = wkv7_testkit::TinyModel::default().weights();
        let model = Model::from_weights(weights, None, &Options::default()).expect("a model");
        let mut session = model.session().expect("a slot");
        let other = model.clone();
        let panicked = std::thread::spawn(move || {
            let _guard = other.lock();
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert!(matches!(session.feed(&[1]), Err(Error::Poisoned)));
        assert!(matches!(session.state(), Err(Error::Poisoned)));
        assert!(matches!(model.session(), Err(Error::Poisoned)));
        drop(session);
    }

    #[test]
    fn a_file_s_folder_is_known_and_that_of_a_mere_name_is_not() {
        // Tests run in the crate's own folder.
        assert_eq!(folder_of(Path::new("Cargo.toml")), Some(PathBuf::from(".")));
        assert_eq!(folder_of(Path::new("src/lib.rs")), Some(PathBuf::from("src")));
        assert_eq!(folder_of(Path::new("src")), Some(PathBuf::from("src")));
        assert_eq!(folder_of(Path::new("in memory")), None);
    }
}
