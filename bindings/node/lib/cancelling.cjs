'use strict';

const { Status, Wkv7Error } = require('./errors.cjs');
const { check, lib } = require('./library.cjs');

/**
 * Keeps apart who asked a session to stop: a call of `cancel()`, which holds until it is cleared, or the signal of a
 * call, which must not reach beyond that call. Any thread may ask, so this one asks while another computes.
 */
class Cancelling {
  #asked = false;
  #signals = 0;

  /** By `cancel()`, or no more. */
  ask(session, asked) {
    this.#asked = asked;
    this.#tell(session);
  }

  #tell(session) {
    const stop = this.#asked || this.#signals > 0;
    check(stop ? lib.wkv7_session_cancel(session) : lib.wkv7_session_clear_cancel(session));
  }

  /**
   * Runs `call`, with the session cancelled once `signal` is aborted. What the call then fails with is the signal's
   * reason. The session's address must stay good for as long.
   */
  async during(session, signal, call) {
    if (signal === undefined || signal === null) {
      return call();
    }
    signal.throwIfAborted();
    let told = false; // somebody else's listener may keep the news from ours
    const abort = () => {
      told = true;
      this.#signals += 1;
      this.#tell(session);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await call();
    } catch (error) {
      const cancelled = error instanceof Wkv7Error && error.status === Status.CANCELLED;
      throw cancelled && told ? signal.reason : error;
    } finally {
      signal.removeEventListener('abort', abort);
      if (told) {
        this.#signals -= 1;
        this.#tell(session);
      }
    }
  }
}

module.exports = { Cancelling };
