//! Perplexity: how well a text is foreseen, token by token.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::record::{About, Digest, Record};
use super::text::Tokens;
use super::{Progress, Watch};
use crate::softmax::log_probability;
use crate::{Error, Model, Session};

/// How to measure perplexity.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct PerplexityOptions {
    /// What the text begins after.
    pub start: Start,
    /// File of JSON lines with the sums so far; the state lies beside it, `.state` added to its name. A later
    /// run over the same text goes on from there.
    pub resume: Option<PathBuf>,
    /// Size of the text in bytes, where known: only passed on to the progress callback.
    pub total_bytes: Option<u64>,
}

/// What a text begins after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// The vocabulary's end of text, as in training; nothing where it has none.
    #[default]
    Auto,
    /// Nothing: the first token is not scored, since nothing forecasts it.
    Nothing,
    /// This token. The text's first token is scored.
    Token(u32),
}

/// How well a text was foreseen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Perplexity {
    /// Tokens that were scored: all of the text, less the first where nothing stood before it.
    pub tokens: u64,
    /// Bytes of the text; 0 where only tokens were given.
    pub bytes: u64,
    /// Mean of -ln p over the scored tokens.
    pub mean_nll: f64,
    /// exp of that.
    pub perplexity: f64,
    /// Sum of -log2 p over the bytes: compares models of different vocabularies. Absent for bare tokens.
    pub bits_per_byte: Option<f64>,
}

/// Sums so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Sums {
    fed: u64,     // tokens of the text
    scored: u64,  // of those
    nll: f64,     // over those
    text: Digest, // of the tokens fed
}

/// Tokens between two savings of a run that can be taken up again.
const SAVE_EVERY: u64 = 16_384;

/// Perplexity of a text, in one pass and in constant memory, whatever its length.
///
/// The state runs through the whole text; nothing is forgotten or read twice.
///
/// # Errors
/// No vocabulary, a text that cannot be read, a record of another text or model, errors of the backend,
/// [`Error::Cancelled`].
pub fn perplexity(
    model: &Model,
    text: impl Read,
    options: &PerplexityOptions,
    watch: &mut Watch<'_, Perplexity>,
) -> Result<Perplexity, Error> {
    let mut tokens = Tokens::new(text, Arc::clone(model.tokenizer()?));
    let mut run = Run::begin(model, options)?;
    let mut bytes = 0;
    while let Some((block, length)) = tokens.next()? {
        run.block(&block, &mut |sums, fed| {
            // Tokens of a block differ in length, but not so much that the eye would see it.
            let done = bytes + length as u64 * fed as u64 / block.len().max(1) as u64;
            let so_far = sums.result(0);
            watch(&Progress { done, total: options.total_bytes, so_far: so_far.as_ref() })
        })?;
        bytes += length as u64;
    }
    run.finish(bytes)
}

/// Perplexity of tokens.
///
/// # Errors
/// A token outside the vocabulary, and those of [`perplexity`].
pub fn perplexity_of_tokens(
    model: &Model,
    tokens: &[u32],
    options: &PerplexityOptions,
) -> Result<Perplexity, Error> {
    let mut run = Run::begin(model, options)?;
    run.block(tokens, &mut |_, _| true)?;
    run.finish(0)
}

/// Tokens whose logits are held at once: 16 MiB of them.
pub(super) fn chunk(model: &Model) -> usize {
    const LOGITS: usize = 4 << 20;
    (LOGITS / model.config().vocab.max(1)).clamp(1, model.info().max_tokens.max(1))
}

/// A measurement under way.
struct Run {
    session: Session,
    sums: Sums,
    skip: u64,      // tokens of the text that an earlier run has fed
    passed: Digest, // of those of them that were passed over
    saved: u64,     // tokens fed when last saved
    record: Record<Sums>,
    state: Option<PathBuf>,
}

impl Run {
    fn begin(model: &Model, options: &PerplexityOptions) -> Result<Self, Error> {
        let start = match options.start {
            Start::Auto => model.tokenizer().ok().and_then(|tokenizer| tokenizer.end_of_text()),
            Start::Nothing => None,
            Start::Token(token) => Some(token),
        };
        let data = start.map_or_else(|| "from nothing".to_owned(), |token| format!("from token {token}"));
        let about = About::of("perplexity", model, data);
        let record: Record<Sums> = Record::open(options.resume.as_deref(), &about)?;
        let state = options.resume.as_deref().map(state_path);
        let mut session = model.session()?;
        let before = session.tokens_seen() + u64::from(start.is_some()); // of the text
        let mut sums = Sums::default();
        match &state {
            Some(path) if path.exists() && record.results(usize::MAX).next().is_some() => {
                session.restore(path)?;
                // The line is written before the state, so the last line may be one too new.
                let fed = session.tokens_seen().saturating_sub(before);
                let found = record.results(usize::MAX).find(|(_, sums)| sums.fed == fed);
                let problem = format!("has no line for the {fed} tokens that its state has seen");
                let missing = || Error::Resume { path: path.clone(), problem };
                sums = *found.ok_or_else(missing)?.1;
            }
            _ => session.feed(start.as_slice())?,
        }
        let (skip, saved, passed) = (sums.fed, sums.fed, Digest::new());
        Ok(Self { session, sums, skip, passed, saved, record, state })
    }

    /// Scores the next tokens of the text, without those that an earlier run has scored; `go_on` is told the
    /// sums and how many of `tokens` are done.
    fn block(&mut self, tokens: &[u32], go_on: &mut dyn FnMut(&Sums, usize) -> bool) -> Result<(), Error> {
        let mut done = usize::try_from(self.skip).map_or(tokens.len(), |skip| skip.min(tokens.len()));
        self.pass_over(&tokens[..done])?;
        let size = chunk(self.session.model());
        for chunk in tokens[done..].chunks(size) {
            self.chunk(chunk)?;
            done += chunk.len();
            if self.sums.fed - self.saved >= SAVE_EVERY {
                self.save()?;
            }
            if !go_on(&self.sums, done) {
                self.save()?;
                return Err(Error::Cancelled);
            }
        }
        Ok(())
    }

    /// Checks that an earlier run has fed these very tokens.
    fn pass_over(&mut self, tokens: &[u32]) -> Result<(), Error> {
        if tokens.is_empty() {
            return Ok(());
        }
        self.skip -= tokens.len() as u64;
        tokens.iter().for_each(|token| self.passed.add(token.to_le_bytes()));
        if self.skip == 0 && self.passed != self.sums.text {
            return Err(self.other_text("begins otherwise"));
        }
        Ok(())
    }

    fn other_text(&self, how: &str) -> Error {
        let path = self.record.path().unwrap_or(Path::new("")).to_owned();
        let problem =
            format!("holds results of another text: after {} tokens, this one {how}", self.sums.fed);
        Error::Resume { path, problem }
    }

    fn chunk(&mut self, tokens: &[u32]) -> Result<(), Error> {
        let Some((&first, others)) = tokens.split_first() else { return Ok(()) };
        if let Some(logits) = self.session.logits() {
            self.sums.add(logits, first);
        }
        let vocab = self.session.model().config().vocab;
        let logits = self.session.feed_all(tokens)?;
        for (logits, &token) in logits.chunks_exact(vocab).zip(others) {
            self.sums.add(logits, token);
        }
        tokens.iter().for_each(|token| self.sums.text.add(token.to_le_bytes()));
        self.sums.fed += tokens.len() as u64;
        Ok(())
    }

    /// Records the sums and the state, if a file was asked for.
    fn save(&mut self) -> Result<(), Error> {
        if let Some(state) = &self.state
            && self.sums.fed > self.saved
        {
            let item = usize::try_from(self.sums.fed).unwrap_or(usize::MAX);
            self.record.add(item, self.sums)?;
            self.session.save(state)?;
            self.saved = self.sums.fed;
        }
        Ok(())
    }

    fn finish(mut self, bytes: u64) -> Result<Perplexity, Error> {
        if self.skip > 0 {
            return Err(self.other_text("has ended"));
        }
        self.save()?;
        self.sums.result(bytes).ok_or(Error::Empty("the text has no token that another one precedes"))
    }
}

impl Sums {
    /// One more token, of which `logits` were the forecast.
    fn add(&mut self, logits: &[f32], token: u32) {
        self.nll -= log_probability(logits, token as usize).unwrap_or(f64::NEG_INFINITY);
        self.scored += 1;
    }

    /// What they say, over `bytes` bytes of text; `None` where nothing was scored.
    fn result(&self, bytes: u64) -> Option<Perplexity> {
        let Self { scored, nll, .. } = *self;
        let mean_nll = nll / scored as f64;
        let bits_per_byte = (bytes > 0).then(|| nll / std::f64::consts::LN_2 / bytes as f64);
        let perplexity = mean_nll.exp();
        (scored > 0).then_some(Perplexity { tokens: scored, bytes, mean_nll, perplexity, bits_per_byte })
    }
}

/// Where the state of a run lies whose sums are at `path`.
fn state_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".state");
    PathBuf::from(name)
}
