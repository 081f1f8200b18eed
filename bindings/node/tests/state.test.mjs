import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Model, State, Status } from 'wkv7';
import { MODEL, TEXT, fed, folder, goesOn, model } from './common.mjs';

test('a state is a value', async () => {
  const session = await fed();
  const state = await session.state();
  assert.ok(state instanceof State && state.model === model);
  assert.equal(state.tokensSeen, 16);
  const { logits } = session;
  assert.deepEqual(state.logits, logits);
  const want = await goesOn(session);
  const other = model.session();
  await other.setState(state);
  assert.equal(other.tokensSeen, 16);
  assert.deepEqual(other.logits, logits);
  assert.equal(await goesOn(other), want);
});

test('it goes through a file and through bytes', async () => {
  const place = pathToFileURL(path.join(folder(), 'once.state'));
  const session = await fed();
  const state = await session.state();
  await session.save(place);
  const want = await goesOn(session);
  const bytes = await state.toBytes();
  assert.ok(bytes instanceof Uint8Array && bytes.length > state.wkv.byteLength);
  for (const read of [() => State.load(model, place), () => State.fromBytes(model, bytes)]) {
    const again = await read();
    for (const part of ['attShift', 'wkv', 'ffnShift', 'logits', 'tokensSeen']) {
      assert.deepEqual(again[part], state[part], part);
    }
  }
  const other = model.session();
  await other.restore(place);
  assert.equal(await goesOn(other), want);
});

test('it continues on another backend', async () => {
  const session = await fed();
  const reference = await Model.open(MODEL, { backend: 'reference' });
  const there = reference.session();
  await there.setState(await session.state());
  assert.equal(await goesOn(there), await goesOn(session));
});

test('many sessions take one state at once', async () => {
  const session = await fed();
  const state = await session.state();
  const sessions = Array.from({ length: 8 }, () => model.session());
  await Promise.all(sessions.map((one) => one.setState(state)));
  for (const one of sessions) {
    assert.deepEqual(one.logits, session.logits);
    one.close();
  }
});

test('what is no state is refused', async () => {
  const place = path.join(folder(), 'no.state');
  writeFileSync(place, 'no state here');
  const session = await fed();
  await assert.rejects(State.load(model, place), { status: Status.FILE, message: /no\.state/ });
  await assert.rejects(State.load(model, path.join(folder(), 'missing')), { status: Status.IO });
  await assert.rejects(State.fromBytes(model, new Uint8Array(100)), { status: Status.FILE });
  await assert.rejects(session.restore(place), { status: Status.FILE });
  assert.equal(session.tokensSeen, 16, 'the session is as before');
  assert.throws(() => new State(), /session\.state\(\)/);
});

test('a state of another model is refused with both fingerprints', async () => {
  const bytes = Buffer.from(await (await fed()).state().then((state) => state.toBytes()));
  const { fingerprint } = model.info;
  const at = bytes.indexOf(fingerprint);
  assert.ok(at > 0);
  const stranger = [...fingerprint].reverse().join('');
  bytes.write(stranger, at);
  await assert.rejects(State.fromBytes(model, bytes), (error) => {
    assert.equal(error.status, Status.WRONG_MODEL);
    return error.message.includes(fingerprint) && error.message.includes(stranger);
  });
});

test('a new state is zeros', async () => {
  const state = State.zeros(model);
  assert.deepEqual([state.wkv.length, state.attShift.length, state.ffnShift.length], [3 * 2 * 64 * 64, 384, 384]);
  assert.ok(state.wkv.every((value) => value === 0) && state.attShift.every((value) => value === 0));
  assert.deepEqual([state.logits.length, state.tokensSeen], [0, 0]);
});

test('parts can be changed', async () => {
  const session = await fed();
  const state = await session.state();
  const before = state.wkv;
  const doubled = before.map((value) => value * 2);
  state.setPart('wkv', doubled);
  assert.deepEqual(state.wkv, doubled);
  assert.notDeepEqual(before, doubled, 'what was read is a copy');
  assert.equal(state.logits.length, 0, 'the logits belonged to what was there before');
  state.setPart('logits', Array(256).fill(0.5));
  assert.deepEqual(state.logits, new Float32Array(256).fill(0.5));
  await session.setState(state);
  assert.deepEqual((await session.state()).wkv, doubled);
  assert.throws(() => state.setPart('ffnShift', [1, 2]), { status: Status.ARGUMENT, message: /384/ });
  assert.throws(() => state.setPart('mood', [1]), /no part `mood`/);
});

test('a closed state says so', async () => {
  const session = await fed();
  const state = await session.state();
  state.close();
  state.close();
  const closed = { status: Status.NULL, message: '`state` is closed' };
  assert.throws(() => state.wkv, closed);
  await assert.rejects(state.toBytes(), closed);
  await assert.rejects(session.setState(state), closed);
  assert.equal(session.tokensSeen, 16);
});

test('a tuned state is read', async () => {
  // A safetensors file by hand: a header, then the numbers, transposed in one of two files.
  const [layers, heads, size] = [3, 2, 64];
  const each = heads * size * size;
  const plain = Float32Array.from({ length: layers * each }, (_, index) => Math.sin(index * 12.9898) * 0.5);
  const turned = plain.map((_, index) => {
    const within = index % (size * size);
    return plain[index - within + (within % size) * size + Math.floor(within / size)];
  });
  const header = {};
  for (let layer = 0; layer < layers; layer += 1) {
    const data_offsets = [layer * each * 4, (layer + 1) * each * 4];
    header[`blocks.${layer}.att.time_state`] = { dtype: 'F32', shape: [heads, size, size], data_offsets };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const place = folder();
  for (const [name, numbers] of Object.entries({ plain, turned })) {
    writeFileSync(path.join(place, name), Buffer.concat([length, text, Buffer.from(numbers.buffer)]));
  }
  const state = await State.loadTuned(model, path.join(place, 'plain'));
  assert.deepEqual(state.wkv, plain);
  assert.deepEqual((await State.loadTuned(model, path.join(place, 'turned'), { transposed: true })).wkv, plain);
  const session = model.session();
  await session.setState(state);
  await session.feed(TEXT);
  const other = await Model.open(MODEL, {
    initialState: path.join(place, 'turned'),
    initialStateTransposed: true,
    threads: 1,
  });
  const begun = other.session();
  await begun.feed(TEXT);
  assert.deepEqual(begun.logits, session.logits);
  assert.notDeepEqual(begun.logits, (await fed()).logits);
});
