// Never run, as types.mts, from CommonJS.
import wkv7 = require('wkv7');

export async function tell(path: string): Promise<string> {
  const model: wkv7.Model = await wkv7.Model.open(path);
  const options: wkv7.GenerateOptions = { maxTokens: 3 };
  return model.session().generate('Once', options).text();
}
