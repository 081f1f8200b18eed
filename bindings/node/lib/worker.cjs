'use strict';

// What a thread of workers.cjs runs: one job at a time.

const { parentPort, workerData } = require('node:worker_threads');
const { running, number } = workerData;

let jobs;
let broken;
try {
  jobs = require('./jobs.cjs');
} catch (why) {
  broken = why;
}

/** The buffers of a result, which are given away rather than copied. */
function buffersOf(value) {
  const arrays = (Array.isArray(value) ? value : [value]).filter((one) => ArrayBuffer.isView(one));
  return [...new Set(arrays.map((one) => one.buffer))];
}

function done({ job, given }) {
  try {
    if (broken !== undefined) {
      throw broken;
    }
    return { value: jobs[job](...given) };
  } catch (error) {
    return { error: { status: error.status, message: error.message } };
  } finally {
    Atomics.store(running, number, 0);
    Atomics.notify(running, number);
  }
}

parentPort.on('message', (message) => {
  const answer = done(message);
  parentPort.postMessage(answer, buffersOf(answer.value));
});
