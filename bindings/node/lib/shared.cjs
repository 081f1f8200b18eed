'use strict';

// What the threads of the process have in common, though each loads this package anew: a thread inherits it from the
// one that started it.

const { getEnvironmentData, setEnvironmentData } = require('node:worker_threads');
const { version } = require('../package.json');

/** The value under `name`, which the first thread makes. Another version of the package has its own. */
function shared(name, make) {
  const key = `wkv7 ${version}: ${name}`;
  let value = getEnvironmentData(key);
  if (value === undefined) {
    value = make();
    setEnvironmentData(key, value);
  }
  return value;
}

module.exports = { shared };
