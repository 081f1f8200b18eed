'use strict';

const { enums } = require('./declarations.cjs');
const { HANDLE, Handle, OURS, dispose, handleOf, onlyOurs } = require('./handle.cjs');
const { check, copied, lib, made, number } = require('./library.cjs');
const { bytesOf, floatsOf, known, pathOf } = require('./numbers.cjs');
const { run } = require('./workers.cjs');

const PARTS = {
  attShift: enums.wkv7_state_part.WKV7_STATE_ATT_SHIFT,
  wkv: enums.wkv7_state_part.WKV7_STATE_WKV,
  ffnShift: enums.wkv7_state_part.WKV7_STATE_FFN_SHIFT,
  logits: enums.wkv7_state_part.WKV7_STATE_LOGITS,
};

/** All that a sequence remembers at one moment, with the last logits. */
class State {
  #model;

  constructor(ours, pointer, model) {
    onlyOurs(ours, 'session.state(), State.load() or one of its like');
    this[HANDLE] = new Handle('state', pointer, (address) => lib.wkv7_state_free(address), this);
    this.#model = model;
  }

  static zeros(model) {
    return new State(OURS, made('wkv7_state_new', handleOf(model, 'model').pointer), model);
  }

  static async load(model, path) {
    return State.#read('stateLoad', model, pathOf(path));
  }

  static async loadTuned(model, path, options = {}) {
    known(options, ['transposed'], 'loading a tuned state');
    return State.#read('stateLoadTuned', model, pathOf(path), options.transposed ? 1 : 0);
  }

  static async fromBytes(model, bytes) {
    return State.#read('stateFromBytes', model, bytesOf(bytes));
  }

  static async #read(job, model, ...given) {
    const pointer = await handleOf(model, 'model').hold((address) => run(job, [address, ...given]));
    return new State(OURS, pointer, model);
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

  async save(path) {
    const place = pathOf(path);
    await this[HANDLE].inTurn((state) => run('stateSave', [state, place]));
  }

  async saveTuned(path) {
    const place = pathOf(path);
    await this[HANDLE].inTurn((state) => run('stateSaveTuned', [state, place]));
  }

  async toBytes() {
    return this[HANDLE].inTurn((state) => run('stateToBytes', [state]));
  }

  get tokensSeen() {
    return number('wkv7_state_tokens_seen', this[HANDLE].atRest);
  }

  get attShift() {
    return this.#part(PARTS.attShift);
  }

  get wkv() {
    return this.#part(PARTS.wkv);
  }

  get ffnShift() {
    return this.#part(PARTS.ffnShift);
  }

  get logits() {
    return this.#part(PARTS.logits);
  }

  #part(part) {
    return copied('wkv7_state_get_part', this[HANDLE].atRest, part);
  }

  setPart(part, values) {
    if (!Object.hasOwn(PARTS, part)) {
      throw new TypeError(`no part \`${String(part)}\` of a state, expected one of: ${Object.keys(PARTS).join(', ')}`);
    }
    const numbers = floatsOf(values);
    check(lib.wkv7_state_set_part(this[HANDLE].atRest, PARTS[part], numbers, numbers.length));
  }
}

module.exports = { State };
