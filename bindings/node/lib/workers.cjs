'use strict';

// Threads for calls that compute, wait for a device or read a disk, so that the event loop of the caller goes on.
//
// A call that fails leaves its text with the thread that made it, so the thread that calls must also be the one that
// asks for the text. That rules out koffi's own asynchronous calls, where every call takes whichever thread is free.
// Here each thread makes plain calls, one job (jobs.cjs) at a time, and answers with a result or an error that is
// complete. Any thread will do for any handle: an address means the same in all of them.

const os = require('node:os');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const callbacks = require('./callbacks.cjs');
const { Wkv7Error } = require('./errors.cjs');
const log = require('./log.cjs');

/** Jobs at a time. More would only wait for the same cores; those that wait here cost no thread. */
const MOST = Math.max(4, os.availableParallelism?.() ?? os.cpus().length);

/**
 * Whether a thread has a job that is not finished, for each by its number, where a thread that may not go on with its
 * events can see it. A flag each, rather than a count: a thread that was ended may or may not have got to its own.
 */
const running = new Int32Array(new SharedArrayBuffer(4 * MOST));
/** Numbers that no thread has. */
const free = Array.from(running.keys());

/** Milliseconds that the end of a process waits for its jobs: longer than a forward of a large model takes. */
const PATIENCE = 60_000;

/** Threads without a job, the one that had one last at the end: its memory is the warmest. */
const idle = [];
/** Jobs without a thread, the oldest first. */
const waiting = [];
/** What ends the jobs that run, each as well as it can be ended. */
const stops = new Set();

/**
 * Runs a job in another thread.
 * @param {string} job one of jobs.cjs
 * @param {unknown[]} given what it gets: plain values, copied
 * @param {{ transfer?: ArrayBuffer[], stop?: () => void }} [how] buffers to give away instead of copying; what asks the
 *   job to end, for when the process ends
 */
function run(job, given, { transfer = [], stop } = {}) {
  const asked = {}; // where from: what fails in another thread should name the line of the caller
  Error.captureStackTrace(asked, run);
  return new Promise((resolve, reject) => {
    const task = { message: { job, given }, transfer, stop, asked, resolve, reject };
    const thread = idle.pop() ?? (free.length > 0 ? started() : undefined);
    if (thread === undefined) {
      waiting.push(task);
    } else {
      begin(thread, task);
    }
  });
}

function begin(thread, task) {
  thread.task = task;
  if (task.stop !== undefined) {
    stops.add(task.stop);
  }
  Atomics.store(running, thread.number, 1);
  try {
    thread.worker.postMessage(task.message, task.transfer);
  } catch (why) {
    Atomics.store(running, thread.number, 0);
    end(thread, () => task.reject(why)); // something that cannot be copied
    return;
  }
  thread.worker.ref(); // the process lasts for as long as somebody computes
}

/** The thread has nothing to do any more. */
function end(thread, settle) {
  const { task } = thread;
  thread.task = undefined;
  if (task.stop !== undefined) {
    stops.delete(task.stop);
  }
  const next = waiting.shift();
  if (next === undefined) {
    thread.worker.unref();
    idle.push(thread);
  } else {
    begin(thread, next);
  }
  settle();
}

function started() {
  const number = free.at(-1);
  const worker = new Worker(path.join(__dirname, 'worker.cjs'), {
    name: 'wkv7',
    workerData: { running, number },
    execArgv: [], // what the main thread was started with is not for this one
  });
  free.pop(); // not sooner: there may be no thread
  const thread = { worker, number, task: undefined };
  worker.on('message', ({ value, error }) => {
    const { task } = thread;
    end(thread, () => (error === undefined ? task.resolve(value) : task.reject(errorOf(error, task.asked))));
  });
  // A thread ends by itself only where it cannot go on, such as for want of memory.
  let why = new Error('a thread of wkv7 ended');
  worker.on('error', (error) => (why = error));
  worker.on('exit', () => {
    Atomics.store(running, number, 0);
    free.push(number);
    const { task } = thread;
    if (task === undefined) {
      idle.splice(idle.indexOf(thread), 1);
      return;
    }
    stops.delete(task.stop);
    task.reject(why);
    replace();
  });
  return thread;
}

/** Starts a thread for the next job that waits. */
function replace() {
  const next = waiting.shift();
  if (next === undefined) {
    return;
  }
  let thread;
  try {
    thread = started();
  } catch (why) {
    next.reject(why);
    if (free.length === MOST) {
      waiting.splice(0).forEach((task) => task.reject(why)); // there is no thread that could take them
    }
    return;
  }
  begin(thread, next);
}

/** An error of another thread, as if the call that asked had thrown it. */
function errorOf({ status, message }, asked) {
  const error = status === undefined ? new Error(message) : new Wkv7Error(message, status);
  error.stack = `${error.name}: ${message}${asked.stack.slice(asked.stack.indexOf('\n'))}`;
  return error;
}

// A process that ends takes its threads with it, but cannot leave a call of the library. So those are asked to end.
process.on('exit', () => {
  for (const stop of stops) {
    stop();
  }
  // They may need the thread of the callbacks for as long as they last, which ends in no particular order with them.
  if (callbacks.inUse()) {
    const last = Date.now() + PATIENCE;
    for (const number of running.keys()) {
      Atomics.wait(running, number, 1, Math.max(0, last - Date.now()));
    }
    log.release();
  }
});

module.exports = { run };
