'use strict';

const { enums } = require('./declarations.cjs');

const named = Object.entries(enums.wkv7_status);

/** What the library answers, as numbers by name: `Status.FILE` is 6. Newer libraries may know more. */
const Status = Object.freeze(Object.fromEntries(named.map(([name, value]) => [name.replace(/^WKV7_(ERR_)?/, ''), value])));

const CODES = new Map(named.map(([name, value]) => [value, name]));

/**
 * Anything that the library answers but success. Its message is the library's own text, which tells the whole story.
 */
class Wkv7Error extends Error {
  constructor(message, status = Status.OTHER) {
    super(message);
    this.name = 'Wkv7Error';
    this.status = status;
    this.code = CODES.get(status) ?? 'WKV7_ERR_OTHER';
  }
}

/** For a call of something that was closed before. */
function closed(what) {
  return new Wkv7Error(`\`${what}\` is closed`, Status.NULL);
}

/** For whoever comes second. */
function busy(what) {
  return new Wkv7Error(`another call is using the ${what}`, Status.BUSY);
}

module.exports = { Status, Wkv7Error, busy, closed };
