'use strict';

const { enums } = require('./declarations.cjs');
const { HANDLE, OURS, handleOf, onlyOurs } = require('./handle.cjs');
const { rowsOf, tokensOf } = require('./numbers.cjs');
const { run } = require('./workers.cjs');

const WANTS = {
  nothing: enums.wkv7_want.WKV7_WANT_NOTHING,
  last: enums.wkv7_want.WKV7_WANT_LAST,
  all: enums.wkv7_want.WKV7_WANT_ALL,
  hidden: enums.wkv7_want.WKV7_WANT_HIDDEN,
};

/** Steps of many sessions that share every weight that is read. `model.batch()` makes it. */
class Batch {
  #model;
  #steps = [];

  constructor(ours, model) {
    onlyOurs(ours, 'model.batch()');
    this.#model = model;
  }

  static of(model) {
    return new Batch(OURS, model);
  }

  get length() {
    return this.#steps.length;
  }

  add(session, tokens, want = 'last') {
    if (!Object.hasOwn(WANTS, want)) {
      throw new TypeError(`a step cannot want \`${String(want)}\`, expected one of: ${Object.keys(WANTS).join(', ')}`);
    }
    const handle = handleOf(session, 'session');
    // The session itself is kept as well: nobody referring to it would close its handle.
    this.#steps.push({ session, handle, tokens: tokensOf(tokens), want });
  }

  clear() {
    this.#steps = [];
  }

  async run() {
    const steps = [...this.#steps];
    const handles = [...new Set(steps.map(({ handle }) => handle))];
    const results = await this.#model[HANDLE].hold((model) =>
      turns(handles, (addresses) => {
        const given = steps.map(({ handle, tokens, want }) => ({
          session: addresses.get(handle),
          tokens,
          want: WANTS[want],
          hidden: want === 'hidden',
        }));
        return run('batchRun', [model, given]);
      }),
    );
    return results.map((numbers, index) => wanted(steps[index].want, numbers, this.#model.info.vocab));
  }
}

/** Runs `call` with the addresses of all handles, in the turn of each. */
async function turns(handles, call, addresses = new Map()) {
  if (handles.length === 0) {
    return call(addresses);
  }
  const [first, ...rest] = handles;
  return first.turn((address) => turns(rest, call, addresses.set(first, address)));
}

/** What a step gets of the numbers that it asked for. */
function wanted(want, numbers, vocab) {
  switch (want) {
    case 'nothing':
      return null;
    case 'all':
      return rowsOf(numbers, vocab);
    default:
      return numbers;
  }
}

module.exports = { Batch };
