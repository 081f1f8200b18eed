// The library takes any address for what it expects, so things of the wrong kind must not reach it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sampler, State } from 'wkv7';
import { folder, fed, greedy, model } from './common.mjs';

const session = await fed();
const THINGS = {
  'a model': model,
  'a session': session,
  'a state': await session.state(),
  'a sampler': greedy(),
  'a tokenizer': model.tokenizer,
  'a decoder': model.tokenizer.decoder(),
  object: {},
  null: null,
  string: 'goose',
  undefined,
};

/** By what they expect: each gets everything else. */
const CALLS = {
  'a session': {
    'batch.add': (thing) => model.batch().add(thing, 1),
  },
  'a state': {
    'session.setState': (thing) => session.setState(thing),
  },
  'a model': {
    'session.to': (thing) => session.to(thing),
    'State.zeros': (thing) => State.zeros(thing),
    'State.load': (thing) => State.load(thing, `${folder()}/none.state`),
    'State.loadTuned': (thing) => State.loadTuned(thing, `${folder()}/none.pth`),
    'State.fromBytes': (thing) => State.fromBytes(thing, new Uint8Array(8)),
  },
  'a sampler': {
    'session.generate': (thing) => session.generate({ sampler: thing }),
  },
  'a tokenizer': {
    'sampler.accept': (thing) => greedy().accept(1, thing),
  },
};

/** What does without. */
const OPTIONAL = ['session.generate', 'sampler.accept'];

for (const [kind, calls] of Object.entries(CALLS)) {
  for (const [name, call] of Object.entries(calls)) {
    test(`${name} wants ${kind}`, async () => {
      for (const [found, thing] of Object.entries(THINGS)) {
        if (found !== kind && !(thing === undefined && OPTIONAL.includes(name))) {
          await refused(() => call(thing), `expected ${kind}, found ${found}`);
        }
      }
      assert.equal(session.tokensSeen, 16);
    });
  }
}

test('a sampler reads the logits of a session or plain numbers', async () => {
  for (const found of ['a model', 'a state', 'a sampler', 'a tokenizer', 'a decoder']) {
    await refused(() => greedy().sample(THINGS[found]), `expected a session, found ${found}`);
  }
  assert.throws(() => greedy().sample(undefined), TypeError);
});

test('a sampler takes its defaults from a model', async () => {
  for (const found of ['a session', 'a state', 'a sampler']) {
    await refused(() => new Sampler(THINGS[found], { topK: 1 }), `expected a model, found ${found}`);
  }
});

/** Whether at once or by its promise. */
async function refused(call, message) {
  await assert.rejects(async () => call(), { name: 'TypeError', message });
}
