'use strict';

// Where the shared library is.

const path = require('node:path');
const { version } = require('../package.json');

/**
 * The library's file names on a platform: that of the versions that work with this package, and the one for linkers.
 */
function names(platform) {
  const [major, minor] = version.split('.');
  const compatible = major === '0' ? `0.${minor}` : major;
  switch (platform) {
    case 'win32':
      return ['wkv7.dll'];
    case 'darwin':
      return [`libwkv7.${compatible}.dylib`, 'libwkv7.dylib'];
    default:
      return [`libwkv7.so.${compatible}`, 'libwkv7.so'];
  }
}

/**
 * What to try to load, in this order: the file that `WKV7_LIBRARY` names and nothing else; the one below the folder
 * `WKV7_PREFIX`, into which the library was installed, and nothing else; whatever the system finds by itself.
 */
function places(environment, platform) {
  if (environment.WKV7_LIBRARY) {
    return [environment.WKV7_LIBRARY];
  }
  if (environment.WKV7_PREFIX) {
    const folder = path.join(environment.WKV7_PREFIX, platform === 'win32' ? 'bin' : 'lib');
    return names(platform).map((name) => path.join(folder, name));
  }
  return names(platform);
}

/** A place that means the same wherever the process goes. A bare name is the system's to find. */
function fixed(place) {
  return path.basename(place) === place ? place : path.resolve(place);
}

module.exports = { fixed, names, places };
