// The library itself, and that the package knows all of it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import * as wkv7 from 'wkv7';
import { HERE, MODEL, node, program } from './common.mjs';

const require = createRequire(import.meta.url);
const declarations = require('../lib/declarations.cjs');
const PACKAGE = path.join(HERE, '..');
const sources = readdirSync(path.join(PACKAGE, 'lib')).filter((name) => name !== 'declarations.cjs');
const texts = (place) => readdirSync(place).map((name) => readFileSync(path.join(place, name), 'utf8'));
const types = texts(path.join(PACKAGE, 'types')).join('');

test('versions agree', async () => {
  assert.equal(wkv7.version(), require('../package.json').version);
  assert.equal(wkv7.abiVersion(), 1);
  const info = wkv7.buildInfo();
  assert.deepEqual([info.version, info.abi_version], [wkv7.version(), wkv7.abiVersion()]);
  assert.deepEqual(wkv7.backends(), info.backends);
  assert.ok(wkv7.backends().includes('cpu') && wkv7.backends().includes('reference'));
  assert.equal(wkv7.hasFeature('wgpu'), info.features.includes('wgpu'));
  assert.equal(wkv7.hasFeature('flight'), false);
  assert.ok(Array.isArray(await wkv7.devices()));
});

test('both entries are the same', () => {
  const common = require('wkv7');
  const names = Object.keys(common).sort();
  assert.deepEqual(names, Object.keys(wkv7).sort());
  for (const name of names) {
    assert.equal(common[name], wkv7[name]);
    assert.match(types, new RegExp(`export declare (class|function|const) ${name}\\b`), 'the types know it');
  }
});

test('the declarations are the header\'s', async () => {
  const { code, stdout, stderr } = await node(['scripts/declarations.mjs', '--print']);
  assert.deepEqual([code, stderr], [0, '']);
  const ours = readFileSync(path.join(PACKAGE, 'lib', 'declarations.cjs'), 'utf8');
  assert.equal(stdout, ours, 'the header has changed: `npm run declarations`');
});

test('every function of the header is reached', () => {
  const text = sources.map((name) => readFileSync(path.join(PACKAGE, 'lib', name), 'utf8')).join('');
  const used = (name) => new RegExp(`(lib\\.|['\`])${name}\\b`).test(text);
  const unused = Object.keys(declarations.functions).filter((name) => !used(name));
  // Options are set by the name of their struct. Errors bring their text, versions are texts, pieces are asked for and
  // not called back, and every run of a batch is a new one of the library's.
  assert.deepEqual(unused.filter((name) => !name.endsWith('_options_init')), [
    'wkv7_version_number',
    'wkv7_status_message',
    'wkv7_session_generate',
    'wkv7_batch_clear',
  ]);
});

test('numbers and fields are the header\'s', () => {
  const statuses = Object.entries(declarations.enums.wkv7_status);
  assert.deepEqual(statuses.map(([, value]) => value), Object.values(wkv7.Status));
  for (const [name, value] of Object.entries(wkv7.Status)) {
    assert.match(types, new RegExp(`readonly ${name}: ${value};`));
  }
  const reasons = Object.keys(declarations.enums.wkv7_stop_reason);
  assert.deepEqual(reasons, ['NONE', 'TOKEN', 'TEXT', 'MAX_TOKENS', 'CALLBACK'].map((name) => `WKV7_STOP_${name}`));
  for (const struct of ['wkv7_model_info', 'wkv7_stats', 'wkv7_generation_result', 'wkv7_top']) {
    for (const field of Object.keys(declarations.structs[struct]).filter((name) => name !== 'struct_size')) {
      const name = field.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
      assert.match(types, new RegExp(`\\b${name}: `), `${struct}.${field}`);
    }
  }
  for (const [struct, files] of [['wkv7_sampler_options', ['sampler']], ['wkv7_model_options', ['model', 'jobs']]]) {
    const text = files.map((name) => readFileSync(path.join(PACKAGE, 'lib', `${name}.cjs`), 'utf8')).join('');
    for (const field of Object.keys(declarations.structs[struct]).filter((name) => name !== 'struct_size')) {
      assert.match(text, new RegExp(`\\b${field}\\b`), `${struct}.${field}`);
    }
  }
});

test('a status of a newer library is an error', () => {
  const error = new wkv7.Wkv7Error('news', 999);
  assert.deepEqual([error.status, error.code, error.name, error.message], [999, 'WKV7_ERR_OTHER', 'Wkv7Error', 'news']);
});

test('log messages arrive', async () => {
  const heard = [];
  await wkv7.logTo((level, message) => heard.push([level, message]), 'trace');
  (await wkv7.Model.open(MODEL)).close();
  await wkv7.logTo(null);
  assert.ok(heard.some(([level, message]) => level === 'info' && message.includes('stories')));
  const count = heard.length;
  (await wkv7.Model.open(MODEL)).close();
  await wkv7.logTo(null);
  assert.equal(heard.length, count, 'nothing is logged unless asked for');
  await wkv7.logTo((level) => heard.push([level]), 'error');
  (await wkv7.Model.open(MODEL)).close();
  await wkv7.logTo(null);
  assert.equal(heard.length, count, 'nor what matters less than asked for');
  await assert.rejects(wkv7.logTo(() => {}, 'loud'), /no log level `loud`, expected one of: off, error/);
});

test('messages from many threads arrive, each whole', async () => {
  const heard = [];
  await wkv7.logTo((level, message) => heard.push(message), 'trace');
  const models = await Promise.all(Array.from({ length: 12 }, () => wkv7.Model.open(MODEL)));
  await wkv7.logTo(null);
  assert.equal(heard.filter((message) => /stories\.safetensors: 3 layers of 128 channels/.test(message)).length, 12);
  models.forEach((one) => one.close());
});

test('the library is looked for where it is said to be', () => {
  const { fixed, names, places } = require('../lib/find.cjs');
  assert.deepEqual(names('linux'), ['libwkv7.so.0.1', 'libwkv7.so']);
  assert.deepEqual(names('darwin'), ['libwkv7.0.1.dylib', 'libwkv7.dylib']);
  assert.deepEqual(places({ WKV7_LIBRARY: 'here.so', WKV7_PREFIX: 'there' }, 'linux'), ['here.so']);
  assert.deepEqual(places({ WKV7_PREFIX: 'there' }, 'linux')[0], path.join('there', 'lib', 'libwkv7.so.0.1'));
  assert.deepEqual(places({}, 'win32'), ['wkv7.dll']);
  assert.equal(fixed('libwkv7.so'), 'libwkv7.so', 'the system looks for it');
  assert.equal(fixed(path.join('lib', 'libwkv7.so')), path.resolve('lib', 'libwkv7.so'));
});

test('every thread uses the library that the first one found', async () => {
  const { fixed, places } = require('../lib/find.cjs');
  const place = places(process.env, process.platform).map(fixed).find(existsSync);
  const text = `
    import { Model, devices, logTo } from 'wkv7';
    import { Worker } from 'node:worker_threads';
    process.env.WKV7_LIBRARY = 'no-such-library.so';
    process.chdir('tests');
    let told = 0;
    await logTo(() => {}, 'trace');
    (await Model.open(process.env.WKV7_MODEL, { onProgress: () => { told += 1; } })).close();
    console.log(told > 0, Array.isArray(await devices()));
    const inside = \`
      const { Model, version } = require('wkv7');
      Model.open(process.env.WKV7_MODEL, { onProgress() {} }).then(() => console.log(version()));\`;
    new Worker(inside, { eval: true, execArgv: [] });`;
  // Relative where it can be, so that it stops to mean the same.
  const environment = place === undefined ? {} : { WKV7_LIBRARY: path.relative(PACKAGE, place) };
  const { code, stdout, stderr } = await program(text, environment);
  assert.deepEqual([code, stdout, stderr], [0, `true true\n${wkv7.version()}\n`, '']);
});

for (const [file, message] of [
  ['no-such-library.so', /no libwkv7: no-such-library\.so/],
  [path.join(HERE, 'common.mjs'), /no libwkv7: .*common\.mjs/],
]) {
  test(`a bad library is an error of the import: ${path.basename(file)}`, async () => {
    const { code, stderr } = await program("await import('wkv7')", { WKV7_LIBRARY: file });
    assert.equal(code, 1);
    assert.match(stderr, message);
    assert.match(stderr, /cargo xtask install/);
  });
}
