// Threads of the package that cannot be started, or end before their time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { node } from './common.mjs';

// The threads that the package starts, by the name of their file, and a reason to start none and to end no generation.
const BEGIN = `
  const os = require('node:os');
  os.availableParallelism = () => 1; // four threads for calls
  const threads = require('node:worker_threads');
  const started = {};
  let refuse;
  threads.Worker = class extends threads.Worker {
    constructor(file, options) {
      if (refuse !== undefined) {
        throw refuse;
      }
      super(file, options);
      (started[require('node:path').basename(file, '.cjs')] ??= []).push(this);
    }

    postMessage(message, ...rest) {
      if (refuse !== undefined && message.job === 'generationEnd') {
        throw refuse;
      }
      super.postMessage(message, ...rest);
    }
  };
  const assert = require('node:assert/strict');
  const { Model, logTo } = require('wkv7');
  const open = (options) => Model.open(process.env.WKV7_MODEL, { threads: 1, ...options });
`;

const PROGRAMS = {
  'the thread of the callbacks does not start at first': `
    refuse = new Error('no memory');
    await assert.rejects(logTo(() => {}), refuse);
    refuse = undefined;
    let told = 0;
    (await open({ onProgress() { told += 1; } })).close();
    assert.ok(told > 0);`,
  'the thread of the callbacks ends while it starts': `
    const asked = logTo(() => {});
    started.listener[0].terminate();
    await assert.rejects(asked, /the thread of the callbacks of wkv7 ended/);
    await logTo(null);`,
  'the thread of the callbacks ends, and the next call gets another': `
    let count = 0;
    await logTo(() => (count += 1), 'trace');
    const asked = logTo(null);
    started.listener[0].terminate();
    await assert.rejects(asked, /the thread of the callbacks of wkv7 ended/);
    (await open()).close();
    await logTo(() => (count += 1), 'trace');
    count = 0;
    (await open({ onProgress() {} })).close();
    await logTo(null);
    assert.ok(count > 0);
    assert.equal(started.listener.length, 2);`,
  'a log whose thread ended is taken back': `
    await logTo(() => assert.fail('nobody hears'), 'trace');
    await started.listener[0].terminate();
    (await open()).close();`,
  'a thread for calls ends, and no other can be started': `
    const model = await open();
    const sessions = Array.from({ length: 9 }, () => model.session());
    const feeding = sessions.map((session) => session.feed(Array(400000).fill(97))); // half a minute
    feeding.forEach((one) => one.catch(() => {}));
    assert.equal(started.worker.length, 4);
    refuse = new Error('no memory');
    for (const [index, worker] of started.worker.entries()) {
      const ended = worker.terminate(); // once the call is back
      sessions[index].cancel();
      await ended;
      await assert.rejects(feeding[index], /a thread of wkv7 ended/);
    }
    // The others waited for these threads, or for those after them.
    for (const one of feeding.slice(4)) {
      await assert.rejects(one, refuse);
    }
    refuse = undefined;
    assert.equal(await sessions[4].feed(1), 1);`,
  'what went wrong first is what a generation fails with': `
    const model = await open();
    const begun = async (session) => {
      const generation = session.generate('Once upon a time');
      await generation.next();
      return generation;
    };
    const [cancelled, closed] = [model.session(), model.session()];
    const generations = [await begun(cancelled), await begun(closed)];
    cancelled.cancel();
    refuse = new Error('no memory');
    await assert.rejects(generations[0].next(), { code: 'WKV7_ERR_CANCELLED' });
    await assert.rejects(generations[1].close(), refuse);`,
  'the process ends after a thread for calls did, with a log': `
    await logTo(() => {}, 'trace');
    const session = (await open()).session();
    for (let round = 0; round < 3; round += 1) {
      const feeding = session.feed(Array(400000).fill(97));
      const ended = started.worker[round].terminate();
      session.cancel();
      await ended;
      await assert.rejects(feeding, /a thread of wkv7 ended/);
      session.clearCancel();
    }
    session.feed(Array(400000).fill(97)).catch(() => {});
    setImmediate(() => process.exit());`,
};

for (const [name, text] of Object.entries(PROGRAMS)) {
  test(name, async () => {
    const { code, stdout, stderr } = await node(['--eval', `${BEGIN} (async () => { ${text} console.log('ok'); })();`]);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'ok\n', stderr: '' });
  });
}
