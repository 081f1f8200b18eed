//! A session: one sequence of tokens and all that it remembers.

use std::path::Path;

use wkv7_core::{Config, Fingerprint, Outputs, Slot, State, Top, Want};
use wkv7_formats::state_file::StateFile;

use crate::{Error, Generate, Generation, Model, SessionStep};

/// One sequence. Dropping it frees its slot.
///
/// After an error of the backend the state means nothing: every call then answers [`Error::Broken`] until
/// [`Session::reset`], [`Session::set_state`] or [`Session::restore`].
#[derive(Debug)]
pub struct Session {
    model: Model,
    slot: Option<Slot>, // taken only while dropping
    logits: Option<Vec<f32>>,
    tokens_seen: u64,
    broken: bool,
}

/// A sequence at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub state: State,
    pub logits: Option<Vec<f32>>, // [vocab]
    pub tokens_seen: u64,
}

impl Snapshot {
    /// Reads a state file; [`Error::Core`] where it is one, but of another model.
    pub fn load(path: &Path, config: &Config, fingerprint: Fingerprint) -> Result<Self, Error> {
        let file = StateFile::load(path)?;
        file.check(config, fingerprint)?;
        Ok(Self { state: file.state, logits: file.logits, tokens_seen: file.tokens_seen })
    }
}

impl Session {
    pub(crate) fn open(model: Model) -> Result<Self, Error> {
        let slot = model.lock()?.open_slot()?;
        let mut session = Self { model, slot: Some(slot), logits: None, tokens_seen: 0, broken: false };
        if let Some(start) = session.model.start().cloned() {
            session.rewind(&start)?;
        }
        Ok(session)
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Feeds tokens, in as many forwards as they need, and keeps the logits of the last.
    ///
    /// # Errors
    /// A token outside the vocabulary (nothing is fed then), or an error of the backend.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<(), Error> {
        self.feed_for(tokens, Want::Last).map(drop)
    }

    /// Feeds tokens and returns the `count` largest logits after the last with their probabilities, by falling logit,
    /// equal ones by rising id; all where the vocabulary has fewer, none without tokens.
    ///
    /// A GPU then returns a few hundred bytes instead of all logits. So the session has none afterwards:
    /// [`Session::logits`] is `None`, and [`Session::generate`] needs a [`Session::feed`] before it.
    ///
    /// # Errors
    /// Those of [`Session::feed`].
    pub fn feed_top(&mut self, tokens: &[u32], count: usize) -> Result<Vec<Top>, Error> {
        Ok(self.feed_for(tokens, Want::Top(count))?.tops)
    }

    /// Feeds tokens and returns the hidden state after the last, `[channels]`: the output of the last norm, which the
    /// head makes logits of, and which stands for all that was fed. Empty without tokens.
    ///
    /// No logits are computed, so the session has none afterwards, as after [`Session::feed_top`].
    ///
    /// # Errors
    /// Those of [`Session::feed`].
    pub fn embed(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Error> {
        Ok(self.feed_for(tokens, Want::Hidden)?.hidden)
    }

    /// Feeds tokens and returns what is wanted after the last.
    fn feed_for(&mut self, tokens: &[u32], want: Want) -> Result<Outputs, Error> {
        self.check(tokens)?;
        let model = self.model.clone();
        let mut outputs = Outputs::new();
        let mut chunks = tokens.chunks(model.info().max_tokens.max(1)).peekable();
        while let Some(chunk) = chunks.next() {
            let want = if chunks.peek().is_some() { Want::Nothing } else { want };
            let step = SessionStep { session: self, tokens: chunk, want };
            outputs = model.forward(vec![step])?.into_outputs();
        }
        Ok(outputs)
    }

    /// Feeds text; returns the number of its tokens.
    ///
    /// # Errors
    /// Those of [`Model::encode`] and [`Session::feed`].
    pub fn feed_text(&mut self, text: &str) -> Result<usize, Error> {
        let tokens = self.model.encode(text)?;
        self.feed(&tokens)?;
        Ok(tokens.len())
    }

    /// Feeds tokens and returns the logits after each: `[tokens, vocab]`.
    ///
    /// # Errors
    /// Those of [`Session::feed`].
    pub fn feed_all(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Error> {
        self.check(tokens)?;
        let model = self.model.clone();
        let mut logits = Vec::new();
        for chunk in tokens.chunks(model.info().max_tokens.max(1)) {
            let step = SessionStep { session: self, tokens: chunk, want: Want::All };
            logits.extend(model.forward(vec![step])?.into_outputs().logits);
        }
        Ok(logits)
    }

    /// The logits after the last token, `[vocab]`; `None` where none was fed yet or none were asked for.
    #[must_use]
    pub fn logits(&self) -> Option<&[f32]> {
        self.logits.as_deref()
    }

    /// Tokens fed since the sequence began.
    #[must_use]
    pub fn tokens_seen(&self) -> u64 {
        self.tokens_seen
    }

    /// All that the sequence remembers.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn state(&self) -> Result<State, Error> {
        let slot = self.slot()?;
        Ok(self.model.lock()?.read_state(slot)?)
    }

    /// Replaces all that the sequence remembers. The logits are forgotten.
    ///
    /// # Errors
    /// A state of other sizes; the session is as before then.
    pub fn set_state(&mut self, state: &State, tokens_seen: u64) -> Result<(), Error> {
        state.check(self.model.config())?;
        let slot = self.slot.as_mut().ok_or(Error::Broken)?;
        self.broken = true; // until the write has succeeded
        self.model.lock()?.write_state(slot, state)?;
        (self.broken, self.logits, self.tokens_seen) = (false, None, tokens_seen);
        Ok(())
    }

    /// Goes back to where new sessions of this model start.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn reset(&mut self) -> Result<(), Error> {
        match self.model.start().cloned() {
            Some(start) => self.rewind(&start),
            None => self.set_state(&State::zeros(self.model.config()), 0),
        }
    }

    /// A second session that continues from here on its own.
    ///
    /// # Errors
    /// No free slot, or an error of the backend.
    pub fn fork(&self) -> Result<Self, Error> {
        let from = self.slot()?;
        let mut inner = self.model.lock()?;
        let mut to = inner.open_slot()?;
        if let Err(error) = inner.copy_state(from, &mut to) {
            inner.close_slot(to);
            return Err(error.into());
        }
        drop(inner);
        let (model, logits) = (self.model.clone(), self.logits.clone());
        Ok(Self { model, slot: Some(to), logits, tokens_seen: self.tokens_seen, broken: false })
    }

    /// A session of `model` that continues from here, on another backend or device with the same weights. This one stays.
    ///
    /// # Errors
    /// A model of other weights, with both fingerprints in the message; no free slot; an error of a backend.
    pub fn to(&self, model: &Model) -> Result<Self, Error> {
        let (want, found) = (model.info().fingerprint, self.model.info().fingerprint);
        if want != found {
            return Err(wkv7_core::Error::ForeignState { want, found }.into());
        }
        let snapshot = self.snapshot()?;
        let mut session = model.session()?;
        session.rewind(&snapshot)?;
        Ok(session)
    }

    /// Writes a state file: the state, the last logits, the number of tokens, the model's fingerprint.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let Snapshot { state, logits, tokens_seen } = self.snapshot()?;
        let fingerprint = self.model.info().fingerprint;
        let file = StateFile { state, fingerprint, tokens_seen, logits };
        Ok(file.save(self.model.config(), path.as_ref())?)
    }

    /// Continues from a state file.
    ///
    /// # Errors
    /// A file of another model, with both fingerprints in the message; the session is as before then.
    pub fn restore(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let info = self.model.info();
        let snapshot = Snapshot::load(path.as_ref(), &info.config, info.fingerprint)?;
        self.rewind(&snapshot)
    }

    /// Generates from here: an iterator of pieces.
    ///
    /// See [`Generation`] for what the session holds afterwards.
    pub fn generate(&mut self, options: Generate) -> Generation<'_> {
        Generation::new(self, options)
    }

    /// This moment, to come back to.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, Error> {
        Ok(Snapshot { state: self.state()?, logits: self.logits.clone(), tokens_seen: self.tokens_seen })
    }

    /// Goes back to `snapshot`.
    pub(crate) fn rewind(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.set_state(&snapshot.state, snapshot.tokens_seen)?;
        self.logits.clone_from(&snapshot.logits);
        Ok(())
    }

    /// The slot, if its state is valid.
    fn slot(&self) -> Result<&Slot, Error> {
        if self.broken { Err(Error::Broken) } else { self.slot.as_ref().ok_or(Error::Broken) }
    }

    /// The slot, if its state is valid.
    pub(crate) fn slot_mut(&mut self) -> Result<&mut Slot, Error> {
        if self.broken { Err(Error::Broken) } else { self.slot.as_mut().ok_or(Error::Broken) }
    }

    /// A forward failed: the state is unspecified.
    pub(crate) fn fail(&mut self) {
        self.broken = true;
        self.logits = None;
    }

    /// A forward fed `tokens` tokens; `logits` are those of the last, if they were asked for.
    pub(crate) fn advanced(&mut self, tokens: usize, logits: Option<&[f32]>) {
        if tokens == 0 {
            return;
        }
        self.tokens_seen = self.tokens_seen.saturating_add(tokens as u64);
        match (logits, &mut self.logits) {
            (Some(new), Some(old)) if old.len() == new.len() => old.copy_from_slice(new),
            (new, old) => *old = new.map(<[f32]>::to_vec),
        }
    }

    /// Refuses a bad token before any of them changes the state.
    fn check(&self, tokens: &[u32]) -> Result<(), Error> {
        let vocab = self.model.config().vocab;
        match tokens.iter().find(|&&token| token as usize >= vocab) {
            Some(&token) => Err(wkv7_core::Error::TokenOutOfRange { token, vocab }.into()),
            None => Ok(()),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // After a panic in the backend its slots are past saving; they go when the model goes.
        if let (Some(slot), Ok(mut inner)) = (self.slot.take(), self.model.lock()) {
            inner.close_slot(slot);
        }
    }
}
