// `interop.mjs write LANG` and `interop.mjs check LANG`: the same numbers and tokens in every language.
//
// `write` leaves the logits, the state and 64 greedy tokens after a text in the folder that WKV7_INTEROP names; `check`
// goes on from the states that the other languages left there.
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Model, Sampler } from 'wkv7';

async function writeTokens(session, place) {
  const tokens = [];
  for await (const piece of session.generate({ sampler: Sampler.greedy(), maxTokens: 64 })) {
    tokens.push(piece.token);
  }
  writeFileSync(place, `${tokens.join(' ')}\n`);
}

async function write(model, language, folder) {
  const session = model.session();
  await session.feed('Once upon a time');
  writeFileSync(path.join(folder, `${language}.logits`), session.logits); // every platform is little-endian
  await session.save(path.join(folder, `${language}.state`));
  await writeTokens(session, path.join(folder, `${language}.tokens`));
  session.close();
}

async function check(model, language, folder) {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.state')).sort()) {
    const other = path.parse(name).name;
    if (other !== language) {
      const session = model.session();
      await session.restore(path.join(folder, name));
      await writeTokens(session, path.join(folder, `${language}.from.${other}.tokens`));
      session.close();
    }
  }
}

function setting(name) {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is not set`);
  }
  return value;
}

const [mode, language, ...more] = process.argv.slice(2);
const action = { write, check }[mode];
if (action === undefined || language === undefined || more.length > 0) {
  console.error('usage: interop.mjs write|check LANG');
  process.exit(1);
}
try {
  const model = await Model.open(setting('WKV7_MODEL'));
  await action(model, language, setting('WKV7_INTEROP'));
  model.close();
} catch (error) {
  console.error(`interop.mjs: ${error.message}`);
  process.exitCode = 1;
}
