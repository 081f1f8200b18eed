// A chat in the terminal: `node chat.mjs MODEL [--think off] [--state FILE]`.
//
// An empty line or the end of the input ends it; Ctrl-C ends an answer.
import readline from 'node:readline';
import { parseArgs } from 'node:util';
import { Chat, Model, Sampler } from 'wkv7';

const USAGE = `usage: chat.mjs MODEL [options]
  --family NAME      g1 (the default) or world
  --think HOW        plain, off (the default), fake, think, bit, some or lot
  --max-tokens N     of an answer, 1000 by default
  --seed N           to repeat a chat
  --state FILE       where to save the state at the end`;

const text = { type: 'string' };
const options = { family: text, think: { ...text, default: 'off' }, 'max-tokens': text, seed: text, state: text };

/** Prints an answer as it comes, until it ends or Ctrl-C ends it. */
async function answer(session, settings) {
  const controller = new AbortController();
  const interrupt = () => controller.abort();
  process.once('SIGINT', interrupt);
  const generation = session.generate({ ...settings, signal: controller.signal });
  try {
    for await (const piece of generation) {
      process.stdout.write(piece.text);
    }
  } catch (error) {
    if (!controller.signal.aborted) {
      throw error;
    }
    process.stdout.write(' ...');
  } finally {
    process.off('SIGINT', interrupt);
  }
  const { tokens, seconds } = generation.result;
  console.log(`\n[${tokens} tokens, ${(tokens / Math.max(seconds, 1e-9)).toFixed(1)} a second]`);
}

async function main(place, given) {
  const chat = new Chat({ family: given.family ?? '', think: given.think });
  const model = await Model.open(place);
  const session = model.session();
  const sampler = new Sampler(model, given.seed === undefined ? {} : { seed: BigInt(given.seed) });
  const settings = { sampler, maxTokens: Number(given['max-tokens'] ?? 1000), stop: chat.stops };
  const lines = readline.createInterface({ input: process.stdin });
  const ask = () => process.stdout.write('> ');
  let begun = false;
  ask();
  for await (const line of lines) {
    if (line.trim() === '') {
      break;
    }
    await session.feed(begun ? chat.turn(line.trim()) : chat.render([{ role: 'user', text: line.trim() }]));
    begun = true;
    await answer(session, settings);
    ask();
  }
  lines.close();
  if (given.state !== undefined) {
    await session.save(given.state);
  }
  session.close();
  model.close();
}

let parsed;
try {
  parsed = parseArgs({ options, allowPositionals: true });
} catch (error) {
  console.error(error.message);
}
if (parsed?.positionals.length !== 1) {
  console.error(USAGE);
  process.exit(2);
}
try {
  await main(parsed.positionals[0], parsed.values);
} catch (error) {
  console.error(`chat.mjs: ${error.message}`);
  process.exitCode = 1;
}
