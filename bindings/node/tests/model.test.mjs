import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Model, Status, Wkv7Error } from 'wkv7';
import { MODEL, TEXT, fed, folder, model } from './common.mjs';

test('info and json tell the same', () => {
  const { info } = model;
  assert.deepEqual([info.layers, info.channels, info.heads, info.headSize], [3, 128, 2, 64]);
  assert.deepEqual([info.vocab, info.slots, info.maxTokens, info.ffn], [256, 64, 1024, 512]);
  assert.deepEqual([info.backend, info.dtype, info.format, info.endOfText], ['cpu', 'BF16', 'safetensors', null]);
  assert.equal(info.fileBytes, statSync(MODEL).size);
  assert.equal(model.json().fingerprint, info.fingerprint);
  assert.throws(() => (info.layers = 4), TypeError);
});

test('options reach the library', async () => {
  const options = { backend: 'reference', slots: 1, maxTokens: 16, threads: 1, exact: true, tokenizer: 'bytes' };
  const small = await Model.open(pathToFileURL(MODEL), options);
  assert.deepEqual([small.info.backend, small.info.slots, small.info.maxTokens], ['reference', 1, 16]);
  const first = small.session();
  assert.throws(() => small.session(), { name: 'Wkv7Error', status: Status.NO_SLOT, code: 'WKV7_ERR_NO_SLOT' });
  first.close();
  const second = small.session();
  assert.equal(await second.feed(TEXT), 16);
  second.close();
  small.close();
});

test('every session starts from the initial state', async () => {
  const start = path.join(folder(), 'start.state');
  const session = await fed();
  await session.save(start);
  const other = await Model.open(MODEL, { initialState: start, threads: 1 });
  const begun = other.session();
  assert.equal(begun.tokensSeen, 16);
  assert.deepEqual(begun.logits, session.logits);
});

test('errors have the library\'s own text, status and name', async () => {
  const place = path.join(folder(), 'poem.txt');
  writeFileSync(place, 'no weights here');
  // The same call in this thread, whose text nobody has carried around.
  const { check, lib, text } = createRequire(import.meta.url)('../lib/library.cjs');
  let there;
  try {
    check(lib.wkv7_model_open(...text(place), null, new BigUint64Array(1)));
  } catch (error) {
    there = error;
  }
  assert.match(there.message, /poem\.txt/);
  await assert.rejects(Model.open(place), (error) => {
    assert.ok(error instanceof Wkv7Error);
    assert.deepEqual([error.message, error.status, error.code], [there.message, Status.FILE, 'WKV7_ERR_FILE']);
    assert.match(error.stack, /^Wkv7Error: .*poem\.txt[^]*model\.test\.mjs/, 'and name the line that asked');
    return true;
  });
  await assert.rejects(Model.open('no-such-model.pth'), { status: Status.IO, message: /no-such-model\.pth/ });
  await assert.rejects(Model.open(MODEL, { backend: 'abacus' }), /abacus/);
});

test('many failures at once keep their texts', async () => {
  const names = Array.from({ length: 24 }, (_, number) => `nowhere-${number}.pth`);
  const errors = await Promise.all(names.map((name) => Model.open(name).catch((error) => error)));
  errors.forEach((error, index) => assert.match(error.message, new RegExp(`nowhere-${index}\\.pth`)));
});

test('options that nobody knows are refused', async () => {
  await assert.rejects(Model.open(MODEL, { colour: 'red' }), { name: 'TypeError', message: /no option `colour`/ });
  await assert.rejects(Model.open(MODEL, { slots: -1 }), RangeError);
  await assert.rejects(Model.open(7), TypeError);
  assert.throws(() => new Model(), /use Model\.open\(\)/);
});

test('progress is told in bytes', async () => {
  const told = [];
  const other = await Model.open(MODEL, { onProgress: (done, total) => told.push([done, total]) });
  assert.ok(told.length > 1, 'and all of it has come when the model is open');
  assert.deepEqual(told, [...told].sort(([one], [other]) => one - other));
  const [done, total] = told.at(-1);
  assert.ok(done === total && total > 0);
  other.close();
});

test('two models load at once, each with its own progress', async () => {
  const told = [[], []];
  const models = await Promise.all(told.map((list) => Model.open(MODEL, { onProgress: (done) => list.push(done) })));
  assert.ok(told[0].length > 1);
  assert.deepEqual(told[0], told[1]);
  models.forEach((one) => one.close());
});

test('progress ends loading', async () => {
  await assert.rejects(Model.open(MODEL, { onProgress: () => false }), { status: Status.CANCELLED });
  const mine = new Error('no bytes for me');
  const fail = () => {
    throw mine;
  };
  await assert.rejects(Model.open(MODEL, { onProgress: fail }), (error) => error === mine);
});

test('a signal ends loading', async () => {
  await assert.rejects(Model.open(MODEL, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  const controller = new AbortController();
  const mine = new Error('enough');
  const opening = Model.open(MODEL, { signal: controller.signal, onProgress: () => controller.abort(mine) });
  await assert.rejects(opening, (error) => error === mine);
});

test('a model in memory computes the same', async () => {
  const data = readFileSync(MODEL);
  const copy = await Model.fromMemory(data, { threads: 1 });
  data.fill(0);
  assert.equal(copy.info.fingerprint, model.info.fingerprint);
  const session = copy.session();
  await session.feed(TEXT);
  assert.deepEqual(session.logits, (await fed()).logits);
  await assert.rejects(Model.fromMemory(Buffer.from('no weights')), { status: Status.FILE });
  await assert.rejects(Model.fromMemory('no bytes'), { name: 'TypeError', message: 'expected bytes, found string' });
});

test('the built-in model needs no file', async () => {
  const own = await Model.builtIn({ threads: 1 });
  assert.equal(own.json().path, 'built-in');
  assert.equal(own.info.endOfText, 0);
  const told = await own.session().generate('Once upon a time', { maxTokens: 20, seed: 1 }).text();
  assert.notEqual(told, '');
  assert.equal(await own.session().generate('Once upon a time', { maxTokens: 20, seed: 1 }).text(), told);
  await assert.rejects(Model.builtIn({ onProgress: () => false }), { status: Status.CANCELLED });
});

test('a closed model says so, and its sessions go on', async () => {
  const other = await Model.open(MODEL, { threads: 1 });
  const session = other.session();
  const { tokenizer } = other;
  other.close();
  other.close();
  other[Symbol.dispose]();
  for (const call of [() => other.session(), () => other.json(), () => tokenizer.encode('a')]) {
    assert.throws(call, { name: 'Wkv7Error', status: Status.NULL, message: /`(model|tokenizer)` is closed/ });
  }
  assert.equal(await session.feed(TEXT), 16);
  assert.equal(await session.generate({ maxTokens: 6, temperature: 0, presence: 0, frequency: 0 }).text(), ' there');
  session.close();
});
