// What the tests share: the model, sessions of it, and other programs.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Model, Sampler } from 'wkv7';

export const HERE = path.dirname(fileURLToPath(import.meta.url));
export const ROOT = path.join(HERE, '..', '..', '..');

/** The model that the project's tests share; programs find it in the environment. */
process.env.WKV7_MODEL ??= path.join(ROOT, 'tests', 'golden', 'stories.safetensors');
export const MODEL = process.env.WKV7_MODEL;

export const TEXT = 'Once upon a time';
export const TOKENS = [...Buffer.from(TEXT)];
export const STORY = ' there was a clever frog named Max. ';
/** 20800 tokens, some twenty forwards. */
export const LONG = [...Buffer.from('Once upon a time there was a clever frog named Max. '.repeat(400))];

// One thread: its team meets at spinning barriers, which a machine busy with tests makes slow.
export const model = await Model.open(MODEL, { threads: 1 });
after(() => model.close());

/** A session that has been fed the text. */
export async function fed() {
  const session = model.session();
  await session.feed(TEXT);
  return session;
}

export const greedy = () => Sampler.greedy();

/** What a session goes on with. */
export const goesOn = (session, maxTokens = 40) => session.generate({ sampler: greedy(), maxTokens }).text();

/** A folder that goes away with the tests. */
export function folder() {
  const place = mkdtempSync(path.join(os.tmpdir(), 'wkv7-node-'));
  after(() => rmSync(place, { recursive: true, force: true }));
  return place;
}

/** Runs node. */
export function node(given, { environment = {}, cwd = path.join(HERE, '..'), input = '' } = {}) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NODE_TEST_CONTEXT: '', ...environment };
    const child = spawn(process.execPath, given, { cwd, env });
    const heard = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => (heard[name] += text));
    }
    child.on('error', reject).on('close', (code, signal) => resolve({ code: code ?? signal, ...heard }));
    child.stdin.on('error', () => {}).end(input); // a program need not read it
  });
}

/** Runs a program of one text, an ES module that can import this package. */
export const program = (text, environment) => node(['--input-type=module', '--eval', text], { environment });
