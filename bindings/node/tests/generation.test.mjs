import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sampler, Status } from 'wkv7';
import { STORY, TEXT, TOKENS, fed, goesOn, greedy, model } from './common.mjs';

test('pieces come one by one', async () => {
  const session = await fed();
  const pieces = [];
  for await (const piece of session.generate({ sampler: greedy(), maxTokens: STORY.length })) {
    pieces.push(piece);
  }
  assert.equal(pieces.map((piece) => piece.text).join(''), STORY);
  assert.deepEqual(pieces.map((piece) => piece.token), [...Buffer.from(STORY)]);
  assert.ok(pieces.every((piece) => piece.logProbability <= 0));
  assert.equal(session.tokensSeen, 16 + STORY.length);
});

test('a prompt is fed first, as text or tokens', async () => {
  for (const prompt of [TEXT, TOKENS]) {
    const session = model.session();
    const generation = session.generate(prompt, { sampler: greedy(), maxTokens: STORY.length });
    assert.equal(session.tokensSeen, 0, 'it begins when it is asked');
    assert.equal(await generation.text(), STORY);
  }
});

test('the log probability is the model\'s', async () => {
  const session = await fed();
  const [top] = session.top(1);
  const generation = session.generate({ sampler: greedy() });
  const { value, done } = await generation.next();
  assert.equal(done, false);
  assert.equal(value.token, top.token);
  assert.ok(Math.abs(value.logProbability - top.logProbability) < 1e-6);
  await generation.close();
});

test('it stops at a text', async () => {
  const session = await fed();
  const generation = session.generate({ sampler: greedy(), stop: ['no such', ' named'] });
  assert.equal(await generation.text(), ' there was a clever frog');
  const { reason, stopIndex, stopToken, tokens, seconds } = generation.result;
  assert.deepEqual([reason, stopIndex, stopToken, tokens], ['text', 1, null, 24]);
  assert.ok(seconds > 0);
  assert.equal(session.tokensSeen, 16 + 24, 'the stop text is not fed');
  assert.equal(await (await fed()).generate({ sampler: greedy(), stop: 'frog' }).text(), ' there was a clever ');
});

test('it stops at a token', async () => {
  const generation = (await fed()).generate({ sampler: greedy(), stopTokens: [103] });
  assert.equal(await generation.text(), ' there was a clever fro');
  assert.deepEqual([generation.result.reason, generation.result.stopToken], ['token', 103]);
});

test('it stops after enough', async () => {
  const session = await fed();
  const generation = session.generate({ sampler: greedy(), maxTokens: 6 });
  assert.equal(generation.result.reason, 'none');
  assert.equal((await generation.next()).value.text, ' ');
  assert.deepEqual([generation.result.reason, generation.result.tokens], ['none', 1], 'how far it is');
  assert.equal(await generation.text(), 'there');
  assert.deepEqual([generation.result.reason, generation.result.tokens], ['maxTokens', 6]);
  assert.deepEqual(await generation.next(), { value: undefined, done: true }, 'and stays at its end');
  const none = session.generate({ maxTokens: 0 });
  assert.deepEqual([await none.text(), none.result.reason], ['', 'maxTokens']);
});

test('the session is busy while it is open', async () => {
  const session = await fed();
  const generation = session.generate({ sampler: greedy() });
  await generation.next();
  const busy = { status: Status.BUSY };
  assert.throws(() => session.logits, busy);
  for (const call of [() => session.feed(1), () => session.state(), () => session.generate().next()]) {
    await assert.rejects(call, busy);
  }
  await generation.close();
  await generation.close();
  assert.equal(generation.result.tokens, 1);
  await session.feed(1);
  assert.equal(session.tokensSeen, 16 + 1 + 1);
});

test('how far it is can be asked between two pieces', async () => {
  const generation = (await fed()).generate({ sampler: greedy() });
  await generation.next();
  const asked = generation.next();
  assert.throws(() => generation.result, { status: Status.BUSY });
  await asked;
  assert.equal(generation.result.tokens, 2);
  await generation.close();
});

test('leaving the loop is enough', async () => {
  const session = await fed();
  for await (const piece of session.generate({ sampler: greedy(), stop: 'frog' })) {
    if (piece.text === 'w') {
      break;
    }
  }
  assert.equal(session.tokensSeen, 16 + ' there w'.length);
  assert.equal(await goesOn(session, 6), 'as a c');
});

test('an error leaves the session in order', async () => {
  const session = await fed();
  const mine = new Error('mine');
  const loop = async () => {
    for await (const piece of session.generate({ sampler: greedy(), stop: 'frog' })) {
      if (piece.text === 'w') {
        throw mine;
      }
    }
  };
  await assert.rejects(loop(), (error) => error === mine);
  assert.equal(session.tokensSeen, 16 + ' there w'.length);
});

test('several requests at once are answered in turn', async () => {
  const generation = (await fed()).generate({ sampler: greedy(), maxTokens: 3 });
  const found = await Promise.all([1, 2, 3, 4].map(() => generation.next()));
  assert.deepEqual(found.map(({ value }) => value?.text), [' ', 't', 'h', undefined]);
  assert.deepEqual(found.map(({ done }) => done), [false, false, false, true]);
  assert.equal(generation.result.tokens, 3);
});

test('a generation keeps its session and its sampler', async () => {
  const session = await fed();
  const sampler = greedy();
  const generation = session.generate({ sampler, maxTokens: STORY.length });
  const { value } = await generation.next();
  session.close();
  sampler.close();
  assert.equal(value.text + (await generation.text()), STORY);
  assert.throws(() => session.logits, /closed/);
});

test('options of a sampler will do', async () => {
  const texts = [];
  for (const seed of [7, 7n, 8]) {
    const session = await fed();
    texts.push(await session.generate({ seed, temperature: 1.5, topP: 0.95, maxTokens: 60 }).text());
  }
  assert.equal(texts[0], texts[1]);
  assert.notEqual(texts[0], texts[2]);
  const own = new Sampler(model, { seed: 7, temperature: 1.5, topP: 0.95 });
  assert.equal(await (await fed()).generate({ sampler: own, maxTokens: 60 }).text(), texts[0]);
});

test('wrong options are refused at once', async () => {
  const session = await fed();
  assert.throws(() => session.generate({ tempreature: 1 }), /no option `tempreature` of a generation/);
  assert.throws(() => session.generate({ sampler: greedy(), topP: 1 }), /found both/);
  assert.throws(() => session.generate({ maxTokens: -1 }), RangeError);
  assert.throws(() => session.generate(Buffer.from(TEXT)), TypeError);
  const refusal = { status: Status.ARGUMENT, message: /temperature/ };
  await assert.rejects(session.generate({ temperature: -1 }).next(), refusal);
  assert.equal(await goesOn(session, 6), ' there');
});

test('by hand is the same', async () => {
  const session = await fed();
  const tokens = [];
  for await (const { token } of (await session.fork()).generate({ sampler: greedy(), maxTokens: 32 })) {
    tokens.push(token);
  }
  const sampler = greedy();
  const found = [];
  for (let step = 0; step < 32; step += 1) {
    found.push(sampler.sample(session));
    await session.feed(found.at(-1));
  }
  assert.deepEqual(found, tokens);
});

test('no character is cut', async () => {
  // Every other token is banned, so that é is all there is.
  const banned = [...Array(256).keys()].filter((token) => token !== 195 && token !== 169);
  const sampler = new Sampler({ temperature: 0, presence: 1000, frequency: 0, banned });
  const texts = [];
  const tokens = [];
  for await (const piece of (await fed()).generate({ sampler, maxTokens: 2 })) {
    texts.push(piece.text);
    tokens.push(piece.token);
  }
  assert.deepEqual([...tokens].sort(), [169, 195]);
  assert.ok(['é', '\ufffd\ufffd'].includes(texts.join('')));
});
