//! Generation: an iterator of pieces of text.

use std::collections::VecDeque;

use wkv7_tokenizer::StreamDecoder;

use crate::hold::{Certain, Hold};
use crate::session::Snapshot;
use crate::{Error, Sampler, Session};

/// What to generate.
#[derive(Debug, Clone)]
pub struct Generate {
    /// How tokens are chosen.
    pub sampler: Sampler,
    /// Tokens to generate at most.
    pub max_tokens: usize,
    /// Texts at which to stop; none of their text is emitted. Empty ones have no effect.
    pub stop: Vec<String>,
    /// Tokens at which to stop, besides the vocabulary's end of text, which always stops (to go on in spite
    /// of it, ban it in the sampler).
    pub stop_tokens: Vec<u32>,
}

impl Default for Generate {
    /// The official pipeline's sampler, at most 256 tokens, stopping at the end of text.
    fn default() -> Self {
        Self { sampler: Sampler::default(), max_tokens: 256, stop: Vec::new(), stop_tokens: Vec::new() }
    }
}

/// A generated token.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Its id.
    pub token: u32,
    /// The text that became certain with it: whole characters only, so it may be empty, or begin with a
    /// character that an earlier token began. Always empty where the model has no vocabulary.
    pub text: String,
    /// Natural logarithm of the probability that the model gave the token, before any penalty or cut.
    pub log_probability: f32,
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The end of text or another stop token was sampled.
    StopToken(u32),
    /// This stop string (index into [`Generate::stop`]) appeared.
    StopText(usize),
    /// [`Generate::max_tokens`] were generated.
    MaxTokens,
}

/// The pieces of one generation, made as they are asked for.
///
/// # What the session holds
/// Once a generation is over, by its own end or because it was dropped, the session has been fed exactly
/// what was emitted: every piece taken from the iterator, nothing that came after. A stop token is not
/// fed. Where a stop string began inside a token, the emitted beginning of that token's text is fed in
/// tokens of its own. So the next turn of a chat can be fed at once.
///
/// # Errors
/// After an error the iterator ends. An error that occurs while a dropped generation puts the session in
/// order leaves it broken, and the session's next call says so.
#[derive(Debug)]
pub struct Generation<'a> {
    session: &'a mut Session,
    options: Generate,
    hold: Hold,
    ready: VecDeque<Certain>, // not yet taken
    unfed: Option<u32>,       // sampled last
    // The session should hold what it held at `back`, or holds now where that is `None`, and then `taken`.
    back: Option<Snapshot>,
    taken: Vec<u32>,
    silent: Vec<u32>, // tokens without text, which are never sampled
    sampled: usize,
    phase: Phase,
    stop_reason: Option<StopReason>,
}

/// How far a generation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    /// Nothing more is sampled.
    Ending,
    /// The session holds what it should.
    Settled,
}

impl<'a> Generation<'a> {
    pub(crate) fn new(session: &'a mut Session, options: Generate) -> Self {
        let tokenizer = session.model().tokenizer().ok();
        let hold = Hold::new(options.stop.clone(), tokenizer.map(|t| StreamDecoder::new(t.clone())));
        Self {
            session,
            options,
            hold,
            ready: VecDeque::new(),
            unfed: None,
            back: None,
            taken: Vec::new(),
            silent: Vec::new(),
            sampled: 0,
            phase: Phase::New,
            stop_reason: None,
        }
    }

    /// Why the generation ended; `None` while it goes on and after an error.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.stop_reason
    }

    /// The sampler, to go on with it in another generation.
    #[must_use]
    pub fn sampler(&self) -> &Sampler {
        &self.options.sampler
    }

    /// Before the first token: something to continue from, and nothing sampled that nobody can read.
    fn start(&mut self) -> Result<(), Error> {
        let model = self.session.model().clone();
        let tokenizer = model.tokenizer();
        let end = tokenizer.as_ref().ok().and_then(|tokenizer| tokenizer.end_of_text());
        if self.options.stop.iter().any(|stop| !stop.is_empty()) {
            tokenizer?;
        }
        if self.session.logits().is_none() {
            match end {
                Some(end) if self.session.tokens_seen() == 0 => self.session.feed(&[end])?,
                _ => return Err(Error::NothingFed),
            }
        }
        let stops = &self.options.stop_tokens;
        self.silent = model.textless().iter().copied().filter(|id| !stops.contains(id)).collect();
        self.options.stop_tokens.extend(end);
        self.phase = Phase::Running;
        Ok(())
    }

    /// Samples one token and sees what it makes certain.
    fn step(&mut self) -> Result<(), Error> {
        if self.options.max_tokens == 0 {
            self.end(StopReason::MaxTokens);
            return Ok(());
        }
        if self.phase == Phase::New {
            self.start()?;
        }
        self.feed_sampled()?;
        let logits = self.session.logits().ok_or(Error::NothingFed)?;
        let token = self.options.sampler.sample_without(logits, &self.silent)?;
        if self.options.stop_tokens.contains(&token) {
            self.end(StopReason::StopToken(token));
            return Ok(());
        }
        let log_probability = log_probability(logits, token);
        self.sampled += 1;
        self.unfed = Some(token);
        let tokenizer = self.session.model().tokenizer().ok().map(|tokenizer| &**tokenizer);
        self.options.sampler.accept(token, tokenizer);
        let bytes = tokenizer.and_then(|tokenizer| tokenizer.token_bytes(token)).map_or(0, <[u8]>::len);
        let release = self.hold.push(Piece { token, text: String::new(), log_probability }, bytes)?;
        self.ready.extend(release.pieces);
        if let Some(index) = release.stop {
            self.end(StopReason::StopText(index));
        } else if self.sampled == self.options.max_tokens {
            self.end(StopReason::MaxTokens);
        }
        Ok(())
    }

    /// Feeds the token sampled last, with a way back where it was not taken yet.
    fn feed_sampled(&mut self) -> Result<(), Error> {
        let Some(token) = self.unfed else { return Ok(()) };
        match self.hold.len() {
            0 => self.back = None, // it was taken, and with it all before it
            1 => self.back = Some(self.session.snapshot()?), // all before it were taken
            _ => return self.feed_unfed(token), // the way back began earlier
        }
        self.taken.clear();
        self.feed_unfed(token)
    }

    fn feed_unfed(&mut self, token: u32) -> Result<(), Error> {
        self.unfed = None;
        self.session.feed(&[token])
    }

    /// Everything held is certain now.
    fn end(&mut self, reason: StopReason) {
        self.ready.extend(self.hold.finish());
        self.phase = Phase::Ending;
        self.stop_reason = Some(reason);
    }

    /// Hands out a piece and remembers what it feeds.
    fn take(&mut self, certain: Certain) -> Piece {
        let Certain { piece, kept } = certain;
        match kept {
            None => self.taken.push(piece.token),
            Some(kept) => {
                let tokenizer = self.session.model().tokenizer();
                let bytes = tokenizer.as_ref().ok().and_then(|tokenizer| tokenizer.token_bytes(piece.token));
                let beginning = bytes.and_then(|bytes| bytes.get(..kept)).unwrap_or_default();
                // A `tokenizer.json` cannot spell half a character; then it is left out.
                let tokens = self.session.model().encode(beginning).unwrap_or_default();
                self.taken.extend(tokens);
            }
        }
        piece
    }

    /// Leaves the session with exactly what was taken.
    fn settle(&mut self) -> Result<(), Error> {
        self.phase = Phase::Settled;
        let at_text = matches!(self.stop_reason, Some(StopReason::StopText(_)));
        let untaken = self.ready.len() + self.hold.len();
        match self.unfed.take() {
            Some(token) if untaken == 0 && !at_text => self.session.feed(&[token]),
            None if untaken == 0 && !at_text => Ok(()),
            // Only the token sampled last was not taken, and it was not fed.
            Some(_) if untaken == 1 && !at_text => Ok(()),
            _ => {
                if let Some(back) = self.back.take() {
                    self.session.rewind(&back)?;
                }
                self.session.feed(&self.taken)
            }
        }
    }
}

impl Iterator for Generation<'_> {
    type Item = Result<Piece, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(certain) = self.ready.pop_front() {
                return Some(Ok(self.take(certain)));
            }
            let done = match self.phase {
                Phase::New | Phase::Running => self.step(),
                Phase::Ending => self.settle(),
                Phase::Settled => return None,
            };
            if let Err(error) = done {
                if self.phase != Phase::Settled {
                    // A failure while putting the session in order marks it as broken.
                    let _ = self.settle();
                }
                self.stop_reason = None;
                return Some(Err(error));
            }
        }
    }
}

impl Drop for Generation<'_> {
    fn drop(&mut self) {
        if self.phase != Phase::Settled {
            // A failed forward marks the session as broken, and its next call reports that.
            let _ = self.settle();
        }
    }
}

/// ln of the softmax of `logits` at `token`.
fn log_probability(logits: &[f32], token: u32) -> f32 {
    crate::softmax::log_probability(logits, token as usize).unwrap_or(f64::NEG_INFINITY) as f32
}
