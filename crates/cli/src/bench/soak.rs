//! A long sequence: whether its end is as fast and as small as its beginning.

use std::ops::Range;
use std::time::{Duration, Instant};

use serde::Serialize;
use wkv7::{Model, Session};

use super::measure::{Speed, Tokens};
use crate::memory;
use crate::terminal::progress;

/// Tokens of the beginning and of the end that are compared.
pub const PART: usize = 1000;
/// Tokens that are fed at once.
const CHUNK: usize = 100;
/// How long another sequence is fed before: a processor that was idle is slow at first.
const WARM_UP: Duration = Duration::from_secs(1);

/// What became of a long sequence.
#[derive(Debug, Serialize)]
pub struct Soak {
    pub tokens: usize,
    pub first: Part,
    pub last: Part,
    /// The first thousand of another sequence, a chunk of which was fed before each chunk of the last thousand.
    pub fresh: Part,
    /// Speed of the last part over that of the fresh one, the median of their chunks: a machine that others use as well is
    /// not as fast at the end as it was at the beginning.
    pub ratio: f64,
}

/// A thousand tokens.
#[derive(Debug, Serialize)]
pub struct Part {
    pub tokens_per_second: f64,
    /// Memory resident at its end; of the last one, before the fresh sequence is there.
    pub resident_bytes: Option<u64>,
}

impl Part {
    fn of(tokens: usize, time: Duration) -> Self {
        let tokens_per_second = tokens as f64 / time.as_secs_f64().max(1e-9);
        Self { tokens_per_second, resident_bytes: memory::resident_bytes() }
    }
}

/// Feeds `count` tokens, at least twice [`PART`], to one sequence.
pub fn run(model: &Model, tokens: &mut Tokens, count: usize) -> anyhow::Result<Soak> {
    let (_bar, progress) = progress::tokens("soaking");
    let mut session = model.session()?;
    let start = Instant::now();
    while start.elapsed() < WARM_UP {
        chunk(&mut session, tokens, CHUNK)?;
    }
    drop(session); // the sequence is another one, in the same place
    let mut session = model.session()?;
    let mut feed = |range: Range<usize>| -> anyhow::Result<Part> {
        let (start, length) = (Instant::now(), range.len());
        for from in range.clone().step_by(CHUNK) {
            progress(from as u64, count as u64);
            chunk(&mut session, tokens, CHUNK.min(range.end - from))?;
        }
        Ok(Part::of(length, start.elapsed()))
    };
    let first = feed(0..PART)?;
    feed(PART..count - PART)?;
    let resident_bytes = memory::resident_bytes();
    let (mut other, mut times) = (model.session()?, Vec::new());
    for done in (0..PART).step_by(CHUNK) {
        progress((count - PART + done) as u64, count as u64);
        times.push((timed(&mut other, tokens)?, timed(&mut session, tokens)?));
    }
    let (fresh, last) = times.iter().copied().unzip::<_, _, Vec<_>, Vec<_>>();
    let [fresh, last] = [fresh, last].map(|times| Part::of(PART, times.iter().sum()));
    let ratios = times.iter().map(|(fresh, last)| fresh.as_secs_f64() / last.as_secs_f64().max(1e-9));
    let ratio = Speed::of(ratios.collect()).median;
    Ok(Soak { tokens: count, first, last: Part { resident_bytes, ..last }, fresh, ratio })
}

/// How long a chunk takes.
fn timed(session: &mut Session, tokens: &mut Tokens) -> anyhow::Result<Duration> {
    let start = Instant::now();
    chunk(session, tokens, CHUNK)?;
    Ok(start.elapsed())
}

fn chunk(session: &mut Session, tokens: &mut Tokens, count: usize) -> anyhow::Result<()> {
    Ok(session.feed(&tokens.take(count))?)
}
