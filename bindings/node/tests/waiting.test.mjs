// The event loop, cancelling, and sessions side by side.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Status } from 'wkv7';
import { LONG, TEXT, fed, goesOn, greedy, model } from './common.mjs';

const ENDLESS = 1_000_000; // tokens: minutes
const LONGER = Array.from({ length: 20 }, () => LONG).flat(); // half a minute

/** How often a timer fires while `call` runs. */
async function ticksDuring(call) {
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 1);
  try {
    await call();
    return ticks;
  } finally {
    clearInterval(timer);
  }
}

const CALLS = {
  feed: (session) => session.feed(LONG),
  'feed a text': (session) => session.feed(Buffer.from(LONG).toString()),
  feedAll: (session) => session.feedAll(LONG.slice(0, 4096)),
  feedTop: (session) => session.feedTop(LONG),
  embed: (session) => session.embed(LONG),
  generate: (session) => goesOn(session, 1000),
  batch: async (session) => {
    const batch = model.batch();
    batch.add(session, LONG.slice(0, 1024), 'all');
    for (let round = 0; round < 5; round += 1) {
      await batch.run();
    }
  },
};

for (const [name, call] of Object.entries(CALLS)) {
  test(`the event loop goes on: ${name}`, async () => {
    const session = await fed();
    const ticks = await ticksDuring(() => call(session));
    // In this thread there would be none, or for many short calls one between two of them.
    assert.ok(ticks > 10, `${ticks} ticks`);
    session.close();
  });
}

test('sessions side by side are as one after another', async () => {
  const work = async (text) => {
    const session = model.session();
    await session.feed(text);
    const { logits } = session;
    const found = { text: await goesOn(session, 30), logits };
    session.close();
    return found;
  };
  const texts = Array.from({ length: 16 }, (_, number) => `${TEXT}, ${number} frogs`);
  const together = await Promise.all(texts.map(work));
  for (const [index, text] of texts.entries()) {
    assert.deepEqual(together[index], await work(text));
  }
});

test('whoever comes second is told', async () => {
  const session = await fed();
  const feeding = session.feed(LONG);
  const busy = { status: Status.BUSY, code: 'WKV7_ERR_BUSY', message: 'another call is using the session' };
  await assert.rejects(session.feed(1), busy);
  await assert.rejects(session.fork(), busy);
  for (const call of [() => session.logits, () => session.tokensSeen, () => greedy().sample(session)]) {
    assert.throws(call, busy);
  }
  assert.equal(await feeding, LONG.length);
  assert.equal(session.tokensSeen, 16 + LONG.length);
});

test('cancel stops a feed, and holds until it is cleared', async () => {
  const session = await fed();
  const feeding = session.feed(LONGER);
  setTimeout(() => session.cancel(), 50);
  await assert.rejects(feeding, { status: Status.CANCELLED, code: 'WKV7_ERR_CANCELLED' });
  const seen = session.tokensSeen;
  assert.equal((seen - 16) % 1024, 0, 'between two forwards');
  assert.ok(seen < LONGER.length);
  await assert.rejects(session.feed(1), { status: Status.CANCELLED });
  session.clearCancel();
  await session.feed(1);
  assert.equal(session.tokensSeen, seen + 1);
});

test('cancel stops a generation', async () => {
  const session = await fed();
  const generation = session.generate({ maxTokens: ENDLESS });
  setTimeout(() => session.cancel(), 50);
  let count = 0;
  const loop = async () => {
    for await (const piece of generation) {
      count += piece === undefined ? 0 : 1;
    }
  };
  await assert.rejects(loop, { status: Status.CANCELLED });
  assert.deepEqual([generation.result.reason, generation.result.tokens], ['none', count]);
  assert.equal(session.tokensSeen, 16 + count);
  session.clearCancel();
  await session.feed(1);
});

test('a signal stops a feed, with its reason and no longer than that', async () => {
  for (const call of ['feed', 'feedTop', 'embed']) {
    const session = await fed();
    const controller = new AbortController();
    const mine = new Error('enough');
    const options = { signal: controller.signal };
    const feeding = call === 'feedTop' ? session.feedTop(LONGER, 3, options) : session[call](LONGER, options);
    setTimeout(() => controller.abort(mine), 50);
    await assert.rejects(feeding, (error) => error === mine);
    const seen = session.tokensSeen;
    assert.equal((seen - 16) % 1024, 0, 'between two forwards');
    assert.ok(seen < LONGER.length);
    await session.feed(1);
    assert.equal(session.tokensSeen, seen + 1, 'it is not cancelled for good');
    await assert.rejects(session.feed(1, options), (error) => error === mine);
    assert.equal(session.tokensSeen, seen + 1, 'nothing begins with a signal that is aborted');
  }
});

test('a signal stops a generation before its next token', async () => {
  const session = await fed();
  const controller = new AbortController();
  let count = 0;
  const loop = async () => {
    for await (const piece of session.generate({ sampler: greedy(), signal: controller.signal })) {
      count += 1;
      if (piece.text === 'w') {
        controller.abort();
      }
    }
  };
  await assert.rejects(loop, { name: 'AbortError' });
  assert.equal(count, ' there w'.length);
  assert.equal(session.tokensSeen, 16 + count);
  assert.equal(await goesOn(session, 6), 'as a c');
});

test('a signal stops a generation from outside', async () => {
  const session = await fed();
  const generation = session.generate({ maxTokens: ENDLESS, signal: AbortSignal.timeout(50) });
  await assert.rejects(generation.text(), { name: 'TimeoutError' });
  const { tokens, reason } = generation.result;
  assert.ok(tokens < ENDLESS && reason === 'none');
  assert.equal(session.tokensSeen, 16 + tokens);
  await session.feed(1);
});

test('a signal stops the prompt of a generation', async () => {
  const session = model.session();
  const signal = AbortSignal.timeout(50);
  await assert.rejects(session.generate(LONGER, { signal }).text(), { name: 'TimeoutError' });
  assert.equal(session.tokensSeen % 1024, 0);
  assert.ok(session.tokensSeen < LONGER.length);
});

test('a signal that is kept from one call does not count for the next', async () => {
  const session = await fed();
  const kept = new AbortController();
  kept.signal.addEventListener('abort', (event) => event.stopImmediatePropagation());
  const feeding = session.feed(LONG, { signal: kept.signal });
  kept.abort();
  assert.equal(await feeding, LONG.length);
  const heard = new AbortController();
  const stopped = session.feed(LONGER, { signal: heard.signal });
  heard.abort();
  await assert.rejects(stopped, { name: 'AbortError' });
});

test('cancel outlives a signal', async () => {
  const session = await fed();
  const controller = new AbortController();
  const feeding = session.feed(LONGER, { signal: controller.signal });
  controller.abort();
  session.cancel();
  await assert.rejects(feeding, { name: 'AbortError' });
  await assert.rejects(session.feed(1), { status: Status.CANCELLED });
  session.clearCancel();
  await session.feed(1);
});

test('closing while somebody computes waits for the call', async () => {
  const session = await fed();
  const feeding = session.feed(LONG.slice(0, 4096));
  session.close();
  assert.throws(() => session.tokensSeen, { message: '`session` is closed' });
  assert.equal(await feeding, 4096);
  const other = await fed();
  const generation = other.generate({ sampler: greedy(), maxTokens: 6 });
  const asked = generation.next();
  await turn();
  other.close();
  assert.equal((await asked).value.text + (await generation.text()), ' there');
});

test('more calls than threads wait for their turn', async () => {
  const sessions = Array.from({ length: 40 }, () => model.session());
  const counts = await Promise.all(sessions.map((session) => session.feed(TEXT)));
  assert.deepEqual(counts, Array(40).fill(16));
  await sleep(0);
  sessions.forEach((session) => session.close());
});
