import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Model, State, Status } from 'wkv7';
import { MODEL, folder, model } from './common.mjs';

const PAIRS = [{ prompt: 'Q: goose?\nA:', answer: ' A bird.' }, { answer: 'An answer alone.' }];

/** The logits after the first prompt. */
async function prompted(session) {
  await session.feed(PAIRS[0].prompt);
  return session.logits;
}

test('a state is tuned, and kept in a file', async () => {
  const seen = [];
  const state = await model.tuneState(PAIRS, {
    steps: 12,
    warmupSteps: 1,
    threads: 1,
    onProgress: (step) => {
      seen.push(step);
    },
  });
  assert.deepEqual(seen.map((step) => step.done), Array.from({ length: 12 }, (_, n) => n + 1));
  assert.ok(seen.every((step) => step.steps === 12 && step.skipped === false && step.accuracy <= 1));
  assert.ok(seen[11].loss < seen[0].loss);
  const plain = await prompted(model.session());
  const session = model.session();
  await session.setState(state);
  const tuned = await prompted(session);
  assert.notDeepEqual(tuned, plain);

  const path = `${folder()}/tuned.pth`;
  await state.saveTuned(path);
  assert.deepEqual((await State.loadTuned(model, path)).wkv, state.wkv);
  const started = await Model.open(MODEL, { initialState: path, threads: 1 });
  assert.deepEqual(await prompted(started.session()), tuned);
  started.close();
});

test('it needs nobody to listen', async () => {
  const state = await model.tuneState(PAIRS, { steps: 1, threads: 1 });
  assert.ok(state.wkv.some((value) => value !== 0));
});

test('its callback ends it, and what was learned stays', async () => {
  let calls = 0;
  const state = await model.tuneState(PAIRS, { steps: 1e9, threads: 1, onProgress: () => ++calls < 2 });
  assert.equal(calls, 2);
  assert.ok(state.wkv.some((value) => value !== 0));
});

test('errors and signals end it', async () => {
  const enough = new Error('enough');
  const options = { steps: 1e9, threads: 1 };
  const onProgress = () => {
    throw enough;
  };
  await assert.rejects(model.tuneState(PAIRS, { ...options, onProgress }), enough);
  const abort = new AbortController();
  const aborted = model.tuneState(PAIRS, { ...options, signal: abort.signal, onProgress: () => abort.abort(enough) });
  await assert.rejects(aborted, enough);
  await assert.rejects(model.tuneState(PAIRS, { signal: abort.signal }), enough);
});

test('what cannot be learned is refused', async () => {
  await assert.rejects(model.tuneState([]), { status: Status.ARGUMENT, message: /found 0 samples/ });
  await assert.rejects(model.tuneState(PAIRS, { firstRate: -1 }), { status: Status.ARGUMENT });
  await assert.rejects(model.tuneState([{ prompt: 'a' }]), TypeError);
  await assert.rejects(model.tuneState(PAIRS, { steps: -1 }), RangeError);
  await assert.rejects(model.tuneState(PAIRS, { step: 1 }), TypeError);
  await assert.rejects(State.zeros(model).saveTuned('state.txt'), { status: Status.UNSUPPORTED });
});
