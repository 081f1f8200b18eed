// As a program outside of the checkout would use the package: that it works where it is installed.
import { Model, Sampler, version } from 'wkv7';

const model = await Model.open(process.env.WKV7_MODEL);
const session = model.session();
const text = await session.generate('Once upon a time', { sampler: Sampler.greedy(), maxTokens: 36 }).text();
if (text !== ' there was a clever frog named Max. ') {
  throw new Error(`another story: ${text}`);
}
session.close();
model.close();
console.log(`wkv7 ${version()} from an ES module`);
