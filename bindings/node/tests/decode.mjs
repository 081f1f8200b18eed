// `decode.mjs N`: the seconds that N greedy decode steps take, the fastest of three runs.
import { Model, Sampler } from 'wkv7';

async function run(model, steps) {
  const session = model.session();
  await session.feed('Once upon a time');
  const sampler = Sampler.greedy();
  const begun = performance.now();
  for (let step = 0; step < steps; step += 1) {
    await session.feed(sampler.sample(session));
  }
  const seconds = (performance.now() - begun) / 1000;
  session.close();
  return seconds;
}

const model = await Model.open(process.env.WKV7_MODEL);
const runs = [];
for (let time = 0; time < 3; time += 1) {
  runs.push(await run(model, Number(process.argv[2])));
}
console.log(Math.min(...runs));
model.close();
