'use strict';

// Tuning: a state that is learned from pairs of texts.

const { withCallback } = require('./callbacks.cjs');
const { HANDLE, OURS } = require('./handle.cjs');
const { lib } = require('./library.cjs');
const { camel, countOf, known } = require('./numbers.cjs');
const { State } = require('./state.cjs');
const { run } = require('./workers.cjs');

const COUNTS = ['rounds', 'steps', 'batch', 'warmupSteps', 'seed', 'context', 'threads'];
const RATES = ['firstRate', 'lastRate'];
const FLAGS = ['lead', 'noEnd'];

/** `firstRate` as `first_rate`. */
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The options as the library names them. */
function settingsOf(options) {
  known(options, [...COUNTS, ...RATES, ...FLAGS, 'onProgress', 'signal'], 'tuning a state');
  const settings = {};
  for (const name of COUNTS) {
    settings[snake(name)] = countOf(options[name] ?? 0, name);
  }
  for (const name of RATES) {
    settings[snake(name)] = Number(options[name] ?? 0);
  }
  for (const name of FLAGS) {
    settings[snake(name)] = options[name] ? 1 : 0;
  }
  return settings;
}

/** Pairs of texts, copied. */
function pairsOf(given) {
  return Array.from(given, ({ prompt = '', answer }) => {
    if (typeof prompt !== 'string' || typeof answer !== 'string') {
      throw new TypeError('expected pairs of texts: { prompt, answer }');
    }
    return { prompt, answer };
  });
}

/** The state that `model` learns from the pairs. */
async function tuneState(model, pairs, options) {
  const settings = settingsOf(options);
  const texts = pairsOf(pairs);
  const { onProgress, signal } = options;
  signal?.throwIfAborted();
  const given = (address, progress) => [address, texts, settings, progress];
  const tuned = (progress, stop) =>
    model[HANDLE].hold((address) => run('modelTuneState', given(address, progress), { stop }));
  const pointer = onProgress || signal ? await watched(onProgress, signal, tuned) : await tuned();
  return new State(OURS, pointer, model);
}

/** What `tune` comes to, heard and stopped. What was thrown, or aborted it, is what the caller gets. */
async function watched(onProgress, signal, tune) {
  let why; // an array of what the caller gets
  let ended = false;
  let stop = () => {};
  const end = () => {
    ended = true;
    stop();
  };
  const refuse = (reason) => {
    why ??= [reason];
    end();
  };
  const hear = (step) => {
    try {
      if (!ended && onProgress?.({ ...camel(step), skipped: step.skipped !== 0 }) === false) {
        end();
      }
    } catch (error) {
      refuse(error);
    }
  };
  const abort = () => refuse(signal.reason);
  signal?.addEventListener('abort', abort, { once: true });
  let pointer;
  try {
    pointer = await withCallback('step', hear, (progress, stopTuning) => {
      stop = stopTuning;
      if (ended) {
        stop();
      }
      return tune(progress, stopTuning);
    });
  } catch (error) {
    throw why === undefined ? error : why[0];
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  if (why !== undefined) {
    lib.wkv7_state_free(pointer);
    throw why[0];
  }
  return pointer;
}

module.exports = { tuneState };
