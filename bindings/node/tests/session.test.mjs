import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Model, Session, Status } from 'wkv7';
import { LONG, MODEL, TEXT, TOKENS, fed, goesOn, model } from './common.mjs';

test('tokens and text are the same', async () => {
  const want = (await fed()).logits;
  const kinds = [TOKENS, new Set([79, 110]), Uint32Array.from(TOKENS), TOKENS.values(), Int16Array.from(TOKENS)];
  for (const tokens of kinds) {
    const session = model.session();
    const count = await session.feed(tokens);
    assert.equal(session.tokensSeen, count);
    if (count === 16) {
      assert.deepEqual(session.logits, want);
    }
  }
  const single = model.session();
  for (const token of TOKENS) {
    assert.equal(await single.feed(token), 1);
  }
  assert.deepEqual(single.logits, want);
});

test('what is neither text nor tokens is refused', async () => {
  const session = await fed();
  const before = session.logits;
  for (const bad of [Buffer.from(TEXT), undefined, null, {}]) {
    await assert.rejects(session.feed(bad), TypeError);
  }
  await assert.rejects(session.feedAll('Once'), /encode it/);
  for (const bad of [-1, 1.5, NaN, ['a'], 2 ** 32]) {
    await assert.rejects(session.feed(bad), RangeError);
  }
  for (const bad of [256, [1, 2, 256]]) {
    await assert.rejects(session.feed(bad), { status: Status.TOKEN, message: /256/ });
  }
  await assert.rejects(session.feed(1, { colour: 'red' }), /no option `colour`/);
  assert.equal(session.tokensSeen, 16);
  assert.deepEqual(session.logits, before);
});

test('there are no logits before the first token', async () => {
  const session = model.session();
  assert.equal(session.hasLogits, false);
  const refusal = { status: Status.NOTHING_FED };
  assert.throws(() => session.logits, refusal);
  assert.throws(() => session.top(), refusal);
  await assert.rejects(session.generate().next(), refusal);
  await session.feed(1);
  assert.equal(session.hasLogits, true);
});

test('all logits', async () => {
  const session = model.session();
  const rows = await session.feedAll(TOKENS);
  assert.equal(rows.length, 16);
  assert.ok(rows.every((row) => row instanceof Float32Array && row.length === 256));
  assert.deepEqual(rows.at(-1), session.logits);
  assert.deepEqual(session.logits, (await fed()).logits);
  assert.deepEqual(await session.feedAll([]), []);
});

test('the largest logits', async () => {
  const session = await fed();
  const { logits } = session;
  const tops = session.top(5);
  const order = [...logits.keys()].sort((one, other) => logits[other] - logits[one] || one - other);
  assert.deepEqual(tops.map((top) => top.token), order.slice(0, 5));
  assert.equal(tops[0].logit, Math.max(...logits));
  const total = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - tops[0].logit), 0));
  assert.ok(Math.abs(tops[0].logProbability + total) < 1e-5);
  const other = model.session();
  assert.deepEqual(await other.feedTop(TOKENS, 5), tops);
  assert.equal(other.hasLogits, false);
  assert.equal(session.top(1e12).length, 256);
  assert.deepEqual(session.top(0), []);
});

test('the hidden state', async () => {
  const session = model.session();
  const hidden = await session.embed(TOKENS);
  assert.equal(hidden.length, 128);
  assert.ok(hidden.some((value) => value !== 0));
  assert.equal(session.hasLogits, false);
  const batch = model.batch();
  batch.add(model.session(), TOKENS, 'hidden');
  assert.deepEqual(await batch.run(), [hidden]);
  assert.equal((await session.embed([])).length, 0);
});

test('logits are a copy', async () => {
  const session = await fed();
  const { logits } = session;
  const before = logits.slice();
  await session.feed(LONG.slice(0, 100));
  assert.deepEqual(logits, before);
  session.close();
  assert.deepEqual(logits, before);
});

test('forks go their own ways', async () => {
  const session = await fed();
  const fork = await session.fork();
  assert.ok(fork instanceof Session && fork.model === model);
  assert.deepEqual(fork.logits, session.logits);
  await fork.feed(' there');
  assert.deepEqual([session.tokensSeen, fork.tokensSeen], [16, 22]);
  assert.notDeepEqual(fork.logits, session.logits);
});

test('reset goes back to the start', async () => {
  const session = await fed();
  const before = session.logits;
  await session.reset();
  assert.equal(session.tokensSeen, 0);
  await session.feed(TEXT);
  assert.deepEqual(session.logits, before);
});

test('a session moves to another backend', async () => {
  const session = await fed();
  const reference = await Model.open(MODEL, { backend: 'reference' });
  const moved = await session.to(reference);
  assert.equal(moved.model, reference);
  assert.deepEqual(moved.logits, session.logits);
  assert.equal(await goesOn(moved, 20), await goesOn(session, 20));
});

test('stats count', async () => {
  const session = await fed();
  await goesOn(session, 5);
  const { stats } = session;
  assert.deepEqual([stats.fedTokens, stats.generatedTokens, stats.lastTokens], [16, 5, 5]);
  assert.ok(stats.fedSeconds > 0 && stats.generatedSeconds >= stats.lastSeconds && stats.lastSeconds > 0);
});

test('a closed session says so', async () => {
  const session = await fed();
  const state = await session.state();
  session.close();
  session.close();
  session[Symbol.dispose]();
  const closed = { name: 'Wkv7Error', status: Status.NULL, message: '`session` is closed' };
  for (const call of [() => session.logits, () => session.top(), () => session.tokensSeen, () => session.cancel()]) {
    assert.throws(call, closed);
  }
  const calls = [
    () => session.feed(1),
    () => session.feed('a'),
    () => session.embed([1]),
    () => session.state(),
    () => session.setState(state),
    () => session.fork(),
    () => session.reset(),
    () => session.generate('a').next(),
    () => session.generate().text(),
  ];
  for (const call of calls) {
    await assert.rejects(call, closed);
  }
});

test('nobody else makes one', () => {
  assert.throws(() => new Session(), /use model\.session\(\)/);
});
