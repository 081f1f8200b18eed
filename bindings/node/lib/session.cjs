'use strict';

const { Cancelling } = require('./cancelling.cjs');
const { Status, Wkv7Error } = require('./errors.cjs');
const { Generation } = require('./generation.cjs');
const { HANDLE, Handle, OURS, dispose, handleOf, onlyOurs } = require('./handle.cjs');
const { topsOf } = require('./jobs.cjs');
const { copied, filled, lib, made, number, view } = require('./library.cjs');
const { camel, countOf, known, rowsOf, tokensOf } = require('./numbers.cjs');
const { State } = require('./state.cjs');
const { run } = require('./workers.cjs');

/** One sequence of tokens and all that it remembers. `model.session()` makes it. */
class Session {
  #cancelling = new Cancelling();
  #model;

  constructor(ours, pointer, model) {
    onlyOurs(ours, 'model.session()');
    this[HANDLE] = new Handle('session', pointer, (address) => lib.wkv7_session_free(address), this);
    this.#model = model;
  }

  static of(model) {
    return new Session(OURS, made('wkv7_session_new', handleOf(model, 'model').pointer), model);
  }

  get model() {
    return this.#model;
  }

  close() {
    this[HANDLE].close();
  }

  [dispose]() {
    this.close();
  }

  // Feeding

  async feed(input, options = {}) {
    if (typeof input === 'string') {
      return this.#advance('feedText', Buffer.from(input, 'utf8'), [], options);
    }
    return this.#advance('feed', tokensOf(input), [], options);
  }

  async feedAll(tokens, options = {}) {
    const { vocab } = this.#model.info;
    return rowsOf(await this.#advance('feedAll', tokensOf(tokens), [vocab], options), vocab);
  }

  async feedTop(tokens, count = 10, options = {}) {
    return this.#advance('feedTop', tokensOf(tokens), [this.#room(count)], options);
  }

  async embed(tokens, options = {}) {
    return this.#advance('embed', tokensOf(tokens), [this.#model.info.channels], options);
  }

  #advance(job, input, rest, options) {
    known(options, ['signal'], 'feeding');
    return this[HANDLE].turn((session) =>
      this.#cancelling.during(session, options.signal, () =>
        run(job, [session, input, ...rest], { transfer: whole(input), stop: () => lib.wkv7_session_cancel(session) }),
      ),
    );
  }

  // Reading

  get logits() {
    return copied('wkv7_session_logits', this[HANDLE].atRest);
  }

  get hasLogits() {
    try {
      view('wkv7_session_logits', this[HANDLE].atRest);
      return true;
    } catch (error) {
      if (error instanceof Wkv7Error && error.status === Status.NOTHING_FED) {
        return false;
      }
      throw error;
    }
  }

  top(count = 10) {
    const session = this[HANDLE].atRest;
    return topsOf(this.#room(count), (...out) => lib.wkv7_session_top(session, ...out));
  }

  /** How many of the largest logits there can be. */
  #room(count) {
    return Math.min(countOf(count, 'count'), this.#model.info.vocab);
  }

  get tokensSeen() {
    return number('wkv7_session_tokens_seen', this[HANDLE].atRest);
  }

  get stats() {
    return camel(filled('wkv7_stats', 'wkv7_session_stats', this[HANDLE].atRest));
  }

  // Generating

  generate(prompt, options = {}) {
    if (typeof prompt === 'object' && prompt !== null && prompt[Symbol.iterator] === undefined) {
      return new Generation(OURS, this, this.#cancelling, undefined, prompt);
    }
    return new Generation(OURS, this, this.#cancelling, prompt, options);
  }

  // Cancelling

  cancel() {
    this.#cancelling.ask(this[HANDLE].pointer, true);
  }

  clearCancel() {
    this.#cancelling.ask(this[HANDLE].pointer, false);
  }

  // State

  async state() {
    return new State(OURS, await this[HANDLE].turn((session) => run('state', [session])), this.#model);
  }

  async setState(state) {
    const from = handleOf(state, 'state');
    await this[HANDLE].turn((session) => from.inTurn((pointer) => run('setState', [session, pointer])));
  }

  async save(path) {
    const state = await this.state();
    try {
      await state.save(path);
    } finally {
      state.close();
    }
  }

  async restore(path) {
    const state = await State.load(this.#model, path);
    try {
      await this.setState(state);
    } finally {
      state.close();
    }
  }

  async reset() {
    await this[HANDLE].turn((session) => run('reset', [session]));
  }

  async fork() {
    return new Session(OURS, await this[HANDLE].turn((session) => run('fork', [session])), this.#model);
  }

  async to(model) {
    const to = handleOf(model, 'model');
    const moved = await this[HANDLE].turn((session) => to.hold((target) => run('move', [session, target])));
    return new Session(OURS, moved, model);
  }
}

/** The buffer of what was made for one call: given away, unless it is a part of Node's pool of small buffers. */
function whole(input) {
  return input.byteLength === input.buffer.byteLength ? [input.buffer] : [];
}

module.exports = { Session };
