//! A long sequence: whether its end is as fast and as small as its beginning.

use std::ops::Range;
use std::time::{Duration, Instant};

use serde::Serialize;
use wkv7::{Model, Session};

use super::measure::Tokens;
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
    /// Speed of the last part over that of the first.
    pub ratio: f64,
}

/// A thousand tokens.
#[derive(Debug, Serialize)]
pub struct Part {
    pub tokens_per_second: f64,
    /// Memory resident at its end.
    pub resident_bytes: Option<u64>,
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
        let tokens_per_second = length as f64 / start.elapsed().as_secs_f64().max(1e-9);
        Ok(Part { tokens_per_second, resident_bytes: memory::resident_bytes() })
    };
    let first = feed(0..PART)?;
    feed(PART..count - PART)?;
    let last = feed(count - PART..count)?;
    let ratio = last.tokens_per_second / first.tokens_per_second;
    Ok(Soak { tokens: count, first, last, ratio })
}

fn chunk(session: &mut Session, tokens: &mut Tokens, count: usize) -> anyhow::Result<()> {
    Ok(session.feed(&tokens.take(count))?)
}
