//! The engine of a generation, apart from the session and the sampler that it works with.

use std::collections::VecDeque;

use wkv7_tokenizer::StreamDecoder;

use crate::hold::{Certain, Hold};
use crate::session::Snapshot;
use crate::{Error, Generate, Model, Piece, Sampler, Session, StopReason};

/// A generation that borrows its session and its sampler only for each piece: for hosts that cannot lend them for
/// the whole of it, such as another language's iterator. In Rust, [`Session::generate`] is shorter.
///
/// Between the first piece and [`Generator::finish`] nothing else may advance the session, and every call must get
/// the same one: what it holds afterwards means nothing otherwise.
#[derive(Debug)]
pub struct Generator {
    max_tokens: usize,
    stop_tokens: Vec<u32>,
    stop_text: bool, // there is a stop string
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

impl Generator {
    /// What `options` ask for, from sessions of `model`; their sampler is not used.
    #[must_use]
    pub fn new(model: &Model, options: &Generate) -> Self {
        let tokenizer = model.tokenizer().ok();
        let hold = Hold::new(options.stop.clone(), tokenizer.map(|t| StreamDecoder::new(t.clone())));
        Self {
            max_tokens: options.max_tokens,
            stop_tokens: options.stop_tokens.clone(),
            stop_text: options.stop.iter().any(|stop| !stop.is_empty()),
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

    /// The next piece, `None` once the generation is over.
    ///
    /// # Errors
    /// Those of [`Session::feed`] and [`Sampler::sample`], [`Error::NothingFed`], [`Error::Cancelled`]; the generation
    /// is over then.
    pub fn next(&mut self, session: &mut Session, sampler: &mut Sampler) -> Option<Result<Piece, Error>> {
        loop {
            if let Some(certain) = self.ready.pop_front() {
                return Some(Ok(self.take(session, certain)));
            }
            let done = match self.phase {
                Phase::New | Phase::Running => self.step(session, sampler),
                Phase::Ending => self.settle(session),
                Phase::Settled => return None,
            };
            if let Err(error) = done {
                // A failure while putting the session in order marks it as broken.
                let _ = self.finish(session);
                self.stop_reason = None;
                return Some(Err(error));
            }
        }
    }

    /// Ends the generation here, if it is not over: the session then holds exactly what was taken.
    ///
    /// # Errors
    /// Those of [`Session::feed`]; the session is broken then.
    pub fn finish(&mut self, session: &mut Session) -> Result<(), Error> {
        if self.phase == Phase::Settled { Ok(()) } else { self.settle(session) }
    }

    /// Takes a piece back that is no longer needed, so that the next one needs no memory of its own.
    pub fn recycle(&mut self, piece: Piece) {
        self.hold.recycle(piece.text);
    }

    /// Tokens sampled so far, those held back among them; a stop token is not counted.
    #[must_use]
    pub fn sampled(&self) -> usize {
        self.sampled
    }

    /// Why the generation ended; `None` while it goes on and after an error.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.stop_reason
    }

    /// Before the first token: something to continue from, and nothing sampled that nobody can read.
    fn start(&mut self, session: &mut Session) -> Result<(), Error> {
        let model = session.model().clone();
        let tokenizer = model.tokenizer();
        let end = tokenizer.as_ref().ok().and_then(|tokenizer| tokenizer.end_of_text());
        if self.stop_text {
            tokenizer?;
        }
        if session.logits().is_none() {
            match end {
                Some(end) if session.tokens_seen() == 0 => session.feed(&[end])?,
                _ => return Err(Error::NothingFed),
            }
        }
        let stops = &self.stop_tokens;
        self.silent = model.textless().iter().copied().filter(|id| !stops.contains(id)).collect();
        self.stop_tokens.extend(end);
        self.phase = Phase::Running;
        Ok(())
    }

    /// Samples one token and sees what it makes certain.
    fn step(&mut self, session: &mut Session, sampler: &mut Sampler) -> Result<(), Error> {
        if self.max_tokens == 0 {
            self.end(StopReason::MaxTokens);
            return Ok(());
        }
        session.cancel().check()?;
        if self.phase == Phase::New {
            self.start(session)?;
        }
        self.feed_sampled(session)?;
        let logits = session.logits().ok_or(Error::NothingFed)?;
        let token = sampler.sample_without(logits, &self.silent)?;
        if self.stop_tokens.contains(&token) {
            self.end(StopReason::StopToken(token));
            return Ok(());
        }
        let log_probability = log_probability(logits, token);
        self.sampled += 1;
        self.unfed = Some(token);
        let tokenizer = session.model().tokenizer().ok().map(|tokenizer| &**tokenizer);
        sampler.accept(token, tokenizer);
        let bytes = tokenizer.and_then(|tokenizer| tokenizer.token_bytes(token)).map_or(0, <[u8]>::len);
        let stop = self.hold.push(token, log_probability, bytes, &mut self.ready)?;
        if let Some(index) = stop {
            self.end(StopReason::StopText(index));
        } else if self.sampled == self.max_tokens {
            self.end(StopReason::MaxTokens);
        }
        Ok(())
    }

    /// Feeds the token sampled last, with a way back where it was not taken yet.
    fn feed_sampled(&mut self, session: &mut Session) -> Result<(), Error> {
        let Some(token) = self.unfed else { return Ok(()) };
        match self.hold.len() {
            0 => self.back = None,                       // it was taken, and with it all before it
            1 => self.back = Some(session.snapshot()?),  // all before it were taken
            _ => return self.feed_unfed(session, token), // the way back began earlier
        }
        self.taken.clear();
        self.feed_unfed(session, token)
    }

    fn feed_unfed(&mut self, session: &mut Session, token: u32) -> Result<(), Error> {
        self.unfed = None;
        session.feed_regardless(&[token]) // to be cancelled before it was sampled, or after
    }

    /// Everything held is certain now.
    fn end(&mut self, reason: StopReason) {
        self.hold.finish(&mut self.ready);
        self.phase = Phase::Ending;
        self.stop_reason = Some(reason);
    }

    /// Hands out a piece and remembers what it feeds.
    fn take(&mut self, session: &Session, certain: Certain) -> Piece {
        let Certain { piece, kept } = certain;
        match kept {
            None => self.taken.push(piece.token),
            Some(kept) => {
                let tokenizer = session.model().tokenizer();
                let bytes = tokenizer.as_ref().ok().and_then(|tokenizer| tokenizer.token_bytes(piece.token));
                let beginning = bytes.and_then(|bytes| bytes.get(..kept)).unwrap_or_default();
                // A `tokenizer.json` cannot spell half a character; then it is left out.
                let tokens = session.model().encode(beginning).unwrap_or_default();
                self.taken.extend(tokens);
            }
        }
        piece
    }

    /// Leaves the session with exactly what was taken.
    fn settle(&mut self, session: &mut Session) -> Result<(), Error> {
        self.phase = Phase::Settled;
        let at_text = matches!(self.stop_reason, Some(StopReason::StopText(_)));
        let untaken = self.ready.len() + self.hold.len();
        match self.unfed.take() {
            Some(token) if untaken == 0 && !at_text => session.feed_regardless(&[token]),
            None if untaken == 0 && !at_text => Ok(()),
            // Only the token sampled last was not taken, and it was not fed.
            Some(_) if untaken == 1 && !at_text => Ok(()),
            _ => {
                if let Some(back) = self.back.take() {
                    session.rewind(&back)?;
                }
                session.feed_regardless(&self.taken)
            }
        }
    }
}

/// ln of the softmax of `logits` at `token`.
fn log_probability(logits: &[f32], token: u32) -> f32 {
    crate::softmax::log_probability(logits, token as usize).unwrap_or(f64::NEG_INFINITY) as f32
}
