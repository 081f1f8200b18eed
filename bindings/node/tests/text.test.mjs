// Vocabularies and chat templates.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chat, Status, Tokenizer } from 'wkv7';
import { model } from './common.mjs';

const world = await Tokenizer.open('world');

const streamed = async (tokenizer, tokens) => {
  const texts = [];
  for await (const text of tokenizer.decodeStream(tokens)) {
    texts.push(text);
  }
  return texts;
};

for (const text of ['', 'Hello, world!\n', 'naïve café, 你好, 🦢', '\0 inside', '\ufeffmarked', 'a'.repeat(1000)]) {
  test(`text comes back: ${JSON.stringify(text.slice(0, 20))}`, async () => {
    const tokens = world.encode(text);
    assert.ok(tokens instanceof Uint32Array);
    assert.equal(world.decode(tokens), text);
    assert.equal((await streamed(world, tokens)).join(''), text);
    assert.equal(Buffer.concat(Array.from(tokens, (token) => world.token(token))).toString(), text);
  });
}

test('any bytes will do', () => {
  const data = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  assert.deepEqual(world.decodeBytes(world.encode(data)), data);
  assert.match(world.decode(world.encode(data)), /\ufffd/);
});

test('what the vocabulary is', () => {
  assert.deepEqual([world.size, world.endOfText, world.token(0).length], [65530, 0, 0]);
  assert.deepEqual([...world.encode('Hello, world')], [33155, 45, 40213]);
  assert.equal(model.tokenizer, model.tokenizer);
  assert.deepEqual([model.tokenizer.size, model.tokenizer.endOfText], [256, null]);
  assert.deepEqual([...model.tokenizer.encode('ab')], [97, 98]);
});

test('what is no token is refused in words', async () => {
  assert.throws(() => world.decode([65530]), { name: 'Wkv7Error', message: /65530/ });
  assert.throws(() => world.decode('abc'), TypeError);
  await assert.rejects(Tokenizer.open('no-such-vocabulary.txt'), { status: Status.IO, message: /no-such-vocabulary/ });
});

test('a decoder cuts no character', async () => {
  const bytes = await Tokenizer.open('bytes');
  const decoder = bytes.decoder();
  assert.deepEqual(Array.from(Buffer.from('né🦢'), (byte) => decoder.push(byte)), ['n', '', 'é', '', '', '', '🦢']);
  assert.equal(decoder.push(0xf0), '');
  assert.equal(decoder.finish(), '\ufffd');
  assert.equal(decoder.push(110), 'n');
  decoder.close();
  assert.throws(() => decoder.push(110), { message: '`decoder` is closed' });
  async function* slowly() {
    yield* Buffer.from('né').subarray(0, 2);
  }
  assert.deepEqual(await streamed(bytes, slowly()), ['n', '\ufffd']);
});

test('a conversation', () => {
  const chat = new Chat();
  const messages = [
    { role: 'system', text: 'Be brief.' },
    { role: 'user', text: 'Who are you?' },
  ];
  assert.equal(chat.render(messages), 'System: Be brief.\n\nUser: Who are you?\n\nAssistant:');
  assert.equal(chat.turn('And now?'), '\n\nUser: And now?\n\nAssistant:');
  assert.equal(chat.turn({ role: 'user', text: 'And now?' }), chat.turn('And now?'));
  assert.ok(chat.stops.length > 0 && chat.stops.every((stop) => stop.startsWith('\n\n')));
});

test('thinking is no answer', () => {
  const chat = new Chat({ think: 'think' });
  assert.ok(chat.render([{ role: 'user', text: 'Why?' }]).endsWith('Assistant: <think'));
  assert.equal(chat.answer('>So it is.</think>\nBecause.').trim(), 'Because.');
});

test('tools are described', () => {
  const tools = [{ name: 'weather', arguments: [{ name: 'city', type: 'string' }] }];
  const text = new Chat({ tools }).render([{ role: 'user', text: 'How is it in Graz?' }]);
  assert.match(text, /weather/);
  assert.match(text, /city/);
});

test('wrong options are refused at once', () => {
  assert.throws(() => new Chat({ family: 'swan' }), { status: Status.ARGUMENT, message: /swan/ });
  assert.throws(() => new Chat({ think: 'never' }), { status: Status.ARGUMENT, message: /never/ });
  assert.throws(() => new Chat({ mood: 'good' }), /no option `mood`/);
  const refusal = { name: 'TypeError', message: 'no role `owl`, expected one of: system, user, assistant, tool' };
  assert.throws(() => new Chat().render([{ role: 'owl', text: 'Hoo' }]), refusal);
});
