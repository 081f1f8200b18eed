//! Likelihoods of continuations, many sequences in one forward.

use crate::softmax::{argmax, log_probability};
use crate::{Error, Model, Session, SessionStep, Want};

/// A context and what may follow it.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// Not empty.
    pub context: Vec<u32>,
    /// Each not empty.
    pub options: Vec<Vec<u32>>,
}

/// How well a continuation fits its context.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likelihood {
    /// ln p of all its tokens together.
    pub log_probability: f64,
    /// Whether each of its tokens is the most likely one.
    pub greedy: bool,
}

impl Likelihood {
    const CERTAIN: Self = Self { log_probability: 0.0, greedy: true };

    /// One more token, of which `logits` were the forecast.
    fn add(&mut self, logits: &[f32], token: u32) {
        let token = token as usize;
        self.log_probability += log_probability(logits, token).unwrap_or(f64::NEG_INFINITY);
        self.greedy &= argmax(logits) == Some(token);
    }
}

/// The likelihood of every option of every task. Needs two free slots for each task.
///
/// A context is fed once; its options continue from forks.
pub(super) fn score(model: &Model, tasks: &[Task]) -> Result<Vec<Vec<Likelihood>>, Error> {
    let mut roots: Vec<Session> = tasks.iter().map(|_| model.session()).collect::<Result<_, _>>()?;
    let contexts = roots.iter_mut().zip(tasks).map(|(session, task)| Job::new(session, &task.context));
    run(model, contexts.collect(), Want::Last, |_, _, _| ())?;

    let mut scores: Vec<Vec<Likelihood>> =
        tasks.iter().map(|task| vec![Likelihood::CERTAIN; task.options.len()]).collect();
    let most = tasks.iter().map(|task| task.options.len()).max().unwrap_or(0);
    for index in 0..most {
        let mut forks = Vec::new();
        for ((root, task), scores) in roots.iter().zip(tasks).zip(&mut scores) {
            let Some(option) = task.options.get(index) else { continue };
            if let (Some(&first), Some(logits)) = (option.first(), root.logits()) {
                scores[index].add(logits, first);
            }
            // The last token is only forecast, so a single token needs no further forward.
            if let [fed @ .., _] = option.as_slice()
                && !fed.is_empty()
            {
                forks.push((root.fork()?, option.as_slice(), &mut scores[index]));
            }
        }
        let mut jobs = Vec::new();
        let mut sinks = Vec::new();
        for (session, option, score) in &mut forks {
            jobs.push(Job::new(session, &option[..option.len() - 1]));
            sinks.push((*option, &mut **score));
        }
        run(model, jobs, Want::All, |job, token, logits| {
            let (option, score) = &mut sinks[job];
            score.add(logits, option[token + 1]);
        })?;
    }
    Ok(scores)
}

/// Tokens for one session, fed in several forwards where they must.
struct Job<'a> {
    session: &'a mut Session,
    tokens: &'a [u32],
    fed: usize,
}

impl<'a> Job<'a> {
    fn new(session: &'a mut Session, tokens: &'a [u32]) -> Self {
        Self { session, tokens, fed: 0 }
    }
}

/// Feeds all jobs side by side; `see(job, token, logits)` is shown the logits after every token, if all are
/// wanted. Else each session keeps its last.
fn run(
    model: &Model,
    mut jobs: Vec<Job<'_>>,
    want: Want,
    mut see: impl FnMut(usize, usize, &[f32]),
) -> Result<(), Error> {
    let vocab = model.config().vocab;
    let limit = match want {
        Want::All => super::perplexity::chunk(model),
        _ => model.info().max_tokens.max(1),
    };
    loop {
        let mut room = limit;
        let mut rows = Vec::new(); // (job, token) of each row
        let mut steps = Vec::new();
        for (index, job) in jobs.iter_mut().enumerate() {
            let count = (job.tokens.len() - job.fed).min(room);
            if count == 0 {
                continue;
            }
            let tokens = &job.tokens[job.fed..job.fed + count];
            rows.extend((job.fed..job.fed + count).map(|token| (index, token)));
            steps.push(SessionStep { session: &mut *job.session, tokens, want });
            job.fed += count;
            room -= count;
        }
        if steps.is_empty() {
            return Ok(());
        }
        let answers = model.forward(steps)?;
        if want == Want::All {
            let logits = answers.outputs().logits.chunks_exact(vocab);
            for ((job, token), logits) in rows.into_iter().zip(logits) {
                see(job, token, logits);
            }
        }
    }
}
