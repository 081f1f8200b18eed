'use strict';

const { withCallback } = require('./callbacks.cjs');

/**
 * What `work` comes to, heard and stopped. What was thrown, or aborted it, is what the caller gets, even where the work was
 * done sooner.
 * @param {'progress' | 'step'} kind which callback
 * @param {AbortSignal | undefined} signal
 * @param {(ways: { end: () => void, refuse: (reason: unknown) => void }, ...told: any[]) => void} hear is told until it, or
 *   something else, ended the work: by itself, or with what the caller is to get
 * @param {(progress: { callback: bigint, user: bigint }, stop: () => void) => Promise<unknown>} work as of `withCallback`
 * @param {(pointer: unknown) => void} free lets go of what the work came to, where the caller does not get it
 */
async function watched(kind, signal, hear, work, free) {
  let why; // an array of what the caller gets
  let ended = false;
  let stop = () => {};
  const end = () => {
    ended = true;
    stop();
  };
  const refuse = (reason) => {
    why ??= [reason];
    end();
  };
  const told = (...what) => {
    if (ended) {
      return;
    }
    try {
      hear({ end, refuse }, ...what);
    } catch (error) {
      refuse(error);
    }
  };
  const abort = () => refuse(signal.reason);
  signal?.addEventListener('abort', abort, { once: true });
  let pointer;
  try {
    pointer = await withCallback(kind, told, (progress, stopWork) => {
      stop = stopWork;
      if (ended) {
        stop();
      }
      return work(progress, stopWork);
    });
  } catch (error) {
    throw why === undefined ? error : why[0];
  } finally {
    signal?.removeEventListener('abort', abort);
  }
  if (why !== undefined) {
    free(pointer);
    throw why[0];
  }
  return pointer;
}

module.exports = { watched };
