//! Batches: many sessions in one forward.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use wkv7::{Answers, Model, SessionStep, Want};

use crate::args;
use crate::call::{Fault, run};
use crate::model::wkv7_model;
use crate::sampler::locked;
use crate::session::{self, wkv7_session};
use crate::status::wkv7_status;

/// Steps of many sessions that share every weight that is read. For one thread at a time. It keeps its model, and its
/// sessions until it is cleared.
pub struct wkv7_batch {
    model: Model,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    steps: Vec<Step>,
    answers: Answers,
}

struct Step {
    session: Arc<session::Shared>,
    tokens: Vec<u32>,
    want: Want,
}

/// What a step asks for.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum wkv7_want {
    /// Nothing: only the state matters.
    WKV7_WANT_NOTHING = 0,
    /// The logits after the step's last token.
    WKV7_WANT_LAST = 1,
    /// The logits after each of the step's tokens.
    WKV7_WANT_ALL = 2,
    /// The hidden state after the step's last token.
    WKV7_WANT_HIDDEN = 3,
}

/// An empty batch for sessions of `model`.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_batch_new(model: *const wkv7_model, batch: *mut *mut wkv7_batch) -> wkv7_status {
    run(|| {
        let model = c!(shared(model, "model"))?.0.clone();
        c!(give(batch, "batch", wkv7_batch { model, inner: Mutex::default() }))
    })
}

/// Frees a batch; NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_batch_free(batch: *mut wkv7_batch) {
    c!(release(batch));
}

/// Adds a step: `count` tokens for a session that is not in the batch yet. `want` is one of wkv7_want. The tokens are
/// copied. Steps are numbered from 0 in the order in which they are added.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_batch_add(
    batch: *mut wkv7_batch,
    session: *mut wkv7_session,
    tokens: *const u32,
    count: usize,
    want: i32,
) -> wkv7_status {
    run(|| {
        let batch = c!(shared(batch, "batch"))?;
        let session = Arc::clone(&c!(shared(session, "session"))?.0);
        let tokens = c!(slice(tokens, count, "tokens"))?.to_vec();
        let want = match want {
            0 => Want::Nothing,
            1 => Want::Last,
            2 => Want::All,
            3 => Want::Hidden,
            _ => return Err(Fault::argument("want", format!("{want} is not one of wkv7_want"))),
        };
        let mut inner = locked(&batch.inner, "batch")?;
        if inner.steps.iter().any(|step| Arc::ptr_eq(&step.session, &session)) {
            return Err(Fault::argument("session", "it is in the batch already"));
        }
        inner.steps.push(Step { session, tokens, want });
        Ok(())
    })
}

/// Advances every session of the batch in one forward. Each then also has the logits of its last token, unless its step
/// wants others. Running it again feeds the same tokens again.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_batch_run(batch: *mut wkv7_batch) -> wkv7_status {
    run(|| {
        let batch = c!(shared(batch, "batch"))?;
        let mut inner = locked(&batch.inner, "batch")?;
        let Inner { steps, answers } = &mut *inner;
        *answers = Answers::default();
        let begun = Instant::now();
        let mut sessions = steps.iter().map(|step| step.session.lock()).collect::<Result<Vec<_>, _>>()?;
        let pairs = sessions.iter_mut().zip(&*steps);
        let forward = pairs.map(|(locked, step)| {
            let (tokens, want) = (step.tokens.as_slice(), step.want);
            SessionStep { session: &mut locked.session, tokens, want }
        });
        *answers = batch.model.forward(forward.collect())?;
        for (step, session) in steps.iter().zip(&mut sessions) {
            session.stats.fed(step.tokens.len() as u64, begun);
        }
        Ok(())
    })
}

/// The logits that step number `step` asked for, [rows, vocab]: `*count` numbers. A view, which lives until the batch is
/// run, cleared or freed.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_batch_logits(
    batch: *const wkv7_batch,
    step: usize,
    logits: *mut *const f32,
    count: *mut usize,
) -> wkv7_status {
    view(batch, step, logits, count, Answers::logits)
}

/// The hidden state that step number `step` asked for, [channels]: `*count` numbers. A view, as wkv7_batch_logits()
/// gives.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_batch_hidden(
    batch: *const wkv7_batch,
    step: usize,
    hidden: *mut *const f32,
    count: *mut usize,
) -> wkv7_status {
    view(batch, step, hidden, count, Answers::hidden)
}

fn view(
    batch: *const wkv7_batch,
    step: usize,
    values: *mut *const f32,
    count: *mut usize,
    find: impl FnOnce(&Answers, usize) -> &[f32],
) -> wkv7_status {
    run(|| {
        let batch = c!(shared(batch, "batch"))?;
        args::place(values, "values")?;
        let inner = locked(&batch.inner, "batch")?;
        if step >= inner.steps.len() {
            let steps = inner.steps.len();
            return Err(Fault::argument("step", format!("{step} of a batch of {steps} steps")));
        }
        let found = find(&inner.answers, step);
        c!(put(count, "count", found.len()))?;
        c!(put(values, "values", found.as_ptr()))
    })
}

/// Takes all steps out.
#[unsafe(no_mangle)]
pub extern "C" fn wkv7_batch_clear(batch: *mut wkv7_batch) -> wkv7_status {
    run(|| {
        *locked(&c!(shared(batch, "batch"))?.inner, "batch")? = Inner::default();
        Ok(())
    })
}
