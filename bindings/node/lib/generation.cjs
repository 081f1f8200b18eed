'use strict';

const { HANDLE, Handle, asyncDispose, forgotten, handleOf, onlyOurs } = require('./handle.cjs');
const { generationStart } = require('./jobs.cjs');
const { filled, lib } = require('./library.cjs');
const { countOf, known, tokensOf } = require('./numbers.cjs');
const { OPTIONS: SAMPLING, Sampler } = require('./sampler.cjs');
const { run } = require('./workers.cjs');

const OPTIONS = ['sampler', 'maxTokens', 'stop', 'stopTokens', 'signal', ...SAMPLING];
const REASONS = ['none', 'token', 'text', 'maxTokens']; // there is no callback here, which would be the next

/** How a generation ended, or how far it is. */
function resultOf(known) {
  const reason = REASONS[known.reason] ?? 'none';
  return {
    reason,
    stopToken: reason === 'token' ? known.stop_token : null,
    stopIndex: reason === 'text' ? known.stop_index : null,
    tokens: known.tokens,
    seconds: known.seconds,
  };
}

/** How far the pieces are: what a generation shares with what makes them. It does not refer to the generation. */
class Course {
  session = undefined;
  handle = undefined;
  ended = undefined;
  forgotten = false;
  result = resultOf({ reason: 0, tokens: 0, seconds: 0 });

  begin(session, pointer) {
    // Needed to cancel the session for as long as this lasts, whoever closes it meanwhile.
    this.session = session[HANDLE].enter();
    this.handle = new Handle('generation', pointer, (address) => {
      this.ended = run('generationEnd', [address])
        .then((result) => (this.result = resultOf(result)))
        .finally(() => session[HANDLE].leave());
      this.ended.catch(() => {}); // whoever waits for it hears of it
    });
  }

  async end() {
    this.handle.close();
    await this.ended;
  }

  /** Nobody can ask for another piece. */
  close() {
    this.forgotten = true;
    this.handle?.close();
  }
}

/** Pieces of text as they are made. `session.generate()` makes it; it begins when it is first asked for a piece. */
class Generation {
  #course = new Course();
  #pieces;

  constructor(ours, session, cancelling, prompt, options) {
    onlyOurs(ours, 'session.generate()');
    this.#pieces = pieces(session, cancelling, planOf(prompt, options), this.#course);
    forgotten.register(this, this.#course);
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  next() {
    return this.#pieces.next();
  }

  return(value) {
    return this.#pieces.return(value);
  }

  throw(error) {
    return this.#pieces.throw(error);
  }

  async text() {
    let text = '';
    for await (const piece of this) {
      text += piece.text;
    }
    return text;
  }

  async close() {
    await this.return();
  }

  async [asyncDispose]() {
    await this.close();
  }

  get result() {
    const { handle, ended, result } = this.#course;
    if (handle === undefined || ended !== undefined) {
      return result;
    }
    return resultOf(filled('wkv7_generation_result', 'wkv7_generation_get_result', handle.atRest));
  }
}

/** The options, checked and copied when they are given rather than at the first piece. */
function planOf(prompt, options) {
  known(options, OPTIONS, 'a generation');
  const { sampler, maxTokens = 256, stop = [], stopTokens = [], signal, ...sampling } = options;
  const own = Object.values(sampling).some((value) => value !== undefined);
  if (own && sampler !== undefined) {
    throw new TypeError('expected a sampler or options of one, found both');
  }
  if (sampler !== undefined) {
    handleOf(sampler, 'sampler');
  }
  return {
    prompt: prompt === undefined || typeof prompt === 'string' ? prompt : tokensOf(prompt),
    signal,
    sampler,
    sampling: own ? sampling : undefined,
    settings: {
      maxTokens: countOf(maxTokens, 'maxTokens'),
      stop: typeof stop === 'string' ? [stop] : Array.from(stop, String),
      stopTokens: tokensOf(stopTokens),
    },
  };
}

async function* pieces(session, cancelling, plan, course) {
  const { signal } = plan;
  if (plan.prompt !== undefined) {
    await session.feed(plan.prompt, { signal });
  }
  if (plan.settings.maxTokens === 0) {
    course.result.reason = 'maxTokens'; // the library takes 0 for its default
    return;
  }
  signal?.throwIfAborted();
  course.begin(session, started(session, plan));
  const { handle, session: address } = course;
  const stop = () => lib.wkv7_session_cancel(address);
  let failed = false;
  try {
    for (;;) {
      const next = () => handle.turn((pointer) => run('generationNext', [pointer], { stop }));
      const piece = await cancelling.during(address, signal, next);
      if (piece === undefined) {
        return;
      }
      if (course.forgotten) {
        course.close();
      }
      yield piece;
    }
  } catch (error) {
    failed = true;
    throw error;
  } finally {
    await course.end().catch((error) => {
      if (!failed) {
        throw error;
      } // else the caller is to hear what went wrong first
    });
  }
}

/** A generation of the library, with the sampler that was given, one of the options that were, or the model's. */
function started(session, { sampler, sampling, settings }) {
  const address = session[HANDLE].atRest;
  if (sampling === undefined) {
    return generationStart(address, sampler === undefined ? null : sampler[HANDLE].atRest, settings);
  }
  const own = new Sampler(session.model, sampling);
  try {
    return generationStart(address, own[HANDLE].atRest, settings); // which keeps it
  } finally {
    own.close();
  }
}

module.exports = { Generation };
