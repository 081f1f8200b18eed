'use strict';

const { Batch } = require('./batch.cjs');
const { withCallback } = require('./callbacks.cjs');
const { Status, Wkv7Error } = require('./errors.cjs');
const { HANDLE, Handle, OURS, dispose, onlyOurs } = require('./handle.cjs');
const { defaults, filled, lib, made, twoCallText } = require('./library.cjs');
const { bytesOf, camel, countOf, known, pathOf } = require('./numbers.cjs');
const { DEFAULTS } = require('./sampler.cjs');
const { Session } = require('./session.cjs');
const { Tokenizer } = require('./tokenizer.cjs');
const { tuneState } = require('./tune.cjs');
const { run } = require('./workers.cjs');

const OPTIONS = [
  'backend',
  'tokenizer',
  'initialState',
  'initialStateTransposed',
  'exact',
  'slots',
  'maxTokens',
  'threads',
  'onProgress',
  'signal',
];

/** A loaded checkpoint. */
class Model {
  #tokenizer;

  constructor(ours, pointer) {
    onlyOurs(ours, 'Model.open()');
    this[HANDLE] = new Handle('model', pointer, (address) => lib.wkv7_model_free(address), this);
    this[DEFAULTS] = Object.freeze(defaults('wkv7_sampler_options', pointer));
    this.info = Object.freeze(infoOf(filled('wkv7_model_info', 'wkv7_model_get_info', pointer)));
  }

  static async open(path, options = {}) {
    const place = pathOf(path);
    return opened(options, (given, how) => run('modelOpen', [place, given], how));
  }

  static async builtIn(options = {}) {
    return opened(options, (given, how) => run('modelOpenBuiltIn', [given], how));
  }

  static async fromMemory(data, options = {}) {
    const bytes = bytesOf(data);
    const transfer = [bytes.buffer];
    return opened(options, (given, how) => run('modelFromMemory', [bytes, given], { ...how, transfer }));
  }

  close() {
    this.#tokenizer?.close();
    this[HANDLE].close();
  }

  [dispose]() {
    this.close();
  }

  json() {
    return JSON.parse(twoCallText('wkv7_model_json', this[HANDLE].pointer));
  }

  get tokenizer() {
    this.#tokenizer ??= new Tokenizer(OURS, made('wkv7_model_tokenizer', this[HANDLE].pointer));
    return this.#tokenizer;
  }

  session() {
    return Session.of(this);
  }

  batch() {
    return Batch.of(this);
  }

  async tuneState(pairs, options = {}) {
    return tuneState(this, pairs, options);
  }
}

function infoOf(struct) {
  const info = camel(struct);
  info.endOfText = info.endOfText < 0 ? null : info.endOfText;
  return info;
}

/** The options as the library names them. */
function settingsOf(options) {
  known(options, OPTIONS, 'a model');
  return {
    backend: options.backend ?? '',
    tokenizer: options.tokenizer === undefined ? '' : pathOf(options.tokenizer),
    initial_state: options.initialState === undefined ? '' : pathOf(options.initialState),
    initial_state_transposed: options.initialStateTransposed ? 1 : 0,
    exact: options.exact ? 1 : 0,
    slots: countOf(options.slots ?? 0, 'slots'),
    max_tokens: countOf(options.maxTokens ?? 0, 'maxTokens'),
    threads: countOf(options.threads ?? 0, 'threads'),
  };
}

/** The model that `open` opens. Where somebody wants to know or to stop, the library tells how far it is. */
async function opened(options, open) {
  const settings = settingsOf(options);
  const { onProgress, signal } = options;
  if (!onProgress && !signal) {
    return new Model(OURS, await open(settings, {}));
  }
  signal?.throwIfAborted();
  return watched(onProgress, signal, (progress, stop) => open({ ...settings, progress }, { stop }));
}

/** The same, heard and stopped. What asked to stop is what the caller gets, even where the model was there sooner. */
async function watched(onProgress, signal, open) {
  let why; // an array of what the caller gets
  let stop = () => {};
  const refuse = (reason) => {
    why ??= [reason];
    stop();
  };
  const hear = (done, total) => {
    try {
      if (why === undefined && onProgress?.(done, total) === false) {
        refuse(new Wkv7Error('onProgress asked to stop', Status.CANCELLED));
      }
    } catch (error) {
      refuse(error);
    }
  };
  const abort = () => refuse(signal.reason);
  signal?.addEventListener('abort', abort, { once: true });
  let pointer;
  try {
    pointer = await withCallback('progress', hear, (progress, stopLoading) => {
      stop = stopLoading;
      if (why !== undefined) {
        stop();
      }
      return open(progress, stopLoading);
    });
  } catch (error) {
    throw why === undefined ? error : why[0];
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  if (why !== undefined) {
    lib.wkv7_model_free(pointer);
    throw why[0];
  }
  return new Model(OURS, pointer);
}

module.exports = { Model };
