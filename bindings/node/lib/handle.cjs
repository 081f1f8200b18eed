'use strict';

// One of the library's handles: its address, who is using it, and its end.

const { busy, closed } = require('./errors.cjs');

/**
 * Closes what nobody closed, once nothing refers to its owner any more. A net: it does not see how large a model is.
 */
const forgotten = new FinalizationRegistry((handle) => handle.close());

class Handle {
  #pointer;
  #free;
  #uses = 0;
  #taken = false;
  #closed = false;
  #last = Promise.resolve();

  /**
   * @param {string} what its name in messages
   * @param {bigint} pointer its address
   * @param {(pointer: bigint) => unknown} free frees it
   * @param {object} [owner] what users hold; it must not be referred to from here
   */
  constructor(what, pointer, free, owner) {
    this.what = what;
    this.#pointer = pointer;
    this.#free = free;
    if (owner !== undefined) {
      forgotten.register(owner, this, this);
    }
  }

  /** Its address, for a call in this thread of something that any number of threads may use. */
  get pointer() {
    if (this.#closed) {
      throw closed(this.what);
    }
    return this.#pointer;
  }

  /** Its address, for a call in this thread of something that is for one at a time. */
  get atRest() {
    if (this.#taken && !this.#closed) {
      throw busy(this.what);
    }
    return this.pointer;
  }

  /** Its address, good until `leave()` is called as often. */
  enter() {
    const { pointer } = this;
    this.#uses += 1;
    return pointer;
  }

  leave() {
    this.#uses -= 1;
    this.#freeUnused();
  }

  /** Runs `call` with its address in another thread, while nothing frees it. */
  async hold(call) {
    const pointer = this.enter();
    try {
      return await call(pointer);
    } finally {
      this.leave();
    }
  }

  /** The same for something that is for one at a time: whoever comes second is told so, before anything happens. */
  async turn(call) {
    const pointer = this.atRest;
    this.#taken = true;
    try {
      return await this.hold(() => call(pointer));
    } finally {
      this.#taken = false;
    }
  }

  /** The same, but whoever comes second waits. */
  async inTurn(call) {
    const before = this.#last;
    let done;
    this.#last = new Promise((resolve) => (done = resolve));
    try {
      await before;
      return await this.turn(call);
    } finally {
      done();
    }
  }

  /** Frees it, at once or when the last call in another thread is back. Closing twice is allowed. */
  close() {
    if (!this.#closed) {
      this.#closed = true;
      forgotten.unregister(this);
      this.#freeUnused();
    }
  }

  #freeUnused() {
    if (this.#closed && this.#uses === 0 && this.#pointer !== null) {
      const pointer = this.#pointer;
      this.#pointer = null;
      this.#free(pointer);
    }
  }
}

/** The key under which objects of this package keep their handle from those who use it. */
const HANDLE = Symbol('handle');

/**
 * The handle of what a caller passed, which must be of one kind: to the library all of them are addresses, and it would
 * take one for the other.
 */
function handleOf(value, kind) {
  const handle = value?.[HANDLE];
  if (!(handle instanceof Handle) || handle.what !== kind) {
    const found = handle instanceof Handle ? `a ${handle.what}` : value === null ? 'null' : typeof value;
    throw new TypeError(`expected a ${kind}, found ${found}`);
  }
  return handle;
}

/** What only this package may pass to a constructor. */
const OURS = Symbol('ours');

/** Refuses a constructor to everybody else. */
function onlyOurs(given, instead) {
  if (given !== OURS) {
    throw new TypeError(`not a constructor: use ${instead}`);
  }
}

/** `Symbol.dispose` and its like, which early versions of Node 18 lack. */
const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

module.exports = { HANDLE, Handle, OURS, asyncDispose, dispose, forgotten, handleOf, onlyOurs };
