//! A session: one sequence of tokens and all that it remembers.

use std::path::Path;

use wkv7_core::{Batch, Config, Fingerprint, Outputs, Slot, State, Step, Top, Want};
use wkv7_formats::state_file::StateFile;

use crate::{Cancel, Error, Generate, Generation, Model};

/// One sequence. Dropping it frees its slot.
///
/// After an error of the backend the state means nothing: every call then answers [`Error::Broken`] until
/// [`Session::reset`], [`Session::set_state`] or [`Session::restore`].
#[derive(Debug)]
pub struct Session {
    model: Model,
    slot: Option<Slot>, // taken only while dropping
    outputs: Outputs,   // of the last forward
    has_logits: bool,   // those in the outputs are of the last token
    tokens_seen: u64,
    broken: bool,
    cancel: Cancel,
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
        let (slot, cancel) = (Some(slot), Cancel::default());
        let (outputs, has_logits, tokens_seen, broken) = (Outputs::new(), false, 0, false);
        let mut session = Self { model, slot, outputs, has_logits, tokens_seen, broken, cancel };
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

    /// The flag that stops this session from any thread: what is fed stops between two forwards, what is generated
    /// before its next token.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Feeds tokens, in as many forwards as they need, and keeps the logits of the last.
    ///
    /// # Errors
    /// A token outside the vocabulary (nothing is fed then), or an error of the backend. [`Error::Cancelled`] between
    /// two forwards: [`Session::tokens_seen`] tells how far it came, and the session goes on from there.
    pub fn feed(&mut self, tokens: &[u32]) -> Result<(), Error> {
        self.feed_for(tokens, Want::Last, true)
    }

    /// As [`Session::feed`], but nobody can cancel it: for the few tokens that put a session in order.
    pub(crate) fn feed_regardless(&mut self, tokens: &[u32]) -> Result<(), Error> {
        self.feed_for(tokens, Want::Last, false)
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
        self.feed_for(tokens, Want::Top(count), true)?;
        Ok(if tokens.is_empty() { Vec::new() } else { self.outputs.tops.clone() })
    }

    /// Feeds tokens and returns the hidden state after the last, `[channels]`: the output of the last norm, which the
    /// head makes logits of, and which stands for all that was fed. Empty without tokens.
    ///
    /// No logits are computed, so the session has none afterwards, as after [`Session::feed_top`].
    ///
    /// # Errors
    /// Those of [`Session::feed`].
    pub fn embed(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Error> {
        self.feed_for(tokens, Want::Hidden, true)?;
        Ok(if tokens.is_empty() { Vec::new() } else { self.outputs.hidden.clone() })
    }

    /// Feeds tokens; what is wanted after the last is then in the outputs.
    fn feed_for(&mut self, tokens: &[u32], want: Want, may_cancel: bool) -> Result<(), Error> {
        self.check(tokens)?;
        let most = self.model.info().max_tokens.max(1);
        let mut chunks = tokens.chunks(most).peekable();
        while let Some(chunk) = chunks.next() {
            if may_cancel {
                self.cancel.check()?;
            }
            let more = chunks.peek().is_some();
            self.forward(chunk, if more { Want::Nothing } else { want })?;
            if more {
                self.model.let_others();
            }
        }
        Ok(())
    }

    /// One forward of checked tokens, no more than it takes. Takes no memory that an earlier one has not taken.
    fn forward(&mut self, tokens: &[u32], want: Want) -> Result<(), Error> {
        self.slot()?;
        let model = self.model.clone();
        let mut inner = model.lock()?;
        let mut outputs = std::mem::take(&mut self.outputs); // and back before anything can fail
        let step = Step::new(self.slot_mut()?, tokens, want);
        let done = Batch::one(model.info(), step).and_then(|batch| inner.forward(&batch, &mut outputs));
        drop(inner);
        self.outputs = outputs;
        self.has_logits = false;
        if let Err(error) = done {
            self.fail();
            return Err(error.into());
        }
        self.has_logits = want == Want::Last;
        self.tokens_seen = self.tokens_seen.saturating_add(tokens.len() as u64);
        Ok(())
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
        let (most, vocab) = (self.model.info().max_tokens.max(1), self.model.config().vocab);
        let mut logits = Vec::new();
        for (number, chunk) in tokens.chunks(most).enumerate() {
            self.cancel.check()?;
            if number > 0 {
                self.model.let_others();
            }
            self.forward(chunk, Want::All)?;
            let own = &mut self.outputs.logits;
            logits.extend_from_slice(own);
            own.drain(..own.len().saturating_sub(vocab)); // those of the last token stay
            self.has_logits = true;
        }
        Ok(logits)
    }

    /// The logits after the last token, `[vocab]`; `None` where none was fed yet or none were asked for.
    #[must_use]
    pub fn logits(&self) -> Option<&[f32]> {
        self.has_logits.then_some(self.outputs.logits.as_slice())
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
        (self.broken, self.has_logits, self.tokens_seen) = (false, false, tokens_seen);
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
        let (slot, outputs, cancel) = (Some(to), Outputs::new(), Cancel::default());
        let (model, tokens_seen) = (self.model.clone(), self.tokens_seen);
        let mut fork = Self { model, slot, outputs, has_logits: false, tokens_seen, broken: false, cancel };
        fork.keep_logits(self.logits());
        Ok(fork)
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

    /// This moment as a value: the state, the last logits, the number of tokens, the model's fingerprint.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn state_file(&self) -> Result<StateFile, Error> {
        let Snapshot { state, logits, tokens_seen } = self.snapshot()?;
        Ok(StateFile { state, fingerprint: self.model.info().fingerprint, tokens_seen, logits })
    }

    /// Continues from a moment of this model.
    ///
    /// # Errors
    /// One of another model, with both fingerprints in the message; the session is as before then.
    pub fn set_state_file(&mut self, file: &StateFile) -> Result<(), Error> {
        file.check(self.model.config(), self.model.info().fingerprint)?;
        self.set_state(&file.state, file.tokens_seen)?;
        self.keep_logits(file.logits.as_deref());
        Ok(())
    }

    /// Writes [`Session::state_file`].
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        Ok(self.state_file()?.save(self.model.config(), path.as_ref())?)
    }

    /// Continues from a state file.
    ///
    /// # Errors
    /// A file of another model, with both fingerprints in the message; the session is as before then.
    pub fn restore(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.set_state_file(&StateFile::load(path)?)
    }

    /// Generates from here: an iterator of pieces.
    ///
    /// See [`Generation`] for what the session holds afterwards.
    pub fn generate(&mut self, options: Generate) -> Generation<'_> {
        Generation::new(self, options)
    }

    /// This moment, to come back to.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, Error> {
        Ok(Snapshot {
            state: self.state()?,
            logits: self.logits().map(<[f32]>::to_vec),
            tokens_seen: self.tokens_seen,
        })
    }

    /// Goes back to `snapshot`.
    pub(crate) fn rewind(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.set_state(&snapshot.state, snapshot.tokens_seen)?;
        self.keep_logits(snapshot.logits.as_deref());
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
        self.has_logits = false;
    }

    /// A forward fed `tokens` tokens; `logits` are those of the last, if they were asked for.
    pub(crate) fn advanced(&mut self, tokens: usize, logits: Option<&[f32]>) {
        if tokens == 0 {
            return;
        }
        self.tokens_seen = self.tokens_seen.saturating_add(tokens as u64);
        self.keep_logits(logits);
    }

    /// Keeps a copy of the logits of the last token, if there are any.
    fn keep_logits(&mut self, logits: Option<&[f32]>) {
        self.has_logits = logits.is_some();
        if let Some(logits) = logits {
            self.outputs.logits.clear();
            self.outputs.logits.extend_from_slice(logits);
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
