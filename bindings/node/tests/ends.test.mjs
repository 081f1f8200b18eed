// How programs end, and what becomes of what nobody closed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Model, Status } from 'wkv7';
import { MODEL, TEXT, program } from './common.mjs';

const BEGIN = `
  import * as wkv7 from 'wkv7';
  const model = await wkv7.Model.open(process.env.WKV7_MODEL, { threads: 1 });
  const session = model.session();
  await session.feed('Once upon a time');
  const long = Array(400000).fill(97); // half a minute
`;

const PROGRAMS = {
  'everything is left open': `
    await wkv7.logTo(() => {}, 'trace');
    const state = await session.state();
    const generation = session.generate();
    console.log((await generation.next()).value.text !== '');`,
  'the process ends during a feed': `
    session.feed(long);
    setTimeout(() => { console.log(true); process.exit(0); }, 50);`,
  'the process ends during a feed, with a log': `
    await wkv7.logTo(() => {}, 'trace');
    session.feed(long);
    setTimeout(() => { console.log(true); process.exit(0); }, 50);`,
  'the process ends while models load': `
    for (let n = 0; n < 20; n += 1) wkv7.Model.open(process.env.WKV7_MODEL, { onProgress() {} }).catch(() => {});
    let told = 0;
    await wkv7.Model.open(process.env.WKV7_MODEL, {
      onProgress() { if (told++ === 0) { console.log(true); process.exit(0); } },
    });`,
  'the process ends during a generation': `
    const generation = session.generate({ maxTokens: 1e6 });
    await generation.next();
    console.log(true);
    generation.next();
    process.exit(0);`,
  'a thread of the program uses the package': `
    const { Worker } = await import('node:worker_threads');
    const text = \`
      const wkv7 = require('wkv7');
      const { parentPort } = require('node:worker_threads');
      wkv7.Model.open(process.env.WKV7_MODEL, { threads: 1 }).then(async (model) => {
        const options = { sampler: wkv7.Sampler.greedy(), maxTokens: 6 };
        parentPort.postMessage(await model.session().generate('Once upon a time', options).text());
        model.close();
      });\`;
    const worker = new Worker(text, { eval: true, execArgv: [] });
    worker.on('message', (said) => console.log(said === ' there'));`,
  'a thread of the program ends, and the log of another goes on': `
    const { Worker } = await import('node:worker_threads');
    let count = 0;
    await wkv7.logTo(() => (count += 1), 'trace');
    const text = \`
      const wkv7 = require('wkv7');
      wkv7.Model.open(process.env.WKV7_MODEL, { onProgress() {} }).then((model) => model.close());\`;
    await new Promise((resolve) => new Worker(text, { eval: true, execArgv: [] }).on('exit', resolve));
    count = 0;
    (await wkv7.Model.open(process.env.WKV7_MODEL)).close();
    await wkv7.logTo(null);
    console.log(count > 0);`,
  'a thread of the program ends, and takes its own log with it': `
    const { Worker } = await import('node:worker_threads');
    let count = 0;
    await wkv7.logTo(() => (count += 1), 'trace');
    const text = \`require('wkv7').logTo(() => {}, 'trace');\`;
    await new Promise((resolve) => new Worker(text, { eval: true, execArgv: [] }).on('exit', resolve));
    count = 0;
    (await wkv7.Model.open(process.env.WKV7_MODEL)).close();
    await wkv7.logTo(null);
    console.log(count === 0);`,
};

for (const [name, text] of Object.entries(PROGRAMS)) {
  test(`a program ends well: ${name}`, async () => {
    const { code, stdout, stderr } = await program(BEGIN + text);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'true\n', stderr: '' });
  });
}

test('an error of who hears the log is an uncaught exception, and the log goes on', async () => {
  const { code, stdout, stderr } = await program(`
    import { Model, logTo } from 'wkv7';
    let count = 0;
    const thrown = [];
    process.on('uncaughtException', (error) => thrown.push(error.message));
    await logTo(() => { count += 1; throw new Error('mine'); }, 'trace');
    (await Model.open(process.env.WKV7_MODEL)).close();
    await logTo(null);
    setImmediate(() => console.log(count > 1, thrown.length === count, thrown[0]));`);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'true true mine\n', stderr: '' });
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

/** Waits until `check` does not throw any more, for what the garbage collector does in its own time. */
async function eventually(check) {
  for (let round = 0; ; round += 1) {
    collect();
    await turn();
    try {
      return await check();
    } catch (error) {
      if (round === 500) {
        throw error;
      }
    }
  }
}

test('a session that nobody closed gives its slot back', async () => {
  const model = await Model.open(MODEL, { slots: 1, threads: 1 });
  await (async () => {
    await model.session().feed(TEXT);
  })();
  const session = await eventually(() => model.session());
  assert.equal(session.tokensSeen, 0);
  session.close();
  model.close();
});

test('a generation that nobody ended gives its session back', async () => {
  const model = await Model.open(MODEL, { threads: 1 });
  const session = model.session();
  await (async () => {
    await session.generate(TEXT).next();
  })();
  await eventually(async () => assert.equal(session.tokensSeen, 17));
  await session.feed(1);
  model.close();
});

test('what a call needs is not collected while it runs', async () => {
  const model = await Model.open(MODEL, { threads: 1 });
  const work = Array.from({ length: 6 }, (_, number) => model.session().feed(Array(2000).fill(number + 97)));
  for (let round = 0; round < 20; round += 1) {
    collect();
    await turn();
  }
  assert.deepEqual(await Promise.all(work), Array(6).fill(2000));
});

test('handles may be closed in any order, as often as you like', async () => {
  const model = await Model.open(MODEL, { threads: 1 });
  const session = model.session();
  await session.feed(TEXT);
  const state = await session.state();
  const fork = await session.fork();
  const { tokenizer } = model;
  const decoder = tokenizer.decoder();
  const things = [model, session, state, tokenizer, decoder];
  for (const thing of [...things, ...things]) {
    thing.close();
    thing[Symbol.dispose ?? Symbol.for('Symbol.dispose')]();
  }
  assert.throws(() => session.logits, { status: Status.NULL });
  assert.equal(await fork.generate({ temperature: 0, presence: 0, frequency: 0, maxTokens: 6 }).text(), ' there');
  fork.close();
});
