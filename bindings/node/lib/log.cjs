'use strict';

// Who hears the library's log: one thread of the process, whichever asked last. A callback must be taken back before
// its thread ends, and one of another thread must stay.

const { threadId } = require('node:worker_threads');
const { check, lib } = require('./library.cjs');
const { shared } = require('./shared.cjs');

const OWNER = 0; // the number of the thread whose callback the library has, plus one; 0 where there is none
const LOCK = 1;
const ME = threadId + 1;
const WAIT = 1000; // milliseconds: more than any holder needs, but one that was terminated never gives it back

const log = shared('log', () => new Int32Array(new SharedArrayBuffer(8)));

/** Runs `change` while no other thread does, so that the owner written down is that of the callback. */
function alone(change) {
  while (Atomics.compareExchange(log, LOCK, 0, 1) !== 0) {
    if (Atomics.wait(log, LOCK, 1, WAIT) === 'timed-out') {
      break;
    }
  }
  try {
    change();
  } finally {
    Atomics.store(log, LOCK, 0);
    Atomics.notify(log, LOCK, 1);
  }
}

/** Sends messages up to `level` to a callback of this thread, or to nobody where it is null. */
function send(level, callback) {
  alone(() => {
    check(lib.wkv7_log(callback === null ? 0 : level, callback, null));
    Atomics.store(log, OWNER, callback === null ? 0 : ME);
  });
}

/** Takes this thread's callback back, if it is the one that the library has. */
function release() {
  alone(() => {
    if (Atomics.load(log, OWNER) === ME) {
      lib.wkv7_log(0, null, null);
      Atomics.store(log, OWNER, 0);
    }
  });
}

module.exports = { release, send };
