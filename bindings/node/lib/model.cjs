'use strict';

const { Batch } = require('./batch.cjs');
const { Status, Wkv7Error } = require('./errors.cjs');
const { HANDLE, Handle, OURS, dispose, onlyOurs } = require('./handle.cjs');
const { defaults, filled, lib, made, twoCallText } = require('./library.cjs');
const { bytesOf, camel, countOf, known, pathOf } = require('./numbers.cjs');
const { DEFAULTS } = require('./sampler.cjs');
const { Session } = require('./session.cjs');
const { Tokenizer } = require('./tokenizer.cjs');
const { tuneState } = require('./tune.cjs');
const { watched } = require('./watched.cjs');
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
  const hear = ({ refuse }, done, total) => {
    if (onProgress?.(done, total) === false) {
      refuse(new Wkv7Error('onProgress asked to stop', Status.CANCELLED));
    }
  };
  const work = (progress, stop) => open({ ...settings, progress }, { stop });
  const free = (pointer) => lib.wkv7_model_free(pointer);
  return new Model(OURS, await watched('progress', signal, hear, work, free));
}

module.exports = { Model };
