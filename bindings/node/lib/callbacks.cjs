'use strict';

// The library's callbacks, which may come from any thread.
//
// JavaScript runs a callback in the thread that registered it, and the caller waits until that thread gets to it. A
// thread that is inside a call of the library itself would never get to it, so the callbacks belong to a thread that
// does nothing else (listener.cjs). It passes on what it hears as messages, and looks at a flag for what to answer.

const path = require('node:path');
const { Worker } = require('node:worker_threads');
const log = require('./log.cjs');

let listener; // a promise of { worker, progress, step, log }
let current; // its value
const hearers = new Map(); // by the number that the library hands to the callback
const flushes = new Map(); // what settles those that wait, by number
let numbers = 0;
const ENDED = 'the thread of the callbacks of wkv7 ended';
let logged;

/** Whether the library may be calling. */
function inUse() {
  return current !== undefined;
}

function start() {
  return new Promise((resolve, reject) => {
    const worker = new Worker(path.join(__dirname, 'listener.cjs'), { name: 'wkv7 callbacks', execArgv: [] });
    // It ends by itself only where it cannot go on, such as for want of memory. Whoever needs one then gets another.
    let why = new Error(ENDED);
    worker.on('error', (error) => (why = error));
    worker.on('exit', () => {
      if (current?.worker === worker) {
        log.release();
        current = undefined;
      }
      listener = undefined;
      reject(why);
      for (const flush of flushes.values()) {
        flush.reject(why);
      }
      flushes.clear();
    });
    worker.on('message', (message) => {
      switch (message.kind) {
        case 'ready':
          worker.unref();
          current = { worker, ...message };
          resolve(current);
          break;
        case 'progress':
          hearers.get(message.user)?.(message.done, message.total);
          break;
        case 'step':
          hearers.get(message.user)?.(message.step);
          break;
        case 'log':
          logged?.(message.level, message.text);
          break;
        default: // 'flushed'
          flushes.get(message.number)?.resolve();
      }
    });
  });
}

/** The thread, started when it is first needed. */
function listening() {
  listener ??= start().catch((why) => {
    listener = undefined; // the next one may be luckier
    throw why;
  });
  return listener;
}

/** Waits until everything that the library has told so far has been heard. */
async function heard({ worker }) {
  if (current?.worker !== worker) {
    throw new Error(ENDED); // it would not answer
  }
  const number = ++numbers;
  worker.ref();
  await new Promise((resolve, reject) => {
    flushes.set(number, { resolve, reject });
    worker.postMessage({ kind: 'flush', number });
  });
  flushes.delete(number);
  if (flushes.size === 0) {
    worker.unref();
  }
}

/**
 * Runs `call` with what tells `hear` the progress.
 * @param {'progress' | 'step'} kind which callback: of loading, or of tuning
 * @param {((done: number, total: number) => void) | ((step: object) => void)} hear
 * @param {(progress: { callback: bigint, user: bigint }, stop: () => void) => Promise<unknown>} call gets what the
 *   library wants, and what makes the library stop when it next tells its progress
 */
async function withCallback(kind, hear, call) {
  const thread = await listening();
  const user = BigInt(++numbers);
  const flag = new Int32Array(new SharedArrayBuffer(4));
  hearers.set(user, hear);
  try {
    thread.worker.postMessage({ kind: 'hear', user, flag });
    await heard(thread);
    return await call({ callback: thread[kind], user }, () => Atomics.store(flag, 0, 1));
  } finally {
    await heard(thread).catch(() => {}); // what the call came to is there, whoever heard how
    hearers.delete(user);
    thread.worker.postMessage({ kind: 'forget', user });
  }
}

/** Sends log messages to `hear` from now on, or to nobody; `set` tells the library. */
async function withLog(hear, set) {
  if (hear === undefined && current === undefined) {
    set(null);
    return;
  }
  const thread = await listening();
  if (hear !== undefined) {
    logged = hear;
    set(thread.log);
  } else {
    set(null);
    await heard(thread);
    logged = undefined;
  }
}

module.exports = { inUse, withCallback, withLog };
