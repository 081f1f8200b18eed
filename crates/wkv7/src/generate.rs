//! Generation: an iterator of pieces of text.

use crate::{Error, Generator, Sampler, Session};

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
/// order leaves it broken, and the session's next call says so. A cancelled generation ends with
/// [`Error::Cancelled`] before its next token, in the same order.
#[derive(Debug)]
pub struct Generation<'a> {
    session: &'a mut Session,
    sampler: Sampler,
    generator: Generator,
}

impl<'a> Generation<'a> {
    pub(crate) fn new(session: &'a mut Session, options: Generate) -> Self {
        let generator = Generator::new(session.model(), &options);
        Self { session, sampler: options.sampler, generator }
    }

    /// Why the generation ended; `None` while it goes on and after an error.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.generator.stop_reason()
    }

    /// The sampler, to go on with it in another generation.
    #[must_use]
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }
}

impl Iterator for Generation<'_> {
    type Item = Result<Piece, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.generator.next(self.session, &mut self.sampler)
    }
}

impl Drop for Generation<'_> {
    fn drop(&mut self) {
        // A failed forward marks the session as broken, and its next call reports that.
        let _ = self.generator.finish(self.session);
    }
}
