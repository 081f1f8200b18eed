'use strict';

// The library itself: versions, backends and devices, log messages.

const { withLog } = require('./callbacks.cjs');
const { enums } = require('./declarations.cjs');
const { lib, text, twoCallText } = require('./library.cjs');
const { send } = require('./log.cjs');
const { run } = require('./workers.cjs');

const LEVELS = ['off', 'error', 'warn', 'info', 'debug', 'trace'];

function version() {
  return lib.wkv7_version();
}

function abiVersion() {
  return lib.wkv7_abi_version();
}

function buildInfo() {
  return JSON.parse(lib.wkv7_build_info());
}

function hasFeature(name) {
  return lib.wkv7_has_feature(...text(name)) !== 0;
}

function backends() {
  return JSON.parse(twoCallText('wkv7_backends'));
}

async function devices() {
  return run('devices', []);
}

/** Sends the log messages of the whole process's library up to `level` to `hear`; null ends it. */
async function logTo(hear, level = 'info') {
  const limit = enums.wkv7_log_level[`WKV7_LOG_${String(level).toUpperCase()}`];
  if (limit === undefined) {
    throw new TypeError(`no log level \`${String(level)}\`, expected one of: ${LEVELS.join(', ')}`);
  }
  const wanted = hear !== null && hear !== undefined && level !== 'off';
  await withLog(wanted ? (number, message) => hear(LEVELS[number] ?? 'trace', message) : undefined, (callback) =>
    send(limit, callback),
  );
}

module.exports = { abiVersion, backends, buildInfo, devices, hasFeature, logTo, version };
