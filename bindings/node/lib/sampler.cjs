'use strict';

const { HANDLE, Handle, dispose, handleOf } = require('./handle.cjs');
const { check, defaults, lib, made, view } = require('./library.cjs');
const { countOf, floatsOf, known, tokensOf } = require('./numbers.cjs');

/** Options that are plain numbers, and their names in the library. */
const NUMBERS = {
  temperature: 'temperature',
  topP: 'top_p',
  minP: 'min_p',
  typicalP: 'typical_p',
  topK: 'top_k',
  presence: 'presence',
  frequency: 'frequency',
  penaltyDecay: 'penalty_decay',
};

const OPTIONS = [...Object.keys(NUMBERS), 'seed', 'banned', 'bias'];

/** The key under which a model keeps its sampler's defaults. */
const DEFAULTS = Symbol('defaults of samplers');

/** Chooses tokens; remembers those that it accepted, for the penalties. */
class Sampler {
  /** `new Sampler(options)`, `new Sampler(model, options)`: options that are not given are the model's, if any. */
  constructor(...given) {
    const model = given[0]?.[HANDLE] === undefined ? undefined : given.shift();
    if (model !== undefined) {
      handleOf(model, 'model');
    }
    const [options = {}] = given;
    known(options, OPTIONS, 'a sampler');
    const base = model === undefined ? defaults('wkv7_sampler_options', null) : { ...model[DEFAULTS] };
    const pointer = made('wkv7_sampler_new', structOf(base, options));
    this[HANDLE] = new Handle('sampler', pointer, (address) => lib.wkv7_sampler_free(address), this);
  }

  static greedy() {
    return new Sampler({ temperature: 0, presence: 0, frequency: 0 });
  }

  close() {
    this[HANDLE].close();
  }

  [dispose]() {
    this.close();
  }

  sample(logits) {
    const sampler = this[HANDLE].atRest;
    const token = new Uint32Array(1);
    // Those of a session stay where they are.
    const [pointer, count] =
      logits?.[HANDLE] === undefined ? plain(logits) : view('wkv7_session_logits', handleOf(logits, 'session').atRest);
    check(lib.wkv7_sampler_sample(sampler, pointer, count, token));
    return token[0];
  }

  accept(token, tokenizer) {
    const [one] = tokensOf(token);
    const vocabulary = tokenizer === undefined ? null : handleOf(tokenizer, 'tokenizer').pointer;
    check(lib.wkv7_sampler_accept(this[HANDLE].atRest, one, vocabulary));
  }

  probabilities(logits) {
    const [values, count] = plain(logits);
    const found = new Float32Array(count);
    check(lib.wkv7_sampler_probabilities(this[HANDLE].atRest, values, count, found));
    return found;
  }

  reset() {
    check(lib.wkv7_sampler_reset(this[HANDLE].atRest));
  }

  get seed() {
    return made('wkv7_sampler_seed', this[HANDLE].atRest);
  }
}

function plain(logits) {
  const values = floatsOf(logits);
  return [values, values.length];
}

function structOf(struct, { seed, banned = [], bias = {}, ...numbers }) {
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined) {
      if (typeof value !== 'number') {
        throw new TypeError(`\`${name}\` is ${String(value)}, expected a number`);
      }
      struct[NUMBERS[name]] = name === 'topK' ? countOf(value, name) : value;
    }
  }
  if (seed !== undefined && seed !== null) {
    const exact = BigInt(seed);
    if (BigInt.asUintN(64, exact) !== exact) {
      throw new RangeError(`\`seed\` is ${exact}, expected an integer from 0 on of 64 bits`);
    }
    struct.seeded = 1;
    struct.seed = exact;
  }
  const tokens = tokensOf(banned);
  const biases = (bias instanceof Map ? [...bias] : Object.entries(bias)).map(([token, value]) => ({
    token: tokensOf(Number(token))[0],
    bias: value,
  }));
  struct.banned = tokens.length === 0 ? null : tokens;
  struct.banned_count = tokens.length;
  struct.bias = biases.length === 0 ? null : biases;
  struct.bias_count = biases.length;
  return struct;
}

module.exports = { DEFAULTS, OPTIONS, Sampler };
