//! Long texts into a session, so that Ctrl-C is heard and progress is seen.

use std::time::{Duration, Instant};

use wkv7::Session;

use crate::terminal::{interrupt, progress};

/// Feeds `tokens`; false where Ctrl-C came before the last of them.
pub fn feed(session: &mut Session, tokens: &[u32]) -> anyhow::Result<bool> {
    let (_bar, progress) = progress::tokens("reading");
    let mut pace = Pace::new(session.model().info().max_tokens);
    let mut done = 0;
    while done < tokens.len() {
        if !progress(done as u64, tokens.len() as u64) {
            return Ok(false);
        }
        let chunk = pace.chunk(&tokens[done..]);
        let start = Instant::now();
        session.feed(chunk)?;
        pace.took(chunk.len(), start.elapsed());
        done += chunk.len();
    }
    Ok(!interrupt::asked())
}

/// How many tokens to feed at once: as many as a person who pressed Ctrl-C waits for.
#[derive(Debug)]
pub struct Pace {
    size: usize,
    most: usize,
}

/// How long one chunk should take.
const PATIENCE: Duration = Duration::from_millis(400);

impl Pace {
    /// Begins with few; never more than `most`.
    pub fn new(most: usize) -> Self {
        Self { size: 8, most: most.max(1) }
    }

    /// The beginning of `tokens` that is to be fed next.
    pub fn chunk<'a>(&self, tokens: &'a [u32]) -> &'a [u32] {
        &tokens[..self.size.min(self.most).min(tokens.len())]
    }

    /// Learns from how long `tokens` tokens took.
    pub fn took(&mut self, tokens: usize, time: Duration) {
        let fitting = tokens as f64 * PATIENCE.as_secs_f64() / time.as_secs_f64().max(1e-9);
        // One measurement may be off, so it grows by steps.
        self.size = (fitting as usize).clamp(1, self.size.saturating_mul(4)).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_fit_the_speed() {
        let tokens = vec![0; 5000];
        let mut pace = Pace::new(1024);
        let sizes: Vec<usize> = (0..5)
            .map(|_| {
                let count = pace.chunk(&tokens).len();
                pace.took(count, Duration::from_micros(count as u64));
                count
            })
            .collect();
        assert_eq!(sizes, [8, 32, 128, 512, 1024]);
        pace.took(1024, Duration::from_secs(1024));
        assert_eq!(pace.chunk(&tokens).len(), 1);
        assert_eq!(pace.chunk(&[]).len(), 0);
    }
}
