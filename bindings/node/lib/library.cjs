'use strict';

// The C library as this thread calls it: its functions, its structs, and what every call shares. Each thread has its
// own copy of this module, but there is one library in the process, so a handle's address means the same in all of
// them.

const koffi = require('koffi');
const { callbacks, constants, enums, functions, structs } = require('./declarations.cjs');
const { Wkv7Error } = require('./errors.cjs');
const { fixed, places } = require('./find.cjs');
const { shared } = require('./shared.cjs');

/** koffi's types of the structs. They have no names: koffi's names are global, and this file may be loaded twice. */
const types = {};
for (const [name, fields] of Object.entries(structs)) {
  types[name] = koffi.struct(Object.fromEntries(Object.entries(fields).map(([field, type]) => [field, typeOf(type)])));
}

/**
 * The koffi type for one of the header's, where typed arrays, buffers and addresses will do for every plain pointer.
 */
function typeOf(declared) {
  const [, base, stars, length] = /^(?:const )?(\w+)(\**)(?:\[(\d+)\])?$/.exec(declared);
  if (length !== undefined) {
    return koffi.array(base, Number(length));
  }
  if (stars === '*' && base in types) {
    return koffi.pointer(types[base]);
  }
  if (stars !== '' || base in callbacks) {
    return 'void *';
  }
  return types[base] ?? (base in enums ? 'int32_t' : base);
}

/** The type of a callback, for `koffi.register`. */
function callbackType(name) {
  const [result, parameters] = callbacks[name];
  return koffi.pointer(koffi.proto(result, parameters.map(typeOf)));
}

/** Finds the library: the functions of it, and the place where it is. */
function find() {
  const whys = [];
  for (const place of places(process.env, process.platform).map(fixed)) {
    let library;
    try {
      library = koffi.load(place);
    } catch (why) {
      whys.push(`${place}: ${why.message.replace('Failed to load shared library: ', '')}`);
      continue;
    }
    return [bind(library, place), place];
  }
  throw new Error(
    `no libwkv7: ${whys.join('; ')}. Install it with \`cargo xtask install --prefix DIR\` in a checkout of wkv7, and ` +
      'set WKV7_PREFIX to DIR, or WKV7_LIBRARY to the file itself',
  );
}

/** All functions of the library, by name. */
function bind(library, place) {
  const bound = {};
  try {
    for (const [name, [result, parameters]] of Object.entries(functions)) {
      // Texts that are returned live as long as the library, or are read at once: koffi copies them.
      const type = result === 'const char*' ? 'const char *' : typeOf(result);
      bound[name] = library.func(name, type, parameters.map(typeOf));
    }
  } catch (why) {
    throw new Error(`\`${place}\` is not a libwkv7, or an older one: ${why.message}`, { cause: why });
  }
  const found = bound.wkv7_abi_version();
  if (found !== constants.WKV7_ABI_VERSION) {
    throw new Error(`\`${place}\` has version ${found} of the ABI, expected ${constants.WKV7_ABI_VERSION}`);
  }
  return bound;
}

function load() {
  if (koffi.sizeof('size_t') !== 8) {
    throw new Error('wkv7 needs a Node of 64 bits');
  }
  // The environment and the working directory may have changed since another thread found the library. A second copy
  // would take the handles of the first for its own.
  let found;
  const place = shared('place', () => {
    found = find();
    return found[1];
  });
  return found === undefined ? bind(koffi.load(place), place) : found[0];
}

const lib = load();

/**
 * Throws what `status` stands for, unless it is success. The text is this thread's, so it is asked for here and now.
 */
function check(status) {
  if (status !== 0) {
    throw new Wkv7Error(lib.wkv7_last_error(), status);
  }
}

/** The handle, as an address, that a function writes to its last argument. */
function made(name, ...given) {
  const out = new BigUint64Array(1);
  check(lib[name](...given, out));
  return out[0];
}

/** The number that a function writes to its last argument. */
function number(name, ...given) {
  return Number(made(name, ...given));
}

/** A text for the library: its bytes, and how many they are. */
function text(value) {
  const bytes = Buffer.from(value, 'utf8');
  return [bytes, bytes.length];
}

/** A text inside of a struct. */
function textField(value) {
  const [data, len] = text(value);
  return { data, len };
}

/** The bytes that a two-call function writes to its last two arguments, a buffer and its length. */
function twoCallBytes(name, ...given) {
  const length = new BigUint64Array(1);
  check(lib[name](...given, null, length));
  const bytes = Buffer.alloc(Number(length[0]) + 1);
  length[0] += 1n;
  check(lib[name](...given, bytes, length));
  return bytes.subarray(0, Number(length[0]));
}

/** The text that a two-call function writes. */
function twoCallText(name, ...given) {
  return twoCallBytes(name, ...given).toString('utf8');
}

/** A struct of options at their defaults, as an object. */
function defaults(struct, ...given) {
  const size = koffi.sizeof(types[struct]);
  const bytes = Buffer.alloc(size);
  check(lib[`${struct}_init`](bytes, size, ...given));
  return koffi.decode(bytes, types[struct]);
}

/** A struct that a function fills, which is told its size first, as an object. */
function filled(struct, name, ...given) {
  const size = koffi.sizeof(types[struct]);
  const bytes = Buffer.alloc(size);
  bytes.writeBigUInt64LE(BigInt(size)); // every platform of koffi is little-endian
  check(lib[name](...given, bytes));
  return koffi.decode(bytes, types[struct]);
}

/** A view that a function gives by its last two arguments, a pointer and a count, as numbers of our own. */
function copied(name, ...given) {
  const [pointer, count] = view(name, ...given);
  return count === 0 ? new Float32Array(0) : koffi.decode(pointer, 'float', count);
}

/** The same, where it lies. */
function view(name, ...given) {
  const pointer = new BigUint64Array(1);
  const count = new BigUint64Array(1);
  check(lib[name](...given, pointer, count));
  return [pointer[0], Number(count[0])];
}

/** A copy of the library's bytes. */
function bytesAt([pointer, length]) {
  return length === 0 ? Buffer.alloc(0) : Buffer.from(koffi.decode(pointer, 'uint8_t', length));
}

/** A copy of the library's text. */
function textAt([pointer, length]) {
  return length === 0 ? '' : koffi.decode.string(pointer, length);
}

module.exports = {
  bytesAt,
  callbackType,
  check,
  copied,
  defaults,
  filled,
  koffi,
  lib,
  made,
  number,
  text,
  textAt,
  textField,
  twoCallBytes,
  twoCallText,
  types,
  view,
};
