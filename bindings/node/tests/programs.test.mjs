// The example, the programs that compare languages, and the snippets of the README.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { HERE, MODEL, ROOT, STORY, fed, folder, model, node } from './common.mjs';
import { State } from 'wkv7';

const PACKAGE = path.join(HERE, '..');
const run = (name, ...given) => node([path.join(PACKAGE, name), ...given]);

test('interop goes on from another language\'s state', async () => {
  const place = folder();
  const environment = { WKV7_INTEROP: place };
  for (const [mode, language] of [['write', 'goose'], ['check', 'node']]) {
    const done = await node(['tests/interop.mjs', mode, language], { environment });
    assert.deepEqual(done, { code: 0, stdout: '', stderr: '' });
  }
  const logits = readFileSync(path.join(place, 'goose.logits'));
  assert.deepEqual(logits, Buffer.from((await fed()).logits.buffer));
  const tokens = readFileSync(path.join(place, 'goose.tokens'), 'ascii');
  assert.equal(readFileSync(path.join(place, 'node.from.goose.tokens'), 'ascii'), tokens);
  const numbers = tokens.trim().split(' ').map(Number);
  assert.equal(numbers.length, 64);
  assert.ok(Buffer.from(numbers).toString().startsWith(STORY));
});

test('interop fails in one line', async () => {
  const environment = { WKV7_INTEROP: path.join(folder(), 'nowhere') };
  const { code, stderr } = await node(['tests/interop.mjs', 'write', 'node'], { environment });
  assert.equal(code, 1);
  assert.match(stderr, /^interop\.mjs: .*nowhere.*\n$/);
  assert.equal((await node(['tests/interop.mjs', 'tell', 'node'])).stderr, 'usage: interop.mjs write|check LANG\n');
});

test('decode tells seconds', async () => {
  const { code, stdout } = await run('tests/decode.mjs', '5');
  assert.equal(code, 0);
  assert.ok(Number(stdout) > 0 && Number(stdout) < 60);
});

test('the example chats', async () => {
  const state = path.join(folder(), 'chat.state');
  const given = ['examples/chat.mjs', MODEL, '--seed', '7', '--max-tokens', '20', '--state', state];
  const first = await node(given, { input: 'Hello!\nTell me more.\n\n' });
  assert.deepEqual([first.code, first.stderr], [0, '']);
  assert.equal(first.stdout.match(/\[\d+ tokens, [\d.]+ a second\]/g).length, 2);
  const words = (text) => text.replace(/, [\d.]+ a second/g, '');
  assert.equal(words((await node(given, { input: 'Hello!\nTell me more.' })).stdout), words(first.stdout));
  const saved = await State.load(model, state);
  assert.ok(saved.tokensSeen > 'User: Hello!\n\nAssistant:'.length);
});

test('the example fails in words', async () => {
  const missing = await run('examples/chat.mjs', 'no-such-model');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /^chat\.mjs: no-such-model: .*\n$/);
  const wrong = await run('examples/chat.mjs', '--colour', 'red');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /usage: chat\.mjs MODEL/);
});

test('the snippets of the README do what they say', async () => {
  const page = readFileSync(path.join(PACKAGE, 'README.md'), 'utf8');
  const snippets = [...page.matchAll(/^```(js|cjs)\n([\s\S]*?)^```(?:\n\n```text\n([\s\S]*?)^```)?/gm)];
  assert.ok(snippets.length >= 7);
  const place = folder();
  mkdirSync(path.join(place, 'node_modules'));
  symlinkSync(PACKAGE, path.join(place, 'node_modules', 'wkv7'), 'junction');
  for (const [index, [, kind, text, expected]] of snippets.entries()) {
    const file = path.join(place, `snippet-${index}.${kind === 'js' ? 'mjs' : 'cjs'}`);
    writeFileSync(file, text);
    const { code, stdout, stderr } = await node([file], { cwd: place });
    assert.deepEqual([code, stderr], [0, ''], text);
    if (expected !== undefined) {
      assert.equal(stdout, expected, text);
    }
  }
});

test('the package holds what it needs and nothing else', () => {
  const { files } = JSON.parse(readFileSync(path.join(PACKAGE, 'package.json'), 'utf8'));
  const licences = ['LICENSE-MIT', 'LICENSE-APACHE'];
  assert.deepEqual(files, ['index.*', 'lib', 'types', 'examples', ...licences]);
  for (const name of licences) {
    const ours = readFileSync(path.join(PACKAGE, name), 'utf8');
    assert.equal(ours, readFileSync(path.join(ROOT, name), 'utf8'), `${name} is the project's`);
  }
  const odd = readdirSync(path.join(PACKAGE, 'lib')).filter((name) => !name.endsWith('.cjs'));
  assert.deepEqual(odd, []);
});
