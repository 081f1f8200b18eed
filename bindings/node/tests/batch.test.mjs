import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Batch, Status } from 'wkv7';
import { LONG, fed, model } from './common.mjs';

const TEXTS = ['Once upon a time', 'One day', 'Tom and'];
const tokens = (text) => [...Buffer.from(text)];

async function alone(text) {
  const session = model.session();
  await session.feed(text);
  return session;
}

test('a batch is as one after another', async () => {
  const sessions = TEXTS.map(() => model.session());
  const batch = model.batch();
  sessions.forEach((session, index) => batch.add(session, tokens(TEXTS[index])));
  assert.equal(batch.length, 3);
  const results = await batch.run();
  for (const [index, session] of sessions.entries()) {
    const want = (await alone(TEXTS[index])).logits;
    assert.deepEqual(results[index], want);
    assert.deepEqual(session.logits, want);
    assert.equal(session.tokensSeen, TEXTS[index].length);
  }
});

test('each step gets what it wants', async () => {
  const sessions = Array.from({ length: 4 }, () => model.session());
  const batch = model.batch();
  const wants = ['nothing', 'last', 'all', 'hidden'];
  wants.forEach((want, index) => batch.add(sessions[index], tokens('One day'), want));
  const [nothing, last, all, hidden] = await batch.run();
  assert.equal(nothing, null);
  assert.deepEqual(last, (await alone('One day')).logits);
  assert.equal(all.length, 7);
  assert.deepEqual(all.at(-1), last);
  assert.deepEqual(hidden, await model.session().embed(tokens('One day')));
  assert.throws(() => batch.add(sessions[0], 1, 'more'), /expected one of: nothing, last, all, hidden/);
});

test('it runs again, and results stay as they are', async () => {
  const session = model.session();
  const batch = model.batch();
  batch.add(session, tokens('ab'));
  const [first] = await batch.run();
  const before = first.slice();
  const [second] = await batch.run();
  assert.deepEqual(first, before);
  assert.deepEqual(second, (await alone('abab')).logits);
  batch.clear();
  assert.equal(batch.length, 0);
  assert.deepEqual(await batch.run(), []);
});

test('tokens are copied', async () => {
  const given = Uint32Array.from(tokens('One day'));
  const session = model.session();
  const batch = model.batch();
  batch.add(session, given);
  given.fill(0);
  assert.deepEqual(await batch.run(), [(await alone('One day')).logits]);
});

test('what cannot be run is refused, and sessions stay as they were', async () => {
  const session = await fed();
  const before = session.logits;
  const twice = model.batch();
  twice.add(session, 1);
  twice.add(session, 2);
  await assert.rejects(twice.run(), { status: Status.ARGUMENT });
  const large = model.batch();
  large.add(session, LONG.slice(0, 1025));
  await assert.rejects(large.run(), { status: Status.TOO_LARGE, message: /1024/ });
  const strange = model.batch();
  strange.add(session, 256);
  await assert.rejects(strange.run(), { status: Status.TOKEN });
  assert.equal(session.tokensSeen, 16);
  assert.deepEqual(session.logits, before);
  assert.throws(() => new Batch(), /use model\.batch\(\)/);
});

test('a session that computes elsewhere is busy, and one that is closed says so', async () => {
  const session = model.session();
  const batch = model.batch();
  batch.add(session, 1);
  const feeding = session.feed(LONG.slice(0, 1024));
  await assert.rejects(batch.run(), { status: Status.BUSY });
  await feeding;
  assert.equal((await batch.run()).length, 1);
  session.close();
  await assert.rejects(batch.run(), { status: Status.NULL, message: '`session` is closed' });
});
