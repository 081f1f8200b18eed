import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sampler, Status } from 'wkv7';
import { fed, greedy, model } from './common.mjs';

const PLAIN = { temperature: 1, topP: 1, presence: 0, frequency: 0 };
const rounded = (numbers) => Array.from(numbers, (number) => Math.round(number * 1000) / 1000);

test('logits of any kind', async () => {
  for (const logits of [[0, 2, 1], Float32Array.of(0, 2, 1), Float64Array.of(0, 2, 1), { length: 2, 0: 1, 1: 3 }]) {
    assert.equal(greedy().sample(logits), 1);
  }
  const session = await fed();
  assert.equal(greedy().sample(session), session.top(1)[0].token);
  assert.equal(greedy().sample(session.logits), session.top(1)[0].token);
});

test('probabilities are those of the softmax', async () => {
  const { logits } = await fed();
  const most = Math.max(...logits);
  const exact = Array.from(logits, (logit) => Math.exp(logit - most));
  const total = exact.reduce((sum, one) => sum + one);
  const found = new Sampler(PLAIN).probabilities(logits);
  assert.ok(found.every((one, token) => Math.abs(one - exact[token] / total) < 1e-6));
});

test('options cut and bend', () => {
  const logits = [0.5, 0.3, 0.15, 0.05].map(Math.log);
  const probabilities = (options) => rounded(new Sampler({ ...PLAIN, ...options }).probabilities(logits));
  assert.deepEqual(probabilities({}), [0.5, 0.3, 0.15, 0.05]);
  assert.deepEqual(probabilities({ topK: 2 }), [0.625, 0.375, 0, 0]);
  assert.deepEqual(probabilities({ topP: 0.75 }), [0.625, 0.375, 0, 0]);
  assert.deepEqual(probabilities({ minP: 0.5 }), [0.625, 0.375, 0, 0]);
  assert.deepEqual(probabilities({ banned: [0, 1] }), [0, 0, 0.75, 0.25]);
  assert.deepEqual(probabilities({ bias: { 0: -Infinity, 1: -Infinity } }), [0, 0, 0.75, 0.25]);
  assert.deepEqual(probabilities({ bias: new Map([[0, -Infinity], [1, -Infinity]]) }), [0, 0, 0.75, 0.25]);
  assert.deepEqual(probabilities({ temperature: 0 }), [1, 0, 0, 0]);
});

test('accepted tokens are penalised', () => {
  const sampler = new Sampler({ temperature: 0, presence: 5, frequency: 0 });
  const logits = [0, 2, 1];
  assert.equal(sampler.sample(logits), 1);
  sampler.accept(1);
  assert.equal(sampler.sample(logits), 2);
  sampler.reset();
  sampler.accept(2, model.tokenizer);
  assert.equal(sampler.sample(logits), 1);
});

test('a seed repeats a run', () => {
  const logits = new Float32Array(256);
  const draw = (sampler) => Array.from({ length: 20 }, () => sampler.sample(logits));
  const first = new Sampler(model, { temperature: 1, topP: 1 });
  const run = draw(first);
  assert.deepEqual(draw(new Sampler({ ...PLAIN, seed: first.seed })), run);
  first.reset();
  assert.deepEqual(draw(first), run);
  assert.ok(new Set(run).size > 5);
  for (const seed of [0n, 2n ** 64n - 1n, 12345n]) {
    assert.equal(new Sampler({ seed }).seed, seed);
  }
});

test('what cannot be sampled is refused', () => {
  const session = model.session();
  assert.throws(() => greedy().sample([NaN, NaN]), { status: Status.SAMPLING });
  assert.throws(() => greedy().sample(session), { status: Status.NOTHING_FED });
  assert.throws(() => new Sampler({ temperature: -1 }), { status: Status.ARGUMENT, message: /temperature/ });
  assert.throws(() => new Sampler({ temperature: '1' }), TypeError);
  assert.throws(() => new Sampler({ seed: -1 }), RangeError);
  assert.throws(() => new Sampler({ seed: 2n ** 64n }), RangeError);
  for (const topK of [-1, NaN, 1.5, Infinity]) {
    assert.throws(() => new Sampler({ topK }), { name: 'RangeError', message: /`topK` is .*, expected an integer/ });
  }
  assert.throws(() => new Sampler({ topp: 1 }), /no option `topp` of a sampler/);
});

test('a closed sampler says so', async () => {
  const sampler = greedy();
  sampler.close();
  sampler.close();
  assert.throws(() => sampler.sample([1]), { status: Status.NULL, message: '`sampler` is closed' });
  await assert.rejects((await fed()).generate({ sampler }).next(), { status: Status.NULL });
});
