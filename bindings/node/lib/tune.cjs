'use strict';

// Tuning: a state that is learned from pairs of texts.

const { HANDLE, OURS } = require('./handle.cjs');
const { lib } = require('./library.cjs');
const { camel, countOf, known } = require('./numbers.cjs');
const { State } = require('./state.cjs');
const { watched } = require('./watched.cjs');
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
  const hear = ({ end }, step) => {
    if (onProgress?.({ ...camel(step), skipped: step.skipped !== 0 }) === false) {
      end();
    }
  };
  const free = (pointer) => lib.wkv7_state_free(pointer);
  const pointer =
    onProgress || signal ? await watched('step', signal, hear, tuned, free) : await tuned();
  return new State(OURS, pointer, model);
}

module.exports = { tuneState };
