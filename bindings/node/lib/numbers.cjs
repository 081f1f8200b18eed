'use strict';

// What callers pass: tokens, numbers and options, checked and copied for the library.

/** Tokens as the library reads them: a copy, so that nobody changes what was checked. */
function tokensOf(given) {
  if (typeof given === 'number') {
    return Uint32Array.of(checked(given));
  }
  if (typeof given === 'string' || given instanceof Uint8Array) {
    throw new TypeError("expected tokens, found a text: encode it with a tokenizer's encode()");
  }
  if (given instanceof Uint32Array) {
    return given.slice();
  }
  if (given === null || typeof given?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`expected tokens, found ${given === null ? 'null' : typeof given}`);
  }
  return Uint32Array.from(given, checked);
}

function checked(token) {
  if (!Number.isInteger(token) || token < 0 || token > 0xffffffff) {
    throw new RangeError(`no token: ${String(token)}`);
  }
  return token;
}

/** A copy of bytes. */
function bytesOf(given) {
  if (!(given instanceof Uint8Array)) {
    throw new TypeError(`expected bytes, found ${given === null ? 'null' : typeof given}`);
  }
  return new Uint8Array(given);
}

/** Numbers as the library reads them, copied only where they are not float32 already. */
function floatsOf(given) {
  return given instanceof Float32Array ? given : Float32Array.from(given);
}

/** Numbers in rows of `width`. */
function rowsOf(numbers, width) {
  return Array.from({ length: numbers.length / width }, (_, row) => numbers.subarray(row * width, (row + 1) * width));
}

/** An integer from 0 on, or a complaint that names it. */
function countOf(value, name) {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`\`${name}\` is ${String(value)}, expected an integer from 0 on`);
  }
  return value;
}

/** Refuses an option that nobody knows: it is a mistake in writing, and would be ignored. */
function known(options, names, what) {
  for (const name of Object.keys(options)) {
    if (!names.includes(name)) {
      throw new TypeError(`no option \`${name}\` of ${what}, expected one of: ${names.join(', ')}`);
    }
  }
}

/** A path as a text. */
function pathOf(path) {
  if (path instanceof URL) {
    return require('node:url').fileURLToPath(path);
  }
  if (typeof path !== 'string') {
    throw new TypeError(`expected a path, found ${path === null ? 'null' : typeof path}`);
  }
  return path;
}

/** `head_size` as `headSize`, for all names of a struct but its size. */
function camel(struct) {
  const found = {};
  for (const [name, value] of Object.entries(struct)) {
    if (name !== 'struct_size') {
      found[name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())] = value;
    }
  }
  return found;
}

module.exports = { bytesOf, camel, countOf, floatsOf, known, pathOf, rowsOf, tokensOf };
