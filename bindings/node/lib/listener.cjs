'use strict';

// The thread that the library's callbacks belong to; see callbacks.cjs. It never calls the library.

const { parentPort } = require('node:worker_threads');
const { callbackType, koffi, textAt, types } = require('./library.cjs');

/** Flags that say whether to stop, by the number that the library hands to the callback. */
const flags = new Map();

function progress(user, done, total) {
  parentPort.postMessage({ kind: 'progress', user, done: Number(done), total: Number(total) });
  return Atomics.load(flags.get(user), 0);
}

function step(user, progress) {
  parentPort.postMessage({ kind: 'step', user, step: koffi.decode(progress, types.wkv7_tune_progress) });
  return Atomics.load(flags.get(user), 0);
}

function log(_user, level, message, length) {
  parentPort.postMessage({ kind: 'log', level, text: textAt([message, Number(length)]) });
}

parentPort.on('message', (message) => {
  switch (message.kind) {
    case 'hear':
      flags.set(message.user, message.flag);
      break;
    case 'forget':
      flags.delete(message.user);
      break;
    default: // 'flush'
      parentPort.postMessage({ kind: 'flushed', number: message.number });
  }
});

parentPort.postMessage({
  kind: 'ready',
  progress: koffi.register(progress, callbackType('wkv7_progress_callback')),
  step: koffi.register(step, callbackType('wkv7_tune_callback')),
  log: koffi.register(log, callbackType('wkv7_log_callback')),
});
